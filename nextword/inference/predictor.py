"""The public face: a checkpoint is loaded, a text is answered, a session is opened."""

from __future__ import annotations

from pathlib import Path

from nextword.config import AdaptConfig
from nextword.inference.engine import Engine
from nextword.inference.outlook import Prediction
from nextword.inference.session import Session
from nextword.storage.checkpoint import chosen_checkpoint


class Predictor(Engine):
    """Predicts next words with the model in a checkpoint; holds no state, and shares none between its sessions."""

    @classmethod
    def load(cls, path: str | Path | None = None) -> Predictor:
        """Load a checkpoint; without a path the one that the command line would take.

        Raises:
            CheckpointError: There is none, or it is damaged.
        """
        return cls(chosen_checkpoint(path))

    def predict(self, text: str, k: int = 5, punctuation: bool = False) -> list[Prediction]:
        """The `k` most likely words after `text`, the likeliest first.

        Args:
            text: Any text; words outside the vocabulary are read as unknown.
            k: How many; fewer come back only where the vocabulary has fewer.
            punctuation: Whether punctuation marks are in the list, too.

        Raises:
            UsageError: `k` is less than 1.
        """
        session = self.session()
        session.feed(text)
        return session.suggest(k, punctuation)

    def session(self, adapt: AdaptConfig | None = None) -> Session:
        """A fresh `Session`: it carries hidden and cell state from one text to the next.

        Args:
            adapt: How it also learns from what it reads; None: not at all.
        """
        return Session(self, adapt)
