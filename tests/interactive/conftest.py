"""What a key costs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nextword.inference.lstm import Array, LSTMState
from nextword.inference.predictor import Predictor


@pytest.fixture
def steps(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many words the network reads, one number for each time."""
    predictor.initial_state  # noqa: B018 - read once and kept
    read, counted = predictor.network.read, []

    def counting(ids: Sequence[int], state: LSTMState) -> tuple[Array, LSTMState]:
        counted.append(len(ids))
        return read(ids, state)

    monkeypatch.setattr(predictor.network, "read", counting)
    return counted
