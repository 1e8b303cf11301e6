"""Networks for tests, of which only what matters is named."""

from __future__ import annotations

from typing import Any

from nextword.config import NetworkConfig

_USUAL = {
    "cell": "lstm",
    "embedding_dim": 256,
    "hidden_size": 256,
    "num_layers": 2,
    "topic_share": 0.25,
    "dropout_words": 0.05,
    "dropout_input": 0.15,
    "dropout_hidden": 0.15,
    "dropout_output": 0.2,
    "dropout_recurrent": 0.0,
}


def network_config(**fields: Any) -> NetworkConfig:
    """A network with these fields, and with usual values in the others."""
    return NetworkConfig(**{**_USUAL, **fields})
