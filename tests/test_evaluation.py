"""Perplexity: over every token, from the first to the last, however the text is cut into windows and parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nextword import evaluation
from nextword.config import ModelConfig
from nextword.evaluation import measured, perplexity, surprisal
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


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short texts are read as long ones are: in parts side by side, stretch after stretch, a few scores at a time."""
    monkeypatch.setattr(evaluation, "_WARM_UP", 60)
    monkeypatch.setattr(evaluation, "_LEAST_PART", 70)
    monkeypatch.setattr(evaluation, "_STRETCH", 500)
    monkeypatch.setattr(evaluation, "_MOST_STREAMS", 5)
    monkeypatch.setattr(evaluation, "_WINDOW", 64)
    monkeypatch.setattr(evaluation, "_SCORES", 1)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("count", [1, 139, 140, 349, 351, 500, 501, 1000, 1777])
def test_parts_side_by_side_give_every_token_the_surprisal_that_one_stream_gives_it(
    model: LSTMLanguageModel, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    ids = some_ids(count)
    progress: list[int] = []
    side_by_side = np.concatenate(list(measured(model, ids, surprisal, progress.append)))
    assert side_by_side.shape == (count, 1)
    assert sum(progress) == count
    monkeypatch.setattr(evaluation, "_MOST_STREAMS", 1)
    monkeypatch.setattr(evaluation, "_STRETCH", 10_000)
    one_stream = np.concatenate(list(measured(model, ids, surprisal)))
    np.testing.assert_allclose(side_by_side, one_stream, atol=2e-4)


@pytest.mark.usefixtures("small_parts")
def test_a_long_text_is_read_in_parts_and_a_short_one_in_one(model: LSTMLanguageModel) -> None:
    widths: list[int] = []
    hook = model.register_forward_pre_hook(lambda module, arguments: widths.append(arguments[0].shape[1]))
    perplexity(model, some_ids(139))
    assert set(widths) == {1}
    perplexity(model, some_ids(450))
    assert set(widths) == {1, 4, 5}
    hook.remove()


@pytest.mark.parametrize("count", [1, 63, 64, 200])
def test_surprisal_is_cross_entropy(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    scores = 9 * torch.randn(count, VOCABULARY, generator=generator)
    targets = torch.randint(VOCABULARY, (count,), generator=generator)
    expected = functional.cross_entropy(scores, targets, reduction="none")
    torch.testing.assert_close(surprisal(scores, targets), expected[:, None])


@pytest.mark.usefixtures("small_parts")
def test_no_more_scores_exist_at_once_than_are_allowed(
    model: LSTMLanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "_WINDOW", 1000)
    heights: list[int] = []

    def measure(scores: Tensor, targets: Tensor) -> Tensor:
        heights.append(len(scores))
        return surprisal(scores, targets)

    assert len(np.concatenate(list(measured(model, some_ids(900), measure)))) == 900
    assert max(heights) == 64


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
