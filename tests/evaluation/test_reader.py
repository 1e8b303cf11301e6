"""A text through the network: the figures are those of one stream, into whatever chunks and windows it is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.models import SMALL_LIMITS, random_ids, random_model
from support.networks import network_config
from torch import Tensor

from nextword.evaluation.evaluate import perplexity
from nextword.evaluation.evaluation_text import surprisal
from nextword.evaluation.reader import ReadingLimits, paragraph_metrics, stream_metrics
from nextword.model.language_model import RecurrentLanguageModel
from nextword.text.tokenizer import END_ID

VOCABULARY = 11
ONE_STREAM = replace(SMALL_LIMITS, max_streams=1, chunk=10_000)


@pytest.fixture(scope="module")
def model() -> RecurrentLanguageModel:
    return random_model(network_config(embedding_dim=6, hidden_size=7, num_layers=2), VOCABULARY)


def surprisals(model: RecurrentLanguageModel, ids: np.ndarray, limits: ReadingLimits) -> np.ndarray:
    return np.concatenate(list(stream_metrics(model, ids, surprisal, limits=limits)))


@pytest.mark.parametrize("count", [1, 139, 140, 349, 351, 500, 501, 1000, 1777])
def test_streams_side_by_side_give_every_token_the_surprisal_that_one_stream_gives_it(
    model: RecurrentLanguageModel, count: int
) -> None:
    ids = random_ids(count, VOCABULARY)
    progress: list[tuple[int, int]] = []
    chunks = stream_metrics(model, ids, surprisal, lambda *done: progress.append(done), SMALL_LIMITS)
    side_by_side = np.concatenate(list(chunks))
    assert side_by_side.shape == (count, 1)
    assert progress[-1] == (count, count)
    assert progress == sorted(set(progress))
    np.testing.assert_allclose(side_by_side, surprisals(model, ids, ONE_STREAM), atol=2e-4)


def test_a_last_chunk_shorter_than_the_warm_up_begins_in_the_chunk_before_it(model: RecurrentLanguageModel) -> None:
    ids = random_ids(9944, VOCABULARY)
    limits = replace(SMALL_LIMITS, chunk=141)
    *_, last = stream_metrics(model, ids, surprisal, limits=limits)
    assert len(last) == 4  # two streams of two words
    np.testing.assert_allclose(surprisals(model, ids, limits), surprisals(model, ids, ONE_STREAM), atol=2e-4)


def test_a_long_text_is_read_as_streams_and_a_short_one_as_one(model: RecurrentLanguageModel) -> None:
    widths: list[int] = []
    hook = model.register_forward_pre_hook(lambda module, arguments: widths.append(arguments[0].shape[1]))
    perplexity(model, random_ids(139, VOCABULARY), SMALL_LIMITS)
    assert set(widths) == {1}
    perplexity(model, random_ids(450, VOCABULARY), SMALL_LIMITS)
    assert set(widths) == {1, 4, 5}
    hook.remove()


def test_no_more_scores_exist_at_once_than_are_allowed(model: RecurrentLanguageModel) -> None:
    heights: list[int] = []

    def metric(logits: Tensor, targets: Tensor) -> Tensor:
        heights.append(len(logits))
        return surprisal(logits, targets)

    limits = replace(SMALL_LIMITS, stream_window=1000)
    chunks = stream_metrics(model, random_ids(900, VOCABULARY), metric, limits=limits)
    assert len(np.concatenate(list(chunks))) == 900
    assert max(heights) == 64


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("count", [1, 2, 500, 1777])
def test_every_paragraph_is_read_as_if_it_were_the_whole_text(
    model: RecurrentLanguageModel, count: int, ended: bool
) -> None:
    ids = random_ids(count, VOCABULARY)
    ids[count // 3 : count // 2] = 5  # a paragraph longer than a chunk
    ids[-1] = END_ID if ended else 5
    progress: list[tuple[int, int]] = []
    limits = replace(SMALL_LIMITS, chunk=100, max_passages=7, passage_window=30)
    chunks = [*paragraph_metrics(model, ids, surprisal, lambda *done: progress.append(done), limits)]
    assert len(chunks) > 1 or count < 500
    assert progress[-1] == (count, count)
    alone = np.split(ids, np.flatnonzero(ids[:-1] == END_ID) + 1)
    expected = np.concatenate([surprisals(model, part, ONE_STREAM) for part in alone])
    np.testing.assert_allclose(np.concatenate(chunks), expected, atol=2e-4)
