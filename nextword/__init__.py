"""nextword: learn to predict the next word from your own text, and type with it.

The public names, loaded when they are first used, so that `import nextword` alone costs nothing and only training
needs torch:

    Predictor.load(path).predict("once upon a", k=5)         list of Prediction(word, probability)
    session = predictor.session(); session.feed("time ")     carries hidden and cell state; session.suggest(k=5)
    train("book.txt", ModelConfig(), TrainConfig())          path of the checkpoint
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nextword.about import __version__ as __version__

if TYPE_CHECKING:
    from nextword.config import ModelConfig, TrainConfig
    from nextword.errors import NextwordError
    from nextword.inference.outlook import Prediction
    from nextword.inference.predictor import Predictor
    from nextword.inference.session import Session
    from nextword.training.train import train

__all__ = ["ModelConfig", "NextwordError", "Prediction", "Predictor", "Session", "TrainConfig", "train"]

_HOMES = {
    "ModelConfig": "config",
    "NextwordError": "errors",
    "Prediction": "inference.outlook",
    "Predictor": "inference.predictor",
    "Session": "inference.session",
    "TrainConfig": "config",
    "train": "training.train",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nextword' has no attribute {name!r}")
    return getattr(import_module(f"nextword.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, of which none has to be loaded for that (PEP 562)."""
    return sorted([*__all__, "__version__"])
