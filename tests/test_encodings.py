"""Terminals, pipes and names of files that are not UTF-8: every command writes to them, and none fails on them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import RunCLI
from support.text import make_text

from nextword.config import NetworkConfig, TrainConfig
from nextword.errors import CorpusError, Interrupted, UsageError
from nextword.storage.checkpoint import load_checkpoint
from nextword.storage.locations import shell_word
from nextword.training.events import Event, Step
from nextword.training.resume import load_resume_point
from nextword.training.train import train

STREAMS: list[dict[str, str]] = [
    {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "cp1252:strict", "PYTHONUTF8": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]
ODD = b"Gr\xfc\xdfe an \xc3\x86nna "  # not UTF-8, and in part all the same
ODD_NAME = os.fsdecode(b"caf\xe9")
NAMES = {
    "Paris": "Z\u00fcrich",
    "London": "\u0141\u00f3d\u017a",
    "Anna": "\u00c6nna",
    "Peter": "\u041f\u0451\u0442\u0440",
}
SMALL = ("--embedding-dim", 8, "--hidden-size", 8, "--num-layers", 1, "--max-steps", 2, "--device", "cpu")

Run = Callable[..., "tuple[int, bytes]"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text with letters that no old code page has all of."""
    words = make_text(60)
    for plain, other in NAMES.items():
        words = words.replace(plain, other)
    path = tmp_path_factory.mktemp("text") / "t\u00e9xt \u0142.txt"
    path.write_text(words, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def checkpoint(text: Path, tmp_path_factory: pytest.TempPathFactory, tiny_model: NetworkConfig) -> Path:
    settings = TrainConfig(max_steps=5, device="cpu", precision="fp32", out=str(tmp_path_factory.mktemp("out")))
    return train(text, tiny_model, settings)


@pytest.fixture
def run(tmp_path: Path, cli_environment: dict[str, str], checkpoint: Path) -> Run:
    """Run nextword with a pipe or a terminal to write to; its exit code and all that it wrote."""
    inherited = {name: value for name, value in cli_environment.items() if not name.startswith(("LC_", "LANG"))}

    def run(*arguments: object, stdin: bytes = b"", terminal: bool = False, **environment: str) -> tuple[int, bytes]:
        command = [sys.executable, "-m", "nextword"]
        command += [argument if isinstance(argument, bytes) else str(argument) for argument in arguments]
        settings = {**inherited, "NEXTWORD_CHECKPOINT": str(checkpoint), "TERM": "xterm", **environment}
        if not terminal:
            done = subprocess.run(command, input=stdin, capture_output=True, env=settings, cwd=tmp_path, check=False)
            return done.returncode, done.stdout + done.stderr
        master, slave = pty.openpty()
        (tmp_path / "stdin").write_bytes(stdin)
        with (tmp_path / "stdin").open("rb") as file:
            process = subprocess.Popen(command, stdin=file, stdout=slave, stderr=slave, env=settings, cwd=tmp_path)
        os.close(slave)
        shown = b""
        try:
            while block := os.read(master, 1 << 16):
                shown += block
        except OSError:  # the last one who had the terminal open is gone
            pass
        os.close(master)
        return process.wait(), shown

    return run


COMMANDS: list[tuple[list[str | bytes], bytes]] = [
    (["predict", ODD], b""),
    (["predict", "--json", ODD], b""),
    (["predict", "-"], ODD),
    (["predict", "--session", b"caf\xe9", ODD], b""),
    (["generate", ODD, "--words", "60", "--seed", "1"], b""),
    (["generate", "--json", ODD], b""),
    (["repl"], ODD + "\n/learned\n/save caf\u00e9\n/save \xff\n/sessions\n/explain\n/why\n".encode()),
    (["filter"], ODD),
    (["explain", ODD], b""),
    (["explain", "--unit", "1:2", "\u00c6nna lives in Z\u00fcrich."], b""),
    (["explain", ODD, "--svg", b"\xe9.svg", "--html", "\u0142.html"], b""),
    (["why", "\u00c6nna lives in"], b""),
    (["why", "--json", ODD], b""),
    (["info"], b""),
    (["info", "--json"], b""),
    (["info", b"nowh\xe9re"], b""),
    (["predict", "x", b"--caf\xe9"], b""),
    ([b"caf\xe9"], b""),
    (["train", "--encoding", "\u0142", b"caf\xe9.txt"], b""),
]


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("stream", STREAMS, ids=["ascii", "cp1252", "C"])
def test_every_command_writes_where_its_characters_do_not_fit(run: Run, stream: dict[str, str], terminal: bool) -> None:
    for arguments, stdin in COMMANDS:
        code, shown = run(*arguments, stdin=stdin, terminal=terminal, **stream)
        assert code in (0, 2, 3, 4), (arguments, shown)
        assert b"Traceback" not in shown, (arguments, shown)
        if not terminal:
            shown.decode("utf-8")
        elif stream["PYTHONUTF8"] == "0" and stream.get("PYTHONIOENCODING") == "ascii":
            assert shown.isascii(), (arguments, shown)


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_what_loads_torch_writes_there_too(run: Run, text: Path, terminal: bool) -> None:
    for arguments in (["train", text, *SMALL, "--name", "\u0142"], ["score", text], ["eval", text], ["memory", text]):
        code, shown = run(*arguments, terminal=terminal, **STREAMS[0])
        assert code == 0, (arguments, shown)
        assert b"Traceback" not in shown


@pytest.mark.slow
def test_a_pipe_gets_utf_8_and_a_terminal_what_it_can_show(run: Run) -> None:
    arguments = ("why", "--json", "\u00c6nna lives in \u0141\u00f3d\u017a \U0001f600")
    for stream in STREAMS:
        _, shown = run(*arguments, **stream)
        if "LC_ALL" not in stream:  # there, arguments are no text
            assert "\u0141\u00f3d\u017a \U0001f600".encode() in shown
        for terminal in (False, True):
            _, shown = run(*arguments, terminal=terminal, **stream)
            encoding = "cp1252" if terminal and "cp1252" in str(stream) else "utf-8"
            record = json.loads(shown.decode(encoding).strip().splitlines()[-1])
            assert os.fsencode(record["text"]) == arguments[-1].encode() or record["text"] == arguments[-1]


@pytest.mark.slow
def test_bars_are_made_of_what_a_terminal_has(run: Run) -> None:
    _, plain = run("predict", "lives in", terminal=True, **STREAMS[0])
    _, drawn = run("predict", "lives in", terminal=True)
    assert b"####" in plain
    assert b"\\u2588" not in plain
    assert "\u2588".encode() in drawn


# -- names that are not UTF-8 ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_text_whose_name_is_no_utf_8_is_learned_stopped_resumed_and_used(
    tmp_path: Path, text: Path, tiny_model: NetworkConfig, run: Run
) -> None:
    path = tmp_path / f"{ODD_NAME}.txt"
    path.write_bytes(text.read_bytes())

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    settings = TrainConfig(max_steps=4, device="cpu", precision="fp32", out=str(tmp_path / "checkpoints"))
    with pytest.raises(Interrupted) as stopped:
        train(path, tiny_model, settings, on_event=stop)
    assert "--name $'caf\\xe9'" in stopped.value.hint
    unfinished = tmp_path / "checkpoints" / f"{ODD_NAME}.resume.safetensors"
    assert load_resume_point(unfinished).facts.corpus == [str(path)]
    trained = train(train_config=TrainConfig(out=settings.out, name=ODD_NAME), resume=True)
    assert trained == tmp_path / "checkpoints" / f"{ODD_NAME}.safetensors"
    assert load_checkpoint(trained).training["corpus"] == ODD_NAME
    for arguments in (["info"], ["predict", "lives"], ["score", path], ["predict", "--session", "x", "lives in"]):
        code, shown = run(*arguments, NEXTWORD_CHECKPOINT=str(trained))
        assert code == 0, shown
        assert b"Traceback" not in shown
    code, shown = run("train", path, *SMALL, "--force")
    assert code == 0, shown
    assert b"Now try:  nextword predict -c $'checkpoints/caf\\xe9.safetensors'" in shown


def test_a_shell_reads_a_word_as_it_was() -> None:
    for word in (ODD_NAME, "it's", "a b", os.fsdecode(b"\xe9a9'\\ \xff"), "\u0142"):
        printed = subprocess.run(["bash", "-c", f"printf %s {shell_word(word)}"], capture_output=True, check=True)
        assert printed.stdout == os.fsencode(word)


# -- texts from pipes ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_training_learns_the_same_from_a_pipe_as_from_a_file(run_cli: RunCLI, tmp_path: Path, text: Path) -> None:
    piped = run_cli("train", "-", *SMALL, stdin=text.read_bytes())
    assert piped.returncode == 0, piped.stderr
    assert "checkpoints/stdin.safetensors" in piped.stderr
    assert run_cli("train", text, *SMALL, "--name", "file").returncode == 0
    assert run_cli("train", text, *SMALL, "--name", "valid", "--valid", "-", stdin=b"A word.").returncode == 0
    of_pipe, of_file = (load_checkpoint(tmp_path / "checkpoints" / f"{name}.safetensors") for name in ("stdin", "file"))
    assert of_pipe.training["corpus_sha256"] == of_file.training["corpus_sha256"]
    assert all((of_pipe.tensors[name] == of_file.tensors[name]).all() for name in of_file.tensors)
    twice = run_cli("train", "-", "--valid", "-", "--name", "twice", *SMALL, stdin=text.read_bytes())
    assert twice.returncode == 2
    assert "standard input cannot be read twice" in twice.stderr


@pytest.mark.slow
def test_a_shell_s_substitution_is_read_by_every_command(
    tmp_path: Path, cli_environment: dict[str, str], checkpoint: Path, text: Path
) -> None:
    nextword = f"{shell_word(sys.executable)} -m nextword"
    for command in (
        f"train <(cat {shell_word(str(text))}) {' '.join(map(str, SMALL))}",
        "score <(echo Anna)",
        "eval <(echo Anna)",
    ):
        script = f"{nextword} {command}"
        environment = {**cli_environment, "NEXTWORD_CHECKPOINT": str(checkpoint)}
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "checkpoints" / "stdin.safetensors").is_file()


def test_an_unfinished_run_on_a_pipe_asks_for_the_same_text_once_more(
    tmp_path: Path, text: Path, tiny_model: NetworkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    settings = TrainConfig(max_steps=4, device="cpu", precision="fp32", out=str(tmp_path))
    with text.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(Interrupted):
            train("-", tiny_model, settings, on_event=stop)
    with pytest.raises(UsageError, match="came from a pipe") as caught:
        train(train_config=TrainConfig(out=str(tmp_path)), resume=True)
    assert caught.value.hint.endswith(f"nextword train --resume --name stdin --out {tmp_path} -")
    other = tmp_path / "other.txt"
    other.write_text(make_text(60), encoding="utf-8")
    with other.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(CorpusError, match="standard input"):
            train("-", train_config=TrainConfig(out=str(tmp_path)), resume=True)
    with text.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert train("-", train_config=TrainConfig(out=str(tmp_path)), resume=True) == tmp_path / "stdin.safetensors"
