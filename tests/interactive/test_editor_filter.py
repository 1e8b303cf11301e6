"""What editor plug-ins are told: bytes, exit codes, and each plug-in's way of talking."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cli import RunCLI

from nextword.__main__ import filter_arguments
from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor
from nextword.interactive.editor_filter import answer_all
from nextword.interactive.line_filter import LineFilter

LINE = "Anna lives in Paris. My mother-in-law and I went to London"
Talk = Callable[..., "subprocess.Popen[bytes]"]


# -- which command lines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "terminal", "wanted"),
    [
        ([], False, []),
        (["-n", "5"], False, ["-n", "5"]),
        (["filter", "-g"], True, ["-g"]),
        ([], True, None),
        (["predict"], False, None),
        (["--help"], False, None),
        (["--version"], False, None),
        (["filter", "--help"], False, None),
    ],
)
def test_which_command_lines_are_the_filters(arguments: list[str], terminal: bool, wanted: list[str] | None) -> None:
    assert filter_arguments(arguments, terminal) == wanted


def test_a_shell_that_asks_for_completions_does_not_get_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_NEXTWORD_COMPLETE", "complete_bash")
    assert filter_arguments([], terminal=False) is None


# -- bytes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def serve(predictor: Predictor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[bytes], bytes]:
    """Everything that is answered to a stream of bytes."""

    def serve(sent: bytes) -> bytes:
        (tmp_path / "in").write_bytes(sent)
        with (tmp_path / "in").open("rb") as stream, (tmp_path / "out").open("wb") as output:
            answer_all(LineFilter(predictor, 3, AdaptConfig()), stream, output.fileno())
        return (tmp_path / "out").read_bytes()

    return serve


@given(sent=st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([b"The cat ", b"\r", b"\n", b"\xc2\x85"]))))
@settings(max_examples=150)
def test_one_reply_for_every_line_whatever_is_in_it(predictor: Predictor, sent: list[bytes]) -> None:
    stream = b"".join(sent)
    read, write = os.pipe()
    with os.fdopen(read, "rb") as replies:
        with os.fdopen(write, "wb") as output:
            import io

            answer_all(LineFilter(predictor, 3, AdaptConfig()), io.BytesIO(stream), output.fileno())
        received = replies.read()
    expected = stream.count(b"\n") + (stream != b"" and not stream.endswith(b"\n"))
    assert received.count(b"\n") == expected
    for line in received.decode().split("\n"):
        assert line == "" or (line.isprintable() and "  " not in line)


def test_line_ends_of_other_systems(serve: Callable[[bytes], bytes]) -> None:
    first, second, last = serve(b"The cat \r\nThe cat \nThe cat \r").split(b"\n")[:3]
    assert first == second == last != b""
    assert serve("The\u2028cat\x85sat\rthere ".encode()).count(b"\n") == 1
    assert serve(b"") == b""
    assert serve(b"\n\r\n") == b"\n\n"


@pytest.mark.parametrize("bad", [b"\xff\xfe bad", b"The \xe2\x80", b"x" * 1_000_001, b"The cat " * 400_000])
def test_a_line_that_cannot_be_read_is_answered_by_nothing_and_the_state_stays(
    serve: Callable[[bytes], bytes], bad: bytes
) -> None:
    with_it, without = serve(b"The cat sat \n" + bad + b"\nThe cat sat on "), serve(b"The cat sat \nThe cat sat on ")
    assert with_it.split(b"\n")[1] == b""
    assert with_it.replace(b"\n\n", b"\n") == without


def test_a_line_of_a_million_bytes_is_still_answered(serve: Callable[[bytes], bytes]) -> None:
    assert len(serve(b"The cat " * 125_000).split()) == 3


# -- the process -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_errors_come_before_stdin_is_read_and_with_the_plug_ins_codes(run_cli: RunCLI, tiny_checkpoint: Path) -> None:
    there = {"NEXTWORD_CHECKPOINT": str(tiny_checkpoint)}
    for arguments, environment, code, said in [
        ([], {}, 1, "nextword train"),
        (["-n", "0"], there, 1, "1 or more"),
        (["-n", "3", "-c", "4"], there, 1, "both"),
        (["-q"], there, 2, "-q"),
        (["filter", "--checkpoint", "nowhere"], there, 1, "nowhere"),
    ]:
        done = run_cli(*arguments, stdin="The cat ", **environment)
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr
        assert done.stderr.count("\n") <= 2


def test_help_and_version_go_to_stderr(run_cli: RunCLI) -> None:
    for flag, said in (("-h", "-n INT"), ("-v", "nextword version 0")):
        done = run_cli(flag)
        assert (done.returncode, done.stdout) == (0, "")
        assert said in done.stderr


def test_the_commands_own_help_goes_to_stdout_as_that_of_all_commands(run_cli: RunCLI) -> None:
    done = run_cli("filter", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run_cli("filter", "-h").stderr


def test_on_a_terminal_a_bare_nextword_shows_the_help(cli_environment: dict[str, str], tmp_path: Path) -> None:
    _, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "nextword"],
        stdin=terminal,
        capture_output=True,
        env=cli_environment,
        cwd=tmp_path,
        check=False,
    )
    assert b"Usage: " in done.stdout
    assert done.returncode == 0


def test_the_command_and_the_bare_program_are_one(run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path) -> None:
    bare = run_cli("-n=2", stdin=LINE, NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    named = run_cli("filter", "-n", 2, "--checkpoint", tiny_checkpoint, "--no-adapt", stdin=LINE)
    assert bare.stdout == named.stdout == LineFilter(predictor, 2).answer(LINE.encode()).decode() + "\n"
    assert bare.stderr == named.stderr == ""


@pytest.mark.slow
def test_data_of_the_other_nextword_is_named_and_the_default_checkpoint_answers(
    run_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    ngrams = tmp_path / "nextword-data"
    ngrams.mkdir()
    (ngrams / "1gram.txt").write_text("the\n")
    without = run_cli("-d", ngrams, stdin="The cat ")
    assert (without.returncode, without.stdout) == (1, "")
    assert str(ngrams) in without.stderr
    assert "$NEXTWORD_CHECKPOINT" in without.stderr
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine.safetensors").write_bytes(tiny_checkpoint.read_bytes())
    found = run_cli(stdin="The cat ", NEXTWORD_DATA_PATH=str(ngrams))
    assert len(found.stdout.split()) == 10
    assert found.stderr.count("\n") == 1
    assert "$NEXTWORD_CHECKPOINT" in found.stderr
    told = run_cli("-d", ngrams, stdin="The cat ", NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    assert (told.stdout, told.stderr) == (found.stdout, "")
    ours = run_cli("-d", tiny_checkpoint.parent, stdin="The cat ")
    assert (ours.stdout, ours.stderr) == (found.stdout, "")


def test_an_answer_loads_neither_torch_nor_what_draws_on_screens(tiny_checkpoint: Path) -> None:
    code = """if True:
        import sys
        from nextword.__main__ import main
        sys.argv = ["nextword", "filter", "--checkpoint", sys.argv[1]]
        try:
            main()
        except SystemExit as leaving:
            assert not leaving.code, leaving.code
        print([name for name in ("torch", "typer", "rich", "prompt_toolkit", "pydantic") if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", code, tiny_checkpoint], input=b"The cat ", capture_output=True, check=True
    )
    words, loaded = done.stdout.decode().splitlines()
    assert len(words.split()) == 10
    assert loaded == "[]"


# -- the plug-ins ----------------------------------------------------------------------------------------------------


@pytest.fixture
def spawn(tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path) -> Iterator[Talk]:
    """Start `nextword ARGUMENTS` as an editor does; what is still there at the end is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def spawn(*arguments: str, checkpoint: bool = True) -> subprocess.Popen[bytes]:
        environment = {**cli_environment, **({"NEXTWORD_CHECKPOINT": str(tiny_checkpoint)} if checkpoint else {})}
        process = subprocess.Popen(
            [sys.executable, "-m", "nextword", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=tmp_path,
            bufsize=0,
        )
        started.append(process)
        return process

    yield spawn
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def first_chunk(process: subprocess.Popen[bytes], sent: str) -> bytes:
    """What the first read brings after `sent` was written."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(sent.encode())
    assert select.select([process.stdout], [], [], 60)[0], "no reply"
    return os.read(process.stdout.fileno(), 2**16)


@contextmanager
def ending(process: subprocess.Popen[bytes], code: int = 0) -> Iterator[None]:
    """Afterwards the editor leaves: the pipe is closed, and nothing was ever said on stderr."""
    yield
    assert process.stdin
    assert process.stderr
    process.stdin.close()
    assert process.wait(60) == code
    assert process.stderr.read() == b""


def test_coc(spawn: Talk, tmp_path: Path) -> None:
    """One process; the line after its last full stop; the first chunk, cut at spaces."""
    process = spawn("-g", "-c", "10", "-d", str(tmp_path))
    with ending(process):
        line = "Anna lives in Paris. My mother-in-law and I went t"
        for end in range(40, len(line) + 1):
            sentence = re.split("[.?!]", line[:end])[-1]
            words = [word.rstrip() for word in first_chunk(process, sentence + "\n").decode().split(" ")]
            assert 0 < len(words) <= 10
        assert words[0] == "to"


def test_ddc(spawn: Talk) -> None:
    """One process; the text before the cursor, or an identifier's words; one line, cut at white space."""
    process = spawn("-n", "100", "-g")
    with ending(process):
        reply = first_chunk(process, "My mother-in-law and I went \n").decode()
        assert reply.endswith("\n")
        assert re.split(r"\s", reply.rstrip("\n"))[0] == "to"
        assert first_chunk(process, "the Ca\n").decode().split()[0] == "Cat"


def test_asyncomplete(spawn: Talk) -> None:
    """One process; the current line and the four before it; the first line of what comes, cut at spaces."""
    process = spawn("-n", "10000")
    with ending(process):
        lines = ["Anna lives in Paris.", "", "The cat sat on the mat.", "I know Peter.", "Where is", "the dog", "the c"]
        for last in range(1, len(lines) + 1):
            words = first_chunk(process, " ".join(lines[max(0, last - 5) : last]) + "\n").decode().split("\n")[0]
        assert words.split(" ")[0] == "cat"
    job = spawn("-n", "10000")
    first_chunk(job, "The \n")
    job.terminate()  # as Vim stops a job when it leaves
    assert job.wait(60) != 0


def test_compe(spawn: Talk) -> None:
    """A process for each completion; its stdin stays open, and nobody ends it but the editor's end."""
    processes = [spawn() for _ in range(2)]
    for process, line in zip(processes, ("The cat sat o", "The cat sat on "), strict=True):
        assert first_chunk(process, line + "\n").decode().split(" ")[0].startswith(("on", "the"))
        assert process.poll() is None
    for process in processes:
        with ending(process):
            pass


def test_deoplete(spawn: Talk) -> None:
    """One process; a line and a blocking readline; another process when the pipe is broken."""
    process = spawn("-n", "20")
    assert process.stdin
    assert process.stdout
    for text in ("The cat sat o", "The cat sat on"):
        process.stdin.write(f"{text}\n".encode())
        assert process.stdout.readline().decode().split()[0].startswith("on")
    process.kill()
    process.wait()
    with pytest.raises(BrokenPipeError):
        process.stdin.write(b"The cat sat on \n")
    again = spawn("-n", "20")
    assert again.stdin
    assert again.stdout
    with ending(again):
        again.stdin.write(b"The cat sat on \n")
        assert again.stdout.readline().decode().split()[0] == "the"


def test_vscode(run_cli: RunCLI, tiny_checkpoint: Path) -> None:
    """A process for each key; the last 1,000 characters, without a line end; it must end with 0."""
    text = f"{LINE}. " * 30 + "My mother-in-law and\nI went "
    window = re.sub(r"\s", " ", text)[-1000:]
    done = run_cli(stdin=window, NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().split(" ")[:5][0] == "to"
    nothing = run_cli(stdin="The zzz", NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    assert (nothing.returncode, nothing.stdout) == (0, "\n")


def test_a_reader_that_is_gone_is_left_in_peace(spawn: Talk) -> None:
    process = spawn()
    assert process.stdin
    assert process.stdout
    first_chunk(process, "The \n")
    process.stdout.close()
    with ending(process, 141):
        process.stdin.write(b"The cat \n")
        process.wait(60)
