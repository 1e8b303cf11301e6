"""Perplexity: over every token, from the first to the last, however the text is cut into windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nextword import evaluation
from nextword.config import ModelConfig
from nextword.evaluation import perplexity
from nextword.model import LSTMLanguageModel
from nextword.tokenizer import END_ID

VOCABULARY = 11


@pytest.fixture(scope="module")
def model() -> LSTMLanguageModel:
    torch.manual_seed(0)
    made = LSTMLanguageModel(ModelConfig(embedding_dim=6, hidden_size=7, num_layers=2, dropout_output=0.5), VOCABULARY)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.uniform_(-0.8, 0.8)
    return made


def some_ids(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, VOCABULARY, count).astype(np.int32)


def plain_perplexity(model: LSTMLanguageModel, ids: np.ndarray) -> float:
    """One word after the other, with the probabilities written out."""
    model.eval()
    surprise, state, before = 0.0, None, END_ID
    with torch.no_grad():
        for token in ids.tolist():
            shown, state = model(torch.tensor([[before]]), state)
            surprise -= math.log(torch.softmax(model.output(shown[0, 0]).double(), 0)[token])
            before = token
    return math.exp(surprise / len(ids))


@pytest.mark.parametrize("count", [1, 2, 50, 2500])
def test_perplexity_counts_every_token_from_the_first_on(model: LSTMLanguageModel, count: int) -> None:
    ids = some_ids(count)
    assert perplexity(model, ids) == pytest.approx(plain_perplexity(model, ids), rel=1e-4)


@pytest.mark.parametrize("window", [1, 7, 100, 10_000])
def test_perplexity_does_not_depend_on_the_window(
    model: LSTMLanguageModel, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    ids = some_ids(130)
    expected = plain_perplexity(model, ids)
    monkeypatch.setattr(evaluation, "_WINDOW", window)
    assert perplexity(model, ids) == pytest.approx(expected, rel=1e-4)


def test_a_model_that_knows_nothing_is_as_perplexed_as_its_vocabulary_is_large(model: LSTMLanguageModel) -> None:
    ignorant = LSTMLanguageModel(model.config, VOCABULARY)
    with torch.no_grad():
        for parameter in ignorant.parameters():
            parameter.zero_()
    assert perplexity(ignorant, some_ids(40)) == pytest.approx(VOCABULARY, rel=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_left_as_it_was_and_dropout_is_off(model: LSTMLanguageModel, training: bool) -> None:
    ids = some_ids(60)
    model.train(training)
    assert perplexity(model, ids) == perplexity(model, ids)
    assert model.training is training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_hopeless_model_gives_a_large_number_and_no_error(model: LSTMLanguageModel) -> None:
    hopeless = LSTMLanguageModel(model.config, VOCABULARY)
    with torch.no_grad():
        hopeless.output.bias.copy_(torch.tensor([1e6] + [0.0] * (VOCABULARY - 1)))
    value = perplexity(hopeless, np.full(20, 5, np.int32))
    assert math.isfinite(value)
    assert value > 1e100
