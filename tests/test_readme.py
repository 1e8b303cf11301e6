"""The README's commands run as written, in their order, in a folder that has what a clone has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from nextword.cli.main import app
from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor

PROJECT = Path(__file__).parent.parent
LANGUAGES = {
    "France": "French",
    "Germany": "German",
    "Greece": "Greek",
    "Italy": "Italian",
    "Japan": "Japanese",
    "Poland": "Polish",
    "Portugal": "Portuguese",
    "Russia": "Russian",
    "Spain": "Spanish",
}
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The README's fenced blocks in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "nextword"
    shutil.copytree(PROJECT / "corpora", folder / "corpora")
    return folder


def run(command: list[str], clone: Path, environment: dict[str, str]) -> str:
    """Run a command in the clone, with the installed `nextword` first in the path; its output, if it succeeds."""
    path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    done = subprocess.run(
        command, cwd=clone, env={**environment, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_runs_as_written_and_so_does_the_library_example(
    clone: Path, cli_environment: dict[str, str]
) -> None:
    environment = {name: value for name, value in cli_environment.items() if name != "OMP_NUM_THREADS"}
    for block in blocks("sh"):
        run(["bash", "-euo", "pipefail", "-c", block], clone, environment)
    assert sorted(path.name for path in (clone / "checkpoints").iterdir()) == [
        "everyday.safetensors",
        "mine-2.safetensors",
        "mine.safetensors",
        "quick.safetensors",
    ]
    (example,) = blocks("python")
    assert run([sys.executable, "-c", example], clone, environment).count("\n") >= 4


def test_what_training_on_the_default_corpus_leaves_behind(clone: Path) -> None:
    predictor = Predictor.load(clone / "checkpoints" / "everyday.safetensors")
    assert predictor.checkpoint.training["validation_perplexity"] < 42
    assert "morning" in suggestions(predictor, "Good")
    assert "French" in suggestions(predictor, "Emma grew up in France, so of course she speaks fluent")
    found = [
        language in suggestions(predictor, f"My parents met in {country} and I was born there. I speak fluent")
        for country, language in LANGUAGES.items()
    ]
    assert sum(found) > len(found) / 2, found


def test_a_name_typed_twice_is_suggested_the_third_time(clone: Path) -> None:
    session = Predictor.load(clone / "checkpoints" / "everyday.safetensors").session(AdaptConfig())
    session.feed("My neighbour Katarina grew up in Poland. On Monday I saw my neighbour Katarina at the market.")
    session.feed("Yesterday my neighbour")
    assert "Katarina" in [prediction.word for prediction in session.suggest(3)]
    session.feed("was here. With")
    assert "Katarina" in [prediction.word for prediction in session.suggest(3, prefix="Ka")]


def suggestions(predictor: Predictor, text: str) -> list[str]:
    return [prediction.word for prediction in predictor.predict(text, k=3)]


def test_every_command_has_an_example_in_its_help_and_a_place_in_the_readme() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f"nextword {name}" in (command.epilog or ""), name
        assert f"nextword {name}" in README, name


def test_the_tree_names_every_module() -> None:
    tree = README.split("## Where things are")[1]
    for module in (PROJECT / "nextword").glob("*.py"):
        assert f"  {module.name} " in tree, module.name


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.search(r"@@|TODO|TBD", README)


def test_every_test_that_the_readme_names_is_there() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "tests").glob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", README)
    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []
