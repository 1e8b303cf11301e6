"""The READMEs' commands run as written, in their order, in a folder that has what a clone has."""

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
# In the order in which they are read, and their commands run.
PAGES = [
    "README.md",
    "nextword/README.md",
    *(f"nextword/{name}/README.md" for name in ("cli", "lsp", "interactive", "model", "evaluation", "analysis")),
    *(f"{name}/README.md" for name in ("checkpoints", "tests", "corpora")),
]
TEXTS = {page: (PROJECT / page).read_text(encoding="utf-8") for page in PAGES}
ALL_TEXT = "\n".join(TEXTS.values())


def blocks(page: str, language: str) -> list[str]:
    """The page's fenced blocks in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXTS[page], re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a new user, who has the installed `nextword` first in the path."""
    home = tmp_path_factory.mktemp("home")
    kept_back = re.compile("NEXTWORD_|PYTHON(?!PATH)|XDG_|NO_COLOR|FORCE_COLOR|OMP_NUM_THREADS")
    inherited = {name: value for name, value in os.environ.items() if not kept_back.match(name)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # Beside another process of tests, threads that train would wait for each other most of the time.
    threads = {"OMP_NUM_THREADS": "1"} if "PYTEST_XDIST_WORKER" in os.environ else {}
    return {**inherited, **threads, "PATH": path, "HOME": str(home), "PYTHONUTF8": "1", "COLUMNS": "80"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A folder in which every command of the READMEs has run, one after the other."""
    folder = tmp_path_factory.mktemp("readme") / "nextword"
    shutil.copytree(PROJECT / "corpora", folder / "corpora")
    for page in PAGES:
        for block in blocks(page, "sh"):
            run(["bash", "-euo", "pipefail", "-c", block], folder, environment)
    return folder


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command in the folder; its output, if it succeeds."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[-1]}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_every_command_runs_as_written(clone: Path) -> None:
    assert sorted(path.name for path in (clone / "checkpoints").iterdir()) == [
        "everyday.safetensors",
        "mine-2.safetensors",
        "mine.safetensors",
        "piped.safetensors",
        "quick.safetensors",
    ]


@pytest.mark.slow
def test_the_library_example_runs_as_written(clone: Path, environment: dict[str, str]) -> None:
    (example,) = (block for page in PAGES for block in blocks(page, "python"))
    assert run([sys.executable, "-c", example], clone, environment).count("\n") >= 4


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_name_typed_twice_is_suggested_the_third_time(clone: Path) -> None:
    session = Predictor.load(clone / "checkpoints" / "everyday.safetensors").session(AdaptConfig())
    session.feed("My neighbour Katarina grew up in Poland. On Monday I saw my neighbour Katarina at the market.")
    session.feed("Yesterday my neighbour")
    assert "Katarina" in [prediction.word for prediction in session.suggest(3)]
    session.feed("was here. With")
    assert "Katarina" in [prediction.word for prediction in session.suggest(3, prefix="Ka")]


def suggestions(predictor: Predictor, text: str) -> list[str]:
    return [prediction.word for prediction in predictor.predict(text, k=3)]


def test_every_command_has_an_example_in_its_help_and_a_place_in_a_readme() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f"nextword {name}" in (command.epilog or ""), name
        assert f"nextword {name}" in ALL_TEXT, name


def test_the_tree_names_every_module_and_no_other() -> None:
    section = TEXTS["nextword/README.md"].split("## The folders and their modules")[1].split("\n## ")[0]
    named = {
        f"{folder.strip('./')}/{module}".lstrip("/")
        for folder, text in re.findall(r"^- \*\*`(\S+)`\*\*(.*?)(?=^- |\n\n)", section, re.MULTILINE | re.DOTALL)
        for module in re.findall(r"`(\w+\.py)`", text)
    }
    package = PROJECT / "nextword"
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert named == {module for module in modules if not module.endswith("/__init__.py")}


def test_every_folder_is_on_the_front_page() -> None:
    folders = {path.parent.name for path in (PROJECT / "nextword").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/` \|", TEXTS["README.md"], re.MULTILINE)) == folders


def test_every_file_that_a_readme_links_to_is_there() -> None:
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (PROJECT / page).parent.joinpath(target).exists(), (page, target)


def test_every_python_file_that_a_readme_names_with_its_folder_is_there() -> None:
    for page, text in TEXTS.items():
        folders = [(PROJECT / page).parent, PROJECT / "nextword", PROJECT]
        for name in re.findall(r"((?:[\w-]+/)+\w+\.py)\b", text):
            assert any((folder / name).exists() for folder in folders), (page, name)


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.search(r"@@|TODO|TBD", ALL_TEXT)


def test_every_test_that_a_readme_names_is_there() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", ALL_TEXT)
    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_what_must_pass_is_the_same_in_both_readmes_and_in_ci() -> None:
    checks = re.compile(r"^ruff check .*$", re.MULTILINE)
    (line,) = set(checks.findall((PROJECT / ".ci" / "run").read_text(encoding="utf-8")))
    assert checks.findall(TEXTS["README.md"]) == checks.findall(TEXTS["tests/README.md"]) == [line]
