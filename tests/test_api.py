"""The public names, and what importing and predicting must not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import nextword

PUBLIC = {"ModelConfig", "NextwordError", "Prediction", "Predictor", "Session", "TrainConfig", "train"}


def test_the_public_names_are_exactly_these() -> None:
    assert set(nextword.__all__) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(nextword, name)
    assert value.__name__ == name
    assert value.__module__.startswith("nextword.")


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="sausage"):
        _ = nextword.sausage
    with pytest.raises(ImportError):
        exec("from nextword import sausage")  # noqa: S102


def test_the_example_of_the_package_works(tiny_checkpoint: Path) -> None:
    from nextword import Prediction, Predictor, Session

    predictor = Predictor.load(tiny_checkpoint)
    predictions = predictor.predict("Anna lives", k=5)
    assert all(isinstance(prediction, Prediction) for prediction in predictions)
    assert len(predictions) == 5
    assert predictions[0].word == "in"
    session = predictor.session()
    assert isinstance(session, Session)
    session.feed("Anna ")
    session.feed("lives ")
    assert session.suggest(k=1)[0].word == "in"


def run_python(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_alone_loads_neither_numpy_nor_torch() -> None:
    code = "import nextword, sys; print([name for name in ('numpy', 'torch', 'typer', 'rich') if name in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_the_package_lists_its_public_names_without_loading_them() -> None:
    code = """if True:
        import nextword, sys
        print(*dir(nextword))
        print([name for name in ("numpy", "torch", "typer", "rich", "tokenizers") if name in sys.modules])
    """
    names, loaded = run_python(code).splitlines()
    assert set(names.split()) == {*PUBLIC, "__version__"}
    assert loaded == "[]"


@pytest.mark.parametrize("command", ["predict", "repl", "info", "explain", "why", "session import diary"])
def test_commands_that_do_not_train_never_load_torch(tiny_checkpoint: Path, command: str) -> None:
    code = """if True:
        import sys
        from nextword.cli.main import main
        command, checkpoint = sys.argv[1:]
        text = checkpoint + ".txt" if "import" in command else "The cat"
        open(checkpoint + ".txt", "w").write("The cat sat.")
        arguments = {"repl": ["-c", checkpoint], "info": [checkpoint]}.get(command, [text, "-c", checkpoint])
        arguments += ["--svg", checkpoint + ".svg"] if command == "explain" else []
        sys.argv = ["nextword", *command.split(), *arguments]
        try:
            main()
        except SystemExit as leaving:
            assert not leaving.code, leaving.code
        print("torch loaded:", "torch" in sys.modules)
    """
    assert run_python(code, command, tiny_checkpoint).splitlines()[-1] == "torch loaded: False"
