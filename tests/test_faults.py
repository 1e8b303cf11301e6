"""What real machines and hostile texts do to every command: nothing raw, nothing lost, no traceback."""

from __future__ import annotations

import io
import os
import pty
import random
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fuzz.large_texts import learned, write
from support.cli import RunCLI
from support.networks import network_config
from support.screens import HOSTILE, assert_nothing_raw
from support.terminal import Terminal

from nextword.cli import main as cli
from nextword.cli.options import named_texts
from nextword.config import FormatConfig, TrainConfig
from nextword.storage import checkpoint
from nextword.storage.checkpoint import load_checkpoint, save_checkpoint
from nextword.storage.locations import newest_checkpoint
from nextword.training.train import train

pytestmark = pytest.mark.slow

TEXT = " ".join(HOSTILE) + " "
NAME = "a b\x1b[2J[bold]\u202e\u00fc"
PLAIN = [{"TERM": "dumb"}, {"NO_COLOR": "1"}]

OnTerminal = Callable[..., "tuple[int, str]"]


@pytest.fixture(scope="module")
def hostile_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text of hostile words and a file that is none, both with a hostile name."""
    chance = random.Random(1)
    folder = tmp_path_factory.mktemp("hostile")
    paragraphs = [" ".join(chance.choice(HOSTILE) for _ in range(60)) for _ in range(60)]
    (folder / f"{NAME}.txt").write_text("\n\n".join(paragraphs), encoding="utf-8", newline="")
    (folder / f"{NAME}.png").write_bytes(b"\x89PNG\0")
    return folder


@pytest.fixture(scope="module")
def hostile_checkpoint(hostile_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose words, name, and tale of its training are hostile."""
    out = tmp_path_factory.mktemp("checkpoints")
    network = network_config(embedding_dim=8, hidden_size=8, num_layers=1)
    settings = TrainConfig(tokenizer="whitespace", max_steps=2, device="cpu", precision="fp32", out=str(out), name="x")
    checkpoint = load_checkpoint(train(hostile_corpus, network, settings))
    assert set(HOSTILE) <= set(checkpoint.tokenizer.words)
    path = out / f"{NAME}.safetensors"
    save_checkpoint(path, replace(checkpoint, training={**checkpoint.training, NAME: {NAME: NAME}, "corpus": TEXT}))
    return path


@pytest.fixture
def on_terminal(tmp_path: Path, cli_environment: dict[str, str]) -> OnTerminal:
    """Run `nextword ARGUMENTS` with a terminal to write on; its exit code, and all that was written."""

    def run(*arguments: object, stdin: bytes | None = None, **environment: str) -> tuple[int, str]:
        master, slave = pty.openpty()
        settings = termios.tcgetattr(slave)
        settings[1] &= ~termios.OPOST  # the terminal adds nothing of its own
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        with subprocess.Popen(
            [sys.executable, "-m", "nextword", *map(str, arguments)],
            stdin=slave if stdin is None else subprocess.PIPE,
            stdout=slave,
            stderr=slave,
            env={"TERM": "xterm-256color", **cli_environment, **environment},
            cwd=tmp_path,
            start_new_session=True,
        ) as process:
            os.close(slave)
            if process.stdin:
                process.stdin.write(stdin or b"")
                process.stdin.close()
            shown = b""
            try:
                while block := os.read(master, 1 << 16):
                    shown += block
            except OSError:  # the last one who had the terminal open is gone
                pass
            os.close(master)
        return process.returncode, shown.decode()

    return run


REPL_LINES = [
    TEXT,
    f"/save {NAME}",
    f"/load {NAME}",
    "/sessions",
    "/learned",
    "/explain",
    f"/{NAME}",
    f"/forget {NAME}",
    "/state",
    "/why",
]
LINES = "\n".join([TEXT, *HOSTILE, NAME, "["]).encode()
COMMANDS: list[tuple[list[str], bytes | None]] = [
    (["predict", "-k", "40", TEXT], None),
    (["predict", "-k", "40", "--complete", "["], None),
    (["predict", "--words", "2", "-k", "5", TEXT], None),
    (["predict", "--json", "-k", "40", TEXT], None),
    (["predict", "-k", "40", "-"], LINES),
    (["predict", "--session", "x", NAME], None),
    (["generate", TEXT, "--words", "60", "--seed", "1"], None),
    (["generate", "--json", TEXT, "--words", "60", "--seed", "1"], None),
    (["repl", "-k", "40"], "\n".join(REPL_LINES).encode()),
    (["explain", TEXT], None),
    (["explain", "--json", "-"], LINES),
    (["filter", "-g"], LINES),
    (["score", "-"], LINES),
    (["why", "-k", "20", TEXT], None),
    (["why", "--by", "sentence", "--json", TEXT], None),
    (["score", "--json", "-"], LINES),
    (["info"], None),
    (["info", "--json"], None),
]


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize(("arguments", "stdin"), COMMANDS, ids=[" ".join(command[:2])[:20] for command, _ in COMMANDS])
def test_hostile_words_come_out_raw_of_no_command(
    hostile_checkpoint: Path,
    run_cli: RunCLI,
    on_terminal: OnTerminal,
    arguments: list[str],
    stdin: bytes | None,
    terminal: bool,
) -> None:
    surroundings = {"NEXTWORD_CHECKPOINT": str(hostile_checkpoint)}
    if terminal:
        code, shown = on_terminal(*arguments, stdin=stdin, **surroundings)
    else:
        done = run_cli(*arguments, stdin=stdin or b"", **surroundings)
        code, shown = done.returncode, done.stdout + done.stderr
    assert code == 0, shown
    assert any(mark in shown for mark in ("[bold]", "\\x1b", "\\u202e"))
    assert_nothing_raw(shown, terminal)


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_hostile_words_come_raw_out_of_neither_training_nor_eval(
    hostile_corpus: Path, run_cli: RunCLI, on_terminal: OnTerminal, terminal: bool
) -> None:
    sizes = ("--embedding-dim", 8, "--hidden-size", 8, "--num-layers", 1, "--max-steps", 2, "--device", "cpu")
    for arguments in (
        ("train", hostile_corpus, "--tokenizer", "whitespace", *sizes, "--name", "[bold] \u00fc"),
        ("eval", hostile_corpus, "--device", "cpu"),
    ):
        if terminal:
            code, shown = on_terminal(*arguments)
        else:
            done = run_cli(*arguments)
            code, shown = done.returncode, done.stdout + done.stderr
        assert code == 0, shown
        assert "\\x1b[2J[bold]\\u202e\u00fc.png" in shown
        assert_nothing_raw(shown, terminal)


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["predict", "x", "-c", NAME], 4),
        (["info", NAME], 4),
        (["filter", "-checkpoint", NAME], 1),
        (["filter", f"-{NAME}"], 2),
        (["train", NAME], 3),
        (["train", "--name", f"{NAME}/"], 2),
        (["train", ".", "--encoding", NAME], 3),
        (["predict", "x", "--session", f"{NAME}/"], 2),
        (["predict", "x", f"--{NAME}"], 2),
        ([NAME], 2),
    ],
)
def test_errors_and_hints_show_hostile_names_escaped(
    tiny_checkpoint: Path,
    run_cli: RunCLI,
    on_terminal: OnTerminal,
    arguments: list[str],
    code: int,
    terminal: bool,
) -> None:
    surroundings = {"NEXTWORD_CHECKPOINT": str(tiny_checkpoint)}
    if terminal:
        left, shown = on_terminal(*arguments, **surroundings)
    else:
        done = run_cli(*arguments, **surroundings)
        left, shown = done.returncode, done.stderr
    assert left == code, shown
    assert "\\x1b[2J[bold]\\u202e" in shown
    assert_nothing_raw(shown, terminal)


def test_the_live_prompt_shows_and_takes_hostile_words_without_obeying_them(
    hostile_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    with Terminal(["-k", "9", "-c", str(hostile_checkpoint)], cli_environment, tmp_path) as terminal:
        shown = terminal.wait_for("> ") + terminal.wait_for("  1 ")
        for key in range(1, 10):
            terminal.type(f"\x1b{key}")
        terminal.type("\r")
        terminal.type("/learned\r/state\r")
        shown += terminal.wait_for("words seen") + terminal.wait_for("  1 ")
        terminal.type("\x04")
        shown += terminal.leave()
        assert terminal.process.returncode == 0
    assert_nothing_raw(shown.replace("\x1b[2J", ""), terminal=True)


@pytest.mark.parametrize("arguments", [["predict", "--json"], ["generate", "-", "--words", "3"]])
def test_a_megabyte_of_brackets_goes_through_any_output(
    tiny_checkpoint: Path, on_terminal: OnTerminal, arguments: list[str]
) -> None:
    text = "[/]\\" * 250_000 + " "
    code, shown = on_terminal(*arguments, stdin=text.encode(), NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    assert code == 0, shown[-500:]
    assert shown.strip()
    assert_nothing_raw(shown, terminal=True)


# -- stopping, pipes -------------------------------------------------------------------------------------------------


def test_sigterm_leaves_the_live_prompt_with_the_terminal_as_it_was_and_the_session_kept(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, run_cli: RunCLI
) -> None:
    arguments = ["--session", "diary", "-c", str(tiny_checkpoint)]
    with Terminal(arguments, cli_environment, tmp_path) as terminal:
        terminal.wait_for("> ")
        terminal.wait_for("  1 ")
        terminal.type("Anna lives in\r")
        terminal.wait_for("> ")
        terminal.type("Paris")
        terminal.wait_for("  1 ")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.leave()
        assert terminal.process.returncode == 143
    later = run_cli("repl", *arguments, stdin="/state\n")
    assert later.stdout.split()[:3] == ["words", "seen", "3"]


def test_sigterm_leaves_no_copy_of_what_was_piped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Anna lives in Paris.\n")))

    def terminated() -> None:
        with named_texts([Path("-")], "utf-8", FormatConfig(), quiet=True):
            assert list(tmp_path.iterdir()) == []  # the copy has no name
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as caught:
        terminated()
    assert caught.value.code == 143
    assert list(tmp_path.iterdir()) == []


def test_sigterm_on_a_pipe_keeps_what_the_session_has_read(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, run_cli: RunCLI
) -> None:
    named = ["--session", "diary", "-c", str(tiny_checkpoint)]
    with subprocess.Popen(
        [sys.executable, "-m", "nextword", "predict", *named],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=cli_environment,
        cwd=tmp_path,
        bufsize=0,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"Anna lives in\n")
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        assert process.stderr
        assert process.stderr.read() == b""
    later = run_cli("repl", *named, stdin="/state\n")
    assert later.stdout.split()[:3] == ["words", "seen", "3"]


@pytest.mark.parametrize(
    "command",
    [
        "predict -",
        "predict --json x",
        "generate x",
        "repl",
        "score -",
        "eval -",
        "info",
        "--help",
        "--version",
        "filter",
    ],
)
def test_a_full_disk_under_stdout_is_exit_5_and_a_closed_stdout_no_traceback(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    surroundings = {**cli_environment, "NEXTWORD_CHECKPOINT": str(tiny_checkpoint)}
    process = [sys.executable, "-m", "nextword", *command.split()]
    text = b"Anna lives in Paris.\n"
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            process, input=text, stdout=full, stderr=subprocess.PIPE, env=surroundings, cwd=tmp_path, check=False
        )
    assert done.returncode == 5
    assert b"standard output cannot be written: No space left" in done.stderr
    assert b"Hint: " in done.stderr
    assert b"Traceback" not in done.stderr
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *process]
    done = subprocess.run(closed, input=text, stderr=subprocess.PIPE, env=surroundings, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["generate x", "eval -", "info", "--help", "filter"])
def test_a_reader_that_has_gone_ends_these_quietly_too(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "nextword", *command.split()],
        input=b"Anna lives in Paris.\n",
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**cli_environment, "NEXTWORD_CHECKPOINT": str(tiny_checkpoint)},
        cwd=tmp_path,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert b"Error" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("plain", PLAIN, ids=["TERM=dumb", "NO_COLOR"])
def test_a_terminal_that_wants_plain_text_gets_no_escape_sequence_from_any_command(
    tiny_checkpoint: Path, tiny_corpus: Path, on_terminal: OnTerminal, plain: dict[str, str]
) -> None:
    sizes = ("--embedding-dim", 8, "--hidden-size", 8, "--num-layers", 1, "--max-steps", 2, "--device", "cpu")
    for arguments in (
        ("train", tiny_corpus, *sizes),
        ("predict", "Anna", "-c", tiny_checkpoint),
        ("generate", "Anna", "-c", tiny_checkpoint),
        ("eval", tiny_corpus, "-c", tiny_checkpoint, "--device", "cpu"),
        ("info", tiny_checkpoint),
        ("predict",),
        ("--help",),
    ):
        code, shown = on_terminal(*arguments, **plain)
        assert code == (2 if arguments == ("predict",) else 0), shown
        assert shown
        assert "\x1b" not in shown


# -- lines as they come ----------------------------------------------------------------------------------------------

ODD_LINES = [
    b"word " * 2_000_000,
    b"x" * 10_000_000,
    "\ud800".encode("utf-8", "surrogatepass"),
    b"caf\xe9 \xff\xfe",
    b"Anna\rlives",
    "Anna\u0085lives\u2028in".encode(),
    b"\0",
]


@pytest.mark.parametrize(
    "command",
    ["predict -k 1", "predict -k 1 --json", "predict -k 1 --session x", "filter", "repl -k 1"],
)
def test_every_line_whatever_is_in_it_gets_one_reply_and_the_next_is_read(
    tiny_checkpoint: Path, run_cli: RunCLI, command: str
) -> None:
    sent = b"\n".join([*ODD_LINES, b"My mother-in-law and I went "])
    done = run_cli(*command.split(), stdin=sent, NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    assert done.returncode == 0, done.stderr[-500:]
    replies = done.stdout.removesuffix("\n").split("\n")
    assert len(replies) == len(ODD_LINES) + 1
    assert "to" in replies[-1]
    assert "Traceback" not in done.stderr


def test_the_pipes_read_as_one_text_take_the_odd_lines_or_say_what_is_wrong(
    tiny_checkpoint: Path, run_cli: RunCLI
) -> None:
    surroundings = {"NEXTWORD_CHECKPOINT": str(tiny_checkpoint)}
    done = run_cli("generate", "-", "--words", 3, stdin=b"\n".join(ODD_LINES), **surroundings)
    assert done.returncode == 0, done.stderr[-500:]
    done = run_cli("score", "-", stdin="Anna\u0085lives\u2028in\r\nParis".encode(), **surroundings)
    assert done.returncode == 0, done.stderr
    for odd in (ODD_LINES[2], ODD_LINES[3], b"\0"):
        for command in ("score", "eval"):
            done = run_cli(command, "-", stdin=odd, **surroundings)
            assert done.returncode == 3, done.stderr
            assert done.stderr.startswith("Error: ")
            assert "Traceback" not in done.stderr


# -- texts of any size -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the memory a process may have is limited as Linux does it")
def test_texts_of_any_size_are_learned_from_in_little_memory(tmp_path: Path) -> None:
    shares = {"one line": 0.005, "blank lines": 1, "different words": 0.003, "a long word": 1}
    paths = [write(tmp_path, kind, share) for kind, share in shares.items()]
    line, blank, different, long_word = learned(paths, 400, forms=2_000)
    assert line["words"] > 1_200_000
    assert line["notes"] == []
    assert blank["words"] < long_word["words"] < blank["words"] + 20  # the long word is read in parts
    assert different["words"] == 2 * 30_000 + 3
    assert (different["vocabulary"], len(different["notes"])) == (3, 1)
    assert "rare ones were forgotten" in different["notes"][0]


@pytest.mark.parametrize("command", ["predict Anna", "generate Anna", "info", "score x.txt"])
def test_too_little_memory_is_exit_8_of_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def load(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(checkpoint, "load_checkpoint", load)
    monkeypatch.setattr(checkpoint, "find_checkpoint", lambda path: path)
    monkeypatch.setattr(sys, "argv", ["nextword", *command.split()])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 8
    assert capsys.readouterr().err.startswith("Error: there is not enough memory\nHint: ")


# -- odd surroundings ------------------------------------------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system knows no home of this user, as in a container that runs as a number."""
    for name in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_all_that_needs_none_works_and_the_rest_says_so(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def left(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["nextword", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert isinstance(caught.value.code, int)
        return caught.value.code

    monkeypatch.chdir(tmp_path)
    assert left("predict", "Anna", "-c", tiny_checkpoint) == 0
    assert left("info", tiny_checkpoint) == 0
    capsys.readouterr()
    assert left("predict", "Anna") == 4
    assert "there is no checkpoint" in capsys.readouterr().err
    assert left("predict", "Anna", "--session", "x", "-c", tiny_checkpoint) == 5
    assert "HOME" in capsys.readouterr().err


NOBODY = """
import pwd

def unknown(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")

pwd.getpwuid = unknown
from nextword.__main__ import main

main()
"""
EVERY_COMMAND = {  # but for `train`, and with their exit codes where the system knows no home
    "predict Anna": 0,
    "predict --session x": 5,
    "generate Anna": 0,
    "repl --private": 0,
    "repl --session x": 5,
    "filter": 0,
    "info": 0,
    "eval -": 0,
    "score -": 0,
}
TINY = ("--embedding-dim=8", "--hidden-size=8", "--num-layers=1", "--max-steps=2", "--device=cpu")


def left_by(command: Sequence[object], surroundings: dict[str, str], folder: Path | str) -> tuple[int, str]:
    """Exit code of a process that reads a line, and what it said on stderr: a clear error where there is one."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        input="Anna lives in Paris.\n",
        capture_output=True,
        text=True,
        env={**surroundings, "PYTHONPATH": str(Path(__file__).parents[1])},
        cwd=folder,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ") or done.returncode == 0
    return done.returncode, done.stderr


def test_a_user_whom_the_system_does_not_know_has_every_command_but_for_what_is_kept_at_home(
    tiny_checkpoint: Path, tiny_corpus: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    homes = ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA", "LOGNAME", "USER", "LNAME", "USERNAME")
    surroundings = {name: value for name, value in cli_environment.items() if name not in homes}
    surroundings["NEXTWORD_CHECKPOINT"] = str(tiny_checkpoint)
    for command, expected in EVERY_COMMAND.items():
        code, said = left_by(["-c", NOBODY, *command.split()], surroundings, tmp_path)
        assert code == expected, (command, said)
        assert ("HOME" in said) == (expected == 5)
    assert left_by(["-c", NOBODY, "train", tiny_corpus, *TINY], surroundings, tmp_path)[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="uses a folder in which nobody can make files")
def test_a_current_folder_that_takes_no_files_is_in_the_way_of_training_alone(
    tiny_checkpoint: Path, tiny_corpus: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    surroundings = {**cli_environment, "NEXTWORD_CHECKPOINT": str(tiny_checkpoint)}
    for command in ("predict Anna", "repl --session x", "filter", "eval -"):
        code, said = left_by(["-m", "nextword", *command.split()], surroundings, "/proc")
        assert code == 0, (command, said)
    code, said = left_by(["-m", "nextword", "train", tiny_corpus, *TINY], surroundings, "/proc")
    assert (code, "--out" in said) == (5, True)
    code, said = left_by(["-m", "nextword", "train", tiny_corpus, *TINY, "--out", tmp_path], surroundings, "/proc")
    assert code == 0, said


def test_a_current_folder_that_is_gone_stops_no_prediction_and_is_named_by_what_needs_it(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    def left(*arguments: str) -> tuple[int, str]:
        gone = tmp_path / "gone"
        gone.mkdir()
        done = subprocess.run(
            ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", sys.executable, "-m", "nextword", *arguments],
            input="Anna lives in Paris.\n",
            capture_output=True,
            text=True,
            env={**cli_environment, "PYTHONPATH": str(Path(__file__).parents[1])},
            cwd=gone,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    named = ["-c", str(tiny_checkpoint)]
    for arguments in (["predict", "Anna"], ["predict", "--session", "x"], ["repl"], ["generate", "Anna"]):
        code, said = left(*arguments, *named)
        assert code == 0, said
    assert left("filter", "-checkpoint", str(tiny_checkpoint))[0] == 0
    assert left("predict", "Anna")[0] == 4
    for arguments in (["train"], ["eval", *named], ["score", "-", *named]):
        code, said = left(*arguments)
        assert (code, "current folder is gone" in said) == (5, True), said


def test_folders_with_spaces_and_letters_of_other_scripts_are_folders_like_any(
    tiny_corpus: Path, run_cli: RunCLI, tmp_path: Path
) -> None:
    odd = tmp_path / "mes \u00e9crits \u4e16\u754c 'x'"
    odd.mkdir()
    text = odd / "m\u00fcde notes.txt"
    text.write_bytes(tiny_corpus.read_bytes())
    sizes = ("--embedding-dim", 8, "--hidden-size", 8, "--num-layers", 1, "--max-steps", 2, "--device", "cpu")
    done = run_cli("train", text, "--out", odd / "out put", *sizes, XDG_DATA_HOME=str(odd))
    assert done.returncode == 0, done.stderr
    path = newest_checkpoint(odd / "out put")
    assert path
    done = run_cli("predict", "Anna", "-c", path, "--session", "t\u00e4glich \u4e16", XDG_DATA_HOME=str(odd))
    assert done.returncode == 0, done.stderr
    assert (odd / "nextword" / "sessions" / "t\u00e4glich \u4e16.safetensors").is_file()
