"""What the network knows before its first step."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

from nextword.config import ModelConfig
from nextword.evaluation import perplexity
from nextword.initialization import initialize
from nextword.model import LSTMLanguageModel
from nextword.tokenizer import END_ID

WORDS = 40
FIRST, SECOND = range(2, 20), range(20, 38)  # two groups of words that never share a paragraph


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    """300 paragraphs, each of ten words of one group, some words more frequent than others."""
    random = np.random.default_rng(0)
    paragraphs = []
    for number in range(300):
        group = np.array(FIRST if number % 2 else SECOND)
        weights = 1 / np.arange(1, len(group) + 1)
        paragraphs.append(np.append(random.choice(group, 10, p=weights / weights.sum()), END_ID))
    return np.concatenate(paragraphs).astype(np.int32)


def initialized(ids: np.ndarray, seed: int = 0, **settings: int | bool) -> LSTMLanguageModel:
    torch.manual_seed(seed)
    model = LSTMLanguageModel(ModelConfig(**settings), WORDS)
    initialize(model, ids)
    return model.eval()


def test_the_same_seed_gives_the_same_weights(ids: np.ndarray) -> None:
    first, second = (initialized(ids, embedding_dim=24, hidden_size=24).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_output_bias_is_how_often_a_word_occurs(ids: np.ndarray) -> None:
    bias = initialized(ids, embedding_dim=24, hidden_size=24).output.bias.detach()
    share = np.mean(ids == END_ID)
    assert math.isclose(float(bias.exp().sum()), 1, rel_tol=1e-5)
    assert math.isclose(float(bias[END_ID].exp()), share, rel_tol=0.05)


def test_words_of_the_same_surroundings_get_similar_vectors(ids: np.ndarray) -> None:
    model = initialized(ids, embedding_dim=13, hidden_size=13)
    meanings = torch.nn.functional.normalize(model.embedding.weight.detach()[:, :-1], dim=1)
    alike = meanings @ meanings.T
    within = alike[FIRST.start : FIRST.stop, FIRST.start : FIRST.stop].mean()
    across = alike[FIRST.start : FIRST.stop, SECOND.start : SECOND.stop].mean()
    assert within > across + 0.3


def test_the_last_coordinate_is_larger_for_rarer_words(ids: np.ndarray) -> None:
    rarity = initialized(ids, embedding_dim=13, hidden_size=13).embedding.weight[:, -1]
    assert rarity[FIRST.stop - 1] > rarity[FIRST.start]


def test_a_topic_makes_its_words_likely_some_words_later(ids: np.ndarray) -> None:
    model = initialized(ids, embedding_dim=24, hidden_size=24)

    def share_of_first(context: range) -> float:
        inputs = torch.tensor([END_ID, *context[-5:], END_ID, END_ID])[:, None]
        with torch.no_grad():
            hidden, _ = model(inputs)
            probabilities = torch.softmax(hidden[-1, 0] @ model.output.weight.T + model.output.bias, 0)
        return float(probabilities[FIRST.start : FIRST.stop].sum())

    assert share_of_first(FIRST) > share_of_first(SECOND) + 0.05


@pytest.mark.parametrize(
    ("embedding_dim", "hidden_size", "num_layers", "tied"), list(product([1, 2, 60], [1, 60], [1, 3], [True, False]))
)
def test_every_shape_starts_with_finite_weights_no_worse_than_uniform(
    ids: np.ndarray, embedding_dim: int, hidden_size: int, num_layers: int, tied: bool
) -> None:
    model = initialized(ids, embedding_dim=embedding_dim, hidden_size=hidden_size, num_layers=num_layers, tied=tied)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert perplexity(model, ids) < WORDS


def test_one_word_over_and_over_and_texts_of_one_paragraph(ids: np.ndarray) -> None:
    for text in (np.full(60, 2, np.int32), np.arange(60, dtype=np.int32) % WORDS):
        model = initialized(text, embedding_dim=24, hidden_size=24)
        assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
