"""Models that nobody trained."""

from __future__ import annotations

import numpy as np
import torch
from support.networks import network_config

from nextword.config import NetworkConfig
from nextword.evaluation.reader import ReadingLimits
from nextword.inference.predictor import Predictor
from nextword.model.language_model import RecurrentLanguageModel
from nextword.storage.checkpoint import Checkpoint
from nextword.text.tokenizer import WordTokenizer

TEXT = 'Anna lives in Paris. "Where is the Zeppelin?" asked\nPeter.\n\nThe cat sat on the mat.'

# Short texts are read as long ones are: as streams side by side, chunk after chunk, a few scores at a time.
SMALL_LIMITS = ReadingLimits(warm_up=60, min_stream=70, max_streams=5, stream_window=64, chunk=500, logits=1)


def random_predictor(cell: str, vocabulary: str = TEXT) -> Predictor:
    """A model of two layers of different size with random weights."""
    config = network_config(cell=cell, embedding_dim=6, hidden_size=9, num_layers=2)
    tokenizer = WordTokenizer.train([vocabulary], min_count=1)
    numbers = np.random.default_rng(4)
    shapes = config.parameter_shapes(len(tokenizer))
    tensors = {name: numbers.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
    return Predictor(Checkpoint(config, tokenizer, tensors, {}))


def random_model(config: NetworkConfig, vocabulary_size: int) -> RecurrentLanguageModel:
    """A network in evaluation mode whose weights are drawn evenly from -0.8 to 0.8."""
    torch.manual_seed(0)
    model = RecurrentLanguageModel(config, vocabulary_size).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.8, 0.8)
    return model


def random_ids(count: int, vocabulary_size: int) -> np.ndarray:
    """A text of so many tokens, always the same."""
    return np.random.default_rng(count).integers(0, vocabulary_size, count).astype(np.int32)
