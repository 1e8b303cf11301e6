"""What the tests share: a little text, a model trained on it, and the command line as a process."""

from __future__ import annotations

import os

# Before torch is imported: on networks this small, threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from support.cli import RunCLI
from support.networks import network_config
from support.text import FRENCH, GERMAN, SPANISH, make_text, sentences_of

from nextword.cli.main import main
from nextword.config import ModelConfig, TrainConfig
from nextword.inference.predictor import Predictor
from nextword.training.events import Event
from nextword.training.train import train

# Fixed examples: a run today and a run tomorrow test the same; no deadline, because the machine may be busy.
settings.register_profile("nextword", deadline=None, derandomize=True, database=None)
settings.load_profile("nextword")

# In a shell's background job SIGINT is ignored, and nextword leaves ignored signals alone; tests send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_HOW_PYTHON_WRITES = {"PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONDEVMODE", "PYTHONWARNINGS"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with the longest tests come first, so that several processes (`-n`) end at about the same time."""
    first = ["test_readme.py", "test_faults.py", "test_distributed.py", "test_benchmarks.py"]
    places = {name: place for place, name in enumerate(first)}
    items.sort(key=lambda item: places.get(item.path.name, len(first)))


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the checkpoints and settings of the person who runs it, nor the model that ships, unless it asks."""
    for name in ("NEXTWORD_CHECKPOINT", "NEXTWORD_DEBUG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NEXTWORD_ENGLISH", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home" / "data"))


@pytest.fixture(scope="session")
def tiny_model() -> ModelConfig:
    return network_config(
        embedding_dim=32,
        hidden_size=40,
        num_layers=2,
        dropout_words=0.0,
        dropout_input=0.0,
        dropout_hidden=0.0,
        dropout_output=0.0,
        dropout_recurrent=0.0,
    )


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "tiny.txt"
    path.write_text(make_text(300), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_run(
    tiny_corpus: Path, tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Event]]:
    """The checkpoint of a short training run, and all events of the run."""
    events: list[Event] = []
    out = tmp_path_factory.mktemp("checkpoints")
    config = TrainConfig(epochs=6, batch_size=4, bptt=12, precision="fp32", device="cpu", out=str(out))
    return train(tiny_corpus, tiny_model, config, start_from=None, on_event=events.append), events


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_run: tuple[Path, list[Event]]) -> Path:
    return tiny_run[0]


@pytest.fixture(scope="session")
def predictor(tiny_checkpoint: Path) -> Predictor:
    return Predictor.load(tiny_checkpoint)


def _trained_on(sentences: list[str], model: ModelConfig, folder: Path) -> Predictor:
    """A small model of a text of these sentences."""
    text = folder / "text.txt"
    text.write_text(sentences_of(sentences), encoding="utf-8")
    config = TrainConfig(epochs=3, batch_size=4, bptt=12, precision="fp32", device="cpu", out=str(folder))
    return Predictor.load(train(text, model, config, start_from=None))


@pytest.fixture(scope="session")
def french(tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return _trained_on(FRENCH, tiny_model, tmp_path_factory.mktemp("french"))


@pytest.fixture(scope="session")
def german(tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return _trained_on(GERMAN, tiny_model, tmp_path_factory.mktemp("german"))


@pytest.fixture(scope="session")
def spanish(tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return _trained_on(SPANISH, tiny_model, tmp_path_factory.mktemp("spanish"))


@pytest.fixture
def cli_environment() -> dict[str, str]:
    """What a user's shell would hand down, and nothing that changes how Python writes."""
    inherited = {name: value for name, value in os.environ.items() if name not in _HOW_PYTHON_WRITES}
    return {**inherited, "PYTHONUTF8": "1", "COLUMNS": "80", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def run_cli(tmp_path: Path, cli_environment: dict[str, str]) -> RunCLI:
    """Run `nextword ARGUMENTS` as a process of its own, in an empty folder."""

    def run(*arguments: object, stdin: str | bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "nextword", *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**cli_environment, **environment},
            cwd=tmp_path,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )

    return run


@pytest.fixture
def call_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> RunCLI:
    """What `run_cli` does, in this process: seconds faster where the command loads torch."""

    def call(*arguments: object, stdin: str | bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        for name, value in {"COLUMNS": "80", **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["nextword", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
        capfd.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main()
        shown = capfd.readouterr()
        return subprocess.CompletedProcess(sys.argv, int(leaving.value.code or 0), shown.out, shown.err)

    return call
