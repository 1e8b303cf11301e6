"""The conversation, with a script in the place of the person."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cli import RunCLI
from support.terminal import Terminal

from nextword.analysis.explain import explain
from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor
from nextword.inference.session_store import SessionStore
from nextword.interactive.repl import COMMANDS, Repl


def reader(*lines: str | type[BaseException]) -> Callable[[], str]:
    """A `read_line` that gives the lines, raises the exceptions, and then ends as Ctrl-D does."""
    script: Iterator[str | type[BaseException]] = iter(lines)

    def read_line() -> str:
        line = next(script, EOFError)
        if isinstance(line, str):
            return line
        raise line

    return read_line


def converse(predictor: Predictor, *lines: str | type[BaseException], k: int = 2) -> Repl:
    repl = Repl(predictor, k)
    repl.run(reader(*lines))
    return repl


def answer(predictor: Predictor, text: str, k: int = 2) -> str:
    return "".join(f"{p.word}\t{p.probability:.6f}\n" for p in predictor.predict(text, k))


def test_lines_are_answered_and_remembered(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "Anna lives in Paris. My mother-in-law", "and I went", k=3)
    expected = answer(predictor, "Anna lives in Paris. My mother-in-law", 3)
    expected += answer(predictor, "Anna lives in Paris. My mother-in-law and I went", 3)
    shown = capsys.readouterr()
    assert shown.out == expected
    assert shown.err == ""


def test_an_empty_line_reads_nothing(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "The cat", "", "  ")
    assert capsys.readouterr().out == 3 * answer(predictor, "The cat")


def test_unknown_words_are_named_on_stderr(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "The Zeppelin and the \u202eok sat")
    shown = capsys.readouterr()
    assert shown.err.startswith("Note: not in the vocabulary: Zeppelin, ")
    assert "\u202e" not in shown.err
    assert len(shown.out.splitlines()) == 2


def test_undo_takes_the_last_line_back(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "The cat", "sat on the", "/undo", "/undo", "/undo")
    shown = capsys.readouterr()
    assert shown.out == "".join(answer(predictor, text) for text in ("The cat", "The cat sat on the", "The cat", ""))
    assert shown.err == "Note: there is nothing to take back\n"


def test_reset_forgets_and_undo_brings_back(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    repl = converse(predictor, "The cat sat", "/reset", "/undo")
    expected = answer(predictor, "The cat sat") + answer(predictor, "") + answer(predictor, "The cat sat")
    assert capsys.readouterr().out == expected
    assert repl.session.words_seen == 3


def test_top_sets_how_many_words_are_suggested(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "The cat", "/top 4", "sat")
    expected = answer(predictor, "The cat") + answer(predictor, "The cat", 4) + answer(predictor, "The cat sat", 4)
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("argument", ["", " 0", " -1", " many", " ²", " 1.5"])
def test_top_without_a_count_asks_for_one(
    predictor: Predictor, capsys: pytest.CaptureFixture[str], argument: str
) -> None:
    repl = converse(predictor, f"/top{argument}")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "/top 5" in shown.err
    assert repl.k == 2


def test_state_shows_every_layer_and_the_words_seen(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "The cat sat", "/state")
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[0].split() == ["words", "seen", "3"]
    assert [line.split()[:2] for line in lines[1:]] == [["layer", "1"], ["layer", "2"]]


def explained(shown: str) -> list[list[str]]:
    """The words of the drawings in what was shown, and the surprisals under them."""
    lines = shown.splitlines()
    places = [place for place, line in enumerate(lines) if re.match(r"bits +\d", line)]
    return [part for place in places for part in (lines[place - 1].split()[:-1], lines[place].split()[1:])]


def test_explain_explains_the_line_after_which_the_session_is(
    predictor: Predictor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = [
        "The cat sat",
        "on the mat.",
        "/forget cat",
        "",
        "/explain",
        "/undo",
        "/undo",
        "/explain",
        "/undo",
        "/explain",
    ]
    Repl(predictor, 2, AdaptConfig()).run(reader(*lines, "Anna", "/reset", "/explain"))
    shown = capsys.readouterr()
    whole = explain(predictor, "The cat sat on the mat.")
    bits = [f"{word.surprisal:.1f}" for word in whole.words]
    expected = [["on", "the", "mat", "."], bits[3:], ["The", "cat", "sat"], bits[:3]]
    assert explained(shown.out) == expected
    assert shown.err.splitlines()[-2:] == 2 * ["Note: no line was read to get here; type one first"]


def test_explain_shows_the_beginning_of_a_long_line(
    predictor: Predictor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "5000")
    converse(predictor, "The cat " * 60, "/explain")
    shown = capsys.readouterr()
    assert explained(shown.out)[0] == ["The", "cat"] * 50
    assert shown.err == "Note: only the first 100 words of the line are shown\n"


def test_why_has_a_line_for_every_suggestion_or_says_that_nothing_was_read(
    predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    converse(predictor, "/why", "Anna lives in Paris.", "The cat sat on the", "/why", k=3)
    shown = capsys.readouterr()
    expected = predictor.predict("Anna lives in Paris. The cat sat on the", 3)
    lines = shown.out.splitlines()[-3:]
    assert [line.partition(": ")[0] for line in lines] == [prediction.word for prediction in expected]
    assert all(" bits" in line and ("sat +" in line or "on +" in line or "the +" in line) for line in lines)
    assert shown.err == "Note: there is nothing that could be read anew; type a line first\n"


def test_help_names_every_command(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "/help")
    shown = capsys.readouterr().out
    assert all(f"{command.usage} " in shown and command.help in shown for command in COMMANDS)
    assert max(map(len, shown.splitlines())) < 100


def test_quit_leaves_and_reads_no_further(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "/quit", "The cat")
    assert capsys.readouterr() == ("", "")


def test_an_unknown_command_is_no_text(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    repl = converse(predictor, "/sing \x1b", "/QUIT")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "/sing" in shown.err
    assert "/help" in shown.err
    assert "\x1b" not in shown.err
    assert repl.session.words_seen == 0


def test_ctrl_c_drops_the_line_and_nothing_else(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "The cat", KeyboardInterrupt, "sat on the")
    shown = capsys.readouterr()
    assert shown.out == answer(predictor, "The cat") + answer(predictor, "The cat sat on the")
    assert shown.err == ""


def test_ctrl_c_while_a_line_is_read_or_a_list_is_shown_leaves_the_state_as_it_was(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repl = kept(predictor, tmp_path, "The cat")
    before = repl.session.snapshot

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(predictor.network, "read", interrupt)
        patch.setattr("nextword.terminal.results.show_learned", interrupt)
        repl.run(reader("sat on the mat", "/learned"))
    assert repl.session.snapshot is before
    repl.run(reader("sat"))
    assert repl.session.words_seen == 3
    assert repl.session.undo()
    assert repl.session.snapshot is before


def test_the_end_of_input_ends_the_conversation(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, EOFError, "The cat")
    assert capsys.readouterr() == ("", "")


def kept(predictor: Predictor, folder: Path, *lines: str | type[BaseException], name: str | None = None) -> Repl:
    """A conversation that adapts and may be kept in `folder`."""
    repl = Repl(predictor, 2, AdaptConfig(), SessionStore(folder), name)
    repl.run(reader(*lines))
    return repl


def test_a_named_conversation_is_saved_with_every_line_and_goes_on_in_the_next(
    predictor: Predictor, tmp_path: Path
) -> None:
    store = SessionStore(tmp_path)
    repl = Repl(predictor, 2, AdaptConfig(), store, "diary")
    repl.answer("Zoltan lives in Paris.")
    assert store.load("diary", predictor, AdaptConfig()).words_seen == 5  # without leaving: a kill loses nothing
    repl.answer("The cat")
    later = kept(predictor, tmp_path, name="diary")
    whole = predictor.session(AdaptConfig())
    whole.feed("Zoltan lives in Paris. The cat")
    assert later.session.suggest(1000) == [
        type(p)(p.word, pytest.approx(p.probability, abs=1e-5)) for p in whole.suggest(1000)
    ]
    repl.answer("/undo")
    assert store.load("diary", predictor, AdaptConfig()).words_seen == 5


def test_save_load_and_sessions(predictor: Predictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(predictor, tmp_path, "/sessions", "The cat sat", "/save one", "on the mat", "/reset", "/save two", "/sessions")
    shown = capsys.readouterr()
    assert shown.out.endswith("one\ntwo (this one)\n")
    assert "none is kept yet" in shown.err
    repl = kept(predictor, tmp_path, "The dog", "/load one", "/load two")
    assert repl.session.words_seen == 0
    repl = kept(predictor, tmp_path, "/load one")
    assert repl.session.words_seen == 0  # /reset came while it was "one"
    assert (tmp_path / "one.safetensors").stat().st_mode & 0o777 == 0o600


def test_a_conversation_that_is_not_there_is_named_and_the_present_one_goes_on(
    predictor: Predictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repl = kept(predictor, tmp_path, "The cat", "/load diary", "/save ../x", "/save", "/load", "sat")
    shown = capsys.readouterr()
    assert repl.session.words_seen == 3
    assert [line.split(":")[0] for line in shown.err.splitlines()] == ["Error", "Hint", "Error", "Hint", "Note", "Note"]
    assert "'diary'" in shown.err
    assert "'../x'" in shown.err
    assert not list(tmp_path.iterdir())


def test_a_line_that_cannot_be_saved_is_answered_all_the_same(
    predictor: Predictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    repl = kept(predictor, tmp_path / "file" / "folder", "/forget cat", "The cat")
    capsys.readouterr()
    store = SessionStore(tmp_path / "sessions")
    repl = Repl(predictor, 2, None, store, "diary")
    (tmp_path / "sessions").write_text("")
    repl.run(reader("The cat", "sat"))
    shown = capsys.readouterr()
    assert shown.out == answer(predictor, "The cat") + answer(predictor, "The cat sat")
    assert shown.err.count("Error:") == 2
    assert str(tmp_path / "sessions") in shown.err
    assert repl.session.words_seen == 3


def test_private_conversations_are_not_kept(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "/save diary", "/load diary", "/sessions")
    assert capsys.readouterr().err.count("Error: with --private nothing is kept on disk") == 3


def test_learned_shows_new_words_first_and_forget_takes_them_away(
    predictor: Predictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(predictor, tmp_path, "/learned", "The cat, the cat and Zoltan", "/learned", "/forget zoltan", "/learned")
    shown = capsys.readouterr()
    lists = [line.split() for line in shown.out.splitlines() if "\t" not in line]
    assert lists == [
        *(["1", "Zoltan", "(new)"], ["2", "the"], ["2", "cat"], ["1", "and"]),
        *(["2", "the"], ["2", "cat"], ["1", "and"]),
    ]
    assert "nothing was read yet" in shown.err
    assert "zoltan is forgotten" in shown.err
    kept(predictor, tmp_path, "/forget zoltan", "/forget")
    assert capsys.readouterr().err.splitlines() == [
        "Note: zoltan is not among the words learned; /learned lists them",
        "Note: which word? /learned lists them",
    ]
    converse(predictor, "The cat", "/learned")
    assert "--no-adapt" in capsys.readouterr().err


def test_a_long_list_of_learned_words_is_cut(
    predictor: Predictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(predictor, tmp_path, " ".join(f"zz{number}zz" for number in range(50)), "/learned")
    shown = capsys.readouterr()
    assert shown.out.count("(new)") == 20
    assert shown.err.endswith("Note: and 30 more\n")


def test_a_live_conversation_shows_where_the_text_is_and_no_list(
    predictor: Predictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repl = Repl(predictor, 2, AdaptConfig(), SessionStore(tmp_path), "diary", live=True)
    repl.run(reader("Zoltan sat", "on \x1b[2J the mat", "", "/undo", "/undo", "/undo"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "Note: the text ends: Zoltan sat",
        "Note: the text is empty",
        "Note: there is nothing to take back",
    ]
    Repl(predictor, 2, AdaptConfig(), SessionStore(tmp_path), "diary", live=True).run(
        reader("The cat sat on the mat. " * 5, "/load diary")
    )
    assert capsys.readouterr().err.endswith("on the mat. The cat sat on the mat.\n")


@pytest.mark.slow
def test_on_a_terminal_words_are_suggested_and_taken_and_ctrl_d_leaves_it_as_it_was(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    with Terminal(["-k", "1", "-c", str(tiny_checkpoint)], cli_environment, tmp_path) as terminal:
        terminal.wait_for("> ")
        terminal.wait_for("  1 ")
        terminal.type("The dog sat\x03")
        terminal.wait_for("  1 ")
        terminal.type("Anna lives in Par\t.\r/state\r")
        terminal.wait_for("words seen  5")
        terminal.wait_for("  1 ")  # from here on the keys are the prompt's, not the terminal's
        terminal.type("\x04")
        terminal.leave()
        assert terminal.process.wait(60) == 0
    history = Path(os.environ["XDG_DATA_HOME"], "nextword", "history")
    assert history.stat().st_mode & 0o777 == 0o600
    lines = [line for line in history.read_text("utf-8").splitlines() if line.startswith("+")]
    assert lines == ["+Anna lives in Paris.", "+/state"]


def test_a_terminal_that_cannot_be_drawn_on_gets_no_prompt_and_no_escape_sequence(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    plain = {**cli_environment, "TERM": "dumb"}
    with Terminal(["-k", "1", "-c", str(tiny_checkpoint)], plain, tmp_path) as terminal:
        terminal.type("My mother-in-law and I went\n")
        shown = terminal.wait_for("to\t")
        terminal.type("\x04")
        shown += terminal.leave()
        assert terminal.process.wait(60) == 0
    assert "\x1b" not in shown
    assert ">" not in shown


@pytest.mark.slow
@pytest.mark.parametrize(("no_color", "colored"), [("1", False), ("false", False), ("", True)])
def test_with_no_color_words_are_suggested_and_taken_as_ever_and_nothing_has_a_color(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, no_color: str, colored: bool
) -> None:
    surroundings = {**cli_environment, "NO_COLOR": no_color}
    with Terminal(["-c", str(tiny_checkpoint)], surroundings, tmp_path) as terminal:
        shown = terminal.wait_for("  5 ")
        terminal.type("Anna lives in Par\t.\r/why\r/explain\r/state\r")
        shown += terminal.wait_for("words seen  5") + terminal.wait_for("  1 ")
        terminal.type("\x04")
        shown += terminal.leave()
    assert "\x1b[" in shown
    assert bool(re.search(r"\x1b\[[0-9;:]*m", shown)) is colored


def modes_said(terminal: Terminal) -> str:
    """What the shell says of its terminal."""
    terminal.type("echo 'mo'des \"$(stty -g)\".\r")
    terminal.wait_for("modes ")
    return terminal.wait_for(".")


@pytest.mark.slow
def test_ctrl_z_leaves_the_terminal_to_the_shell_and_fg_brings_prompt_and_line_back(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    with Terminal(["-c", str(tiny_checkpoint)], cli_environment, tmp_path, in_shell=True) as terminal:
        terminal.wait_for("  5 ")
        prompting = terminal.modes
        terminal.type("Anna lives in Par\x1a")
        terminal.wait_for("(shell) ")
        during = modes_said(terminal)
        terminal.wait_for("(shell) ")
        terminal.type("fg\r")
        terminal.wait_for("> Anna lives in Par")
        terminal.wait_for("  1 ")
        assert terminal.modes == prompting
        os.kill(terminal.job, signal.SIGTSTP)  # by somebody else
        terminal.wait_for("(shell) ")
        assert modes_said(terminal) == during
        terminal.wait_for("(shell) ")
        terminal.type("bg\r")
        terminal.wait_for("(shell) ")
        terminal.type("fg\r")
        terminal.wait_for("> Anna lives in Par")
        terminal.wait_for("  1 ")
        terminal.type("\t.\r/state\r")
        terminal.wait_for("words seen  5")
        terminal.wait_for("  1 ")
        terminal.type("/qui\x1a")
        terminal.wait_for("(shell) ")
        terminal.type("fg\r")
        terminal.wait_for("> /qui")
        terminal.type("\t\r")
        terminal.wait_for("(shell) ")
        assert modes_said(terminal) == during
        terminal.type("exit\r")
        terminal.leave()


@pytest.mark.slow
def test_a_suspended_conversation_that_is_ended_ends_when_it_goes_on_and_its_lines_are_kept(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, run_cli: RunCLI
) -> None:
    arguments = ["--session", "diary", "-c", str(tiny_checkpoint)]
    with Terminal(arguments, cli_environment, tmp_path, in_shell=True) as terminal:
        terminal.wait_for("  5 ")
        terminal.type("Zoltan lives in\r")
        terminal.wait_for("  1 ")
        terminal.type("Par\x1a")
        job = terminal.job
        terminal.wait_for("(shell) ")
        os.kill(job, signal.SIGTERM)
        terminal.type("fg\r")
        terminal.wait_for("(shell) ")
        terminal.type("echo 'le'ft with $?.\r")
        terminal.wait_for("left with 143.")
        terminal.type("exit\r")
        terminal.leave()
    assert "words seen  3" in run_cli("repl", *arguments, stdin="/state\n").stdout


@pytest.mark.slow
def test_where_no_shell_could_go_on_and_on_a_pipe_ctrl_z_is_nothing(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, run_cli: RunCLI
) -> None:
    with Terminal(["-c", str(tiny_checkpoint)], cli_environment, tmp_path) as terminal:
        terminal.wait_for("  5 ")
        terminal.type("Anna lives in \x1aPar\x1a")
        terminal.type("\t.\r/state\r")
        terminal.wait_for("words seen  5")
        terminal.wait_for("  1 ")
        terminal.type("\x04")
        terminal.leave()
    done = run_cli("repl", "-k", 1, "-c", tiny_checkpoint, stdin="Anna \x1alives\x1a\nin\n")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.slow
def test_a_damaged_history_and_a_damaged_session_are_named_left_alone_and_no_reason_to_stop(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    history = Path(os.environ["XDG_DATA_HOME"], "nextword", "history")
    session = history.with_name("sessions") / "diary.safetensors"
    session.parent.mkdir(parents=True)
    for file in (history, session):
        file.write_bytes(b"\0damaged")
    with Terminal(["-c", str(tiny_checkpoint)], cli_environment, tmp_path) as terminal:
        assert str(history) in terminal.wait_for("> ")
        terminal.type("/load diary\r")
        terminal.wait_for("Error: ")
        assert str(session) in terminal.wait_for("Hint: ")
        terminal.type("The cat sat\r/quit\r")
        terminal.leave()
        assert terminal.process.wait(60) == 0
    assert history.read_bytes() == session.read_bytes() == b"\0damaged"


@pytest.mark.slow
def test_private_leaves_nothing_on_the_disk(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, run_cli: RunCLI
) -> None:
    with Terminal(["--private", "-c", str(tiny_checkpoint)], cli_environment, tmp_path) as terminal:
        terminal.wait_for("> ")
        terminal.type("The password is xyzzy\r/quit\r")
        terminal.leave()
        assert terminal.process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
    refused = run_cli("repl", "--private", "--session", "diary", "-c", tiny_checkpoint)
    assert refused.returncode == 2
    assert "--private" in refused.stderr


@pytest.mark.slow
def test_a_conversation_on_a_pipe_goes_on_in_the_next_process(tiny_checkpoint: Path, run_cli: RunCLI) -> None:
    arguments = ("repl", "--session", "diary", "-k", "1", "-c", tiny_checkpoint)
    assert run_cli(*arguments, stdin="Zoltan lives in\n").returncode == 0
    later = run_cli(*arguments, stdin="Paris\n/state\n/learned\n")
    assert later.stdout.splitlines()[1].split() == ["words", "seen", "4"]
    assert "1  Zoltan  (new)" in later.stdout
    assert run_cli("repl", "--session", "a/b", "-c", tiny_checkpoint).returncode == 2


def test_no_adapt_learns_nothing(tiny_checkpoint: Path, run_cli: RunCLI) -> None:
    done = run_cli("repl", "--no-adapt", "-c", tiny_checkpoint, stdin="Zoltan\n/learned\n")
    assert done.returncode == 0
    assert "nothing is learned with --no-adapt" in done.stderr
