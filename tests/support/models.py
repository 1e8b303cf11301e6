"""Models that nobody trained."""

from __future__ import annotations

import numpy as np
from support.networks import network_config

from nextword.inference.predictor import Predictor
from nextword.storage.checkpoint import Checkpoint
from nextword.text.tokenizer import WordTokenizer

TEXT = 'Anna lives in Paris. "Where is the Zeppelin?" asked\nPeter.\n\nThe cat sat on the mat.'


def random_predictor(cell: str, vocabulary: str = TEXT) -> Predictor:
    """A model of two layers of different size with random weights."""
    config = network_config(cell=cell, embedding_dim=6, hidden_size=9, num_layers=2)
    tokenizer = WordTokenizer.train([vocabulary], min_count=1)
    numbers = np.random.default_rng(4)
    shapes = config.parameter_shapes(len(tokenizer))
    tensors = {name: numbers.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
    return Predictor(Checkpoint(config, tokenizer, tensors, {}))
