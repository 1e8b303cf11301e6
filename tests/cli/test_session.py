"""`nextword session`: what a named session has learned, given more, less, or away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import RunCLI

PAST = "Zoltan lives in Paris. Anna met Zoltan.\n\nMcTavish saw the cat.\n"


@pytest.fixture
def imported(run_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """The file of a session that has read PAST."""
    past = tmp_path / "past.txt"
    past.write_text(PAST)
    done = run_cli("session", "import", "diary", past, "-c", tiny_checkpoint)
    assert done.returncode == 0, done.stderr
    assert "remembers" in done.stderr
    (path,) = (tmp_path / "home").rglob("diary.safetensors")
    return path


def learned(run_cli: RunCLI, checkpoint: Path) -> dict[str, int]:
    done = run_cli("session", "show", "diary", "-c", checkpoint, "--json")
    assert done.returncode == 0, done.stderr
    return {word["word"]: word["times"] for word in json.loads(done.stdout)["words"]}


def test_a_past_that_was_imported_is_known_to_predict(run_cli: RunCLI, tiny_checkpoint: Path, imported: Path) -> None:
    assert learned(run_cli, tiny_checkpoint)["Zoltan"] == 2
    asked = ("predict", "--complete", "--session", "diary", "-c", tiny_checkpoint)
    assert "McTavish" in run_cli(*asked, "Then McT").stdout
    assert imported.stat().st_mode & 0o777 == 0o600


def test_what_is_exported_can_be_imported_again(run_cli: RunCLI, tiny_checkpoint: Path, imported: Path) -> None:
    before = learned(run_cli, tiny_checkpoint)
    text = run_cli("session", "export", "diary", "-c", tiny_checkpoint).stdout
    assert text.strip() == PAST.strip()
    assert run_cli("session", "delete", "diary").returncode == 0
    assert not imported.exists()
    assert run_cli("session", "import", "diary", "-", "-c", tiny_checkpoint, stdin=text).returncode == 0
    assert learned(run_cli, tiny_checkpoint) == before


def test_a_word_is_forgotten_in_the_file_too(run_cli: RunCLI, tiny_checkpoint: Path, imported: Path) -> None:
    assert b"McTavish" in imported.read_bytes()
    refused = run_cli("session", "forget", "diary", "McTavish", "Balthasar", "-c", tiny_checkpoint)
    assert refused.returncode == 2
    assert "Balthasar" in refused.stderr
    assert b"McTavish" in imported.read_bytes()  # all words or none
    assert run_cli("session", "forget", "diary", "McTavish", "-c", tiny_checkpoint).returncode == 0
    assert b"McTavish" not in imported.read_bytes()


@pytest.mark.parametrize("command", ["show", "export", "delete", "forget"])
def test_a_session_that_is_not_there_is_a_usage_error(run_cli: RunCLI, tiny_checkpoint: Path, command: str) -> None:
    arguments = ["word"] if command == "forget" else []
    arguments += [] if command == "delete" else ["-c", str(tiny_checkpoint)]
    done = run_cli("session", command, "nobody", *arguments)
    assert done.returncode == 2
    assert "'nobody'" in done.stderr
    assert "Hint:" in done.stderr


def test_a_text_without_words_begins_no_session(run_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path) -> None:
    done = run_cli("session", "import", "diary", "-", "-c", tiny_checkpoint, stdin="\n \n")
    assert done.returncode in (2, 3)
    assert done.stdout == ""
    assert not list((tmp_path / "home").rglob("diary.safetensors"))


def test_after_is_for_a_session_that_learns(run_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path) -> None:
    past = tmp_path / "past.txt"
    past.write_text(PAST)
    done = run_cli("eval", past, "--after", past, "-c", tiny_checkpoint)
    assert done.returncode == 2
    assert "--adapt" in done.stderr
    measured = run_cli("eval", past, "--adapt", "--after", past, "-c", tiny_checkpoint, "--json", "--quiet")
    assert json.loads(measured.stdout)["tokens"] == 16
