"""The conversation, with a script in the place of the person."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nextword.predictor import Predictor
from nextword.repl import Repl


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


def test_help_names_every_command(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, "/help")
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("/top", "/state", "/undo", "/reset", "/help", "/quit"))


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


def test_the_end_of_input_ends_the_conversation(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    converse(predictor, EOFError, "The cat")
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_prompt_appears_a_line_is_answered_and_ctrl_d_leaves(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nextword", "repl", "-k", "1", "-c", str(tiny_checkpoint)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**cli_environment, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(slave)
    shown = b""

    def wait_for(expected: bytes) -> bytes:
        """Everything shown up to `expected`, which is then taken off."""
        nonlocal shown
        while expected not in shown:
            readable, _, _ = select.select([master], [], [], 60)
            assert readable, f"no {expected!r} in {shown!r}"
            shown += os.read(master, 4096)
        before, _, shown = shown.partition(expected)
        return before

    try:
        wait_for(b">")
        os.write(master, b"My mother-in-law and I went\r")
        assert b"to" in wait_for(b"%").rpartition(b"went")[2]
        wait_for(b">")
        os.write(master, b"\x04")
        while True:
            try:
                rest = os.read(master, 4096)
            except OSError:  # Linux says so when the other end is closed
                break
            if not rest:
                break
            assert b"Traceback" not in rest
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
