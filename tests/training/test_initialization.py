"""What the network knows before its first step."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from support.networks import network_config

from nextword.evaluation.evaluate import perplexity
from nextword.model.language_model import RecurrentLanguageModel
from nextword.text.token_file import count_ids
from nextword.text.tokenizer import END_ID
from nextword.training.initialization import initialize, keep_topics, take_over, topic_units

FUNCTION_WORDS = range(2, 12)
FIRST, SECOND = range(12, 612), range(612, 1212)  # two groups of words that never share a paragraph
WORDS = SECOND.stop


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    """2,000 paragraphs, each of ten function words and ten words of one group, in turn."""
    random = np.random.default_rng(0)
    paragraphs = []
    for number in range(2000):
        words = np.empty(20, np.int32)
        words[::2] = random.choice(FUNCTION_WORDS, 10)
        words[1::2] = random.choice(FIRST if number % 2 else SECOND, 10)
        paragraphs.append(np.append(words, END_ID))
    return np.concatenate(paragraphs).astype(np.int32)


def initialized(ids: np.ndarray, seed: int = 0, **settings: int | bool) -> RecurrentLanguageModel:
    torch.manual_seed(seed)
    model = RecurrentLanguageModel(network_config(**settings), WORDS)
    initialize(model, ids, count_ids(ids, WORDS))
    return model.eval()


def test_without_topics_a_part_of_the_vectors_is_counted(ids: np.ndarray) -> None:
    model = initialized(ids, embedding_dim=40, hidden_size=40, topic_share=0.0)
    counted, random = model.embedding.weight.detach()[2:].split([13, 27], dim=1)
    lengths, others = counted.norm(dim=1), random.norm(dim=1)
    assert lengths.min() < 0.1 * lengths.max()  # words that tell nothing next to none
    assert others.min() > 0.3 * others.max()
    assert topic_units(model.config) == 0
    before = {name: value.clone() for name, value in model.state_dict().items()}
    window = torch.from_numpy(ids[:200].astype(np.int64)).view(20, 10)
    model.loss(window[:-1], window[1:], None)[0].backward()
    keep_topics(model, 0.0)
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert not any(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_same_seed_gives_the_same_weights(ids: np.ndarray) -> None:
    first, second = (initialized(ids, embedding_dim=24, hidden_size=24).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_output_bias_is_how_often_a_word_occurs(ids: np.ndarray) -> None:
    bias = initialized(ids, embedding_dim=24, hidden_size=24).output.bias.detach()
    share = np.mean(ids == END_ID)
    assert math.isclose(float(bias.exp().sum()), 1, rel_tol=1e-5)
    assert math.isclose(float(bias[END_ID].exp()), share, rel_tol=0.05)


def test_words_of_the_same_surroundings_get_similar_coordinates(ids: np.ndarray) -> None:
    model = initialized(ids, embedding_dim=40, hidden_size=40)
    coordinates = model.embedding.weight.detach()[:, : topic_units(model.config)]
    alike = torch.nn.functional.normalize(coordinates, dim=1) @ torch.nn.functional.normalize(coordinates, dim=1).T
    within = alike[FIRST.start : FIRST.stop, FIRST.start : FIRST.stop].mean()
    across = alike[FIRST.start : FIRST.stop, SECOND.start : SECOND.stop].mean()
    assert within > across + 0.3


def test_frequent_words_have_no_topic(ids: np.ndarray) -> None:
    model = initialized(ids, embedding_dim=40, hidden_size=40)
    lengths = model.embedding.weight.detach()[:, : topic_units(model.config)].norm(dim=1)
    assert lengths[FUNCTION_WORDS.start : FUNCTION_WORDS.stop].max() < 0.1 * lengths[FIRST.start : FIRST.stop].mean()


def share_of_first_group(model: RecurrentLanguageModel, context: list[int]) -> float:
    """Probability that the next word is one of the first group."""
    with torch.no_grad():
        hidden, _ = model(torch.tensor([END_ID, *context])[:, None])
        probabilities = torch.softmax(hidden[-1, 0] @ model.output.weight.T + model.output.bias, 0)
    return float(probabilities[FIRST.start : FIRST.stop].sum())


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("tied", [True, False])
def test_a_topic_makes_its_words_likely_twenty_words_later(ids: np.ndarray, num_layers: int, tied: bool) -> None:
    model = initialized(ids, embedding_dim=40, hidden_size=40, num_layers=num_layers, tied=tied)
    output_gate = slice(3 * 40, 3 * 40 + topic_units(model.config))
    with torch.no_grad():
        model.layers[-1].get_parameter("bias_ih_l0")[output_gate] = 0.0  # half open: training learns when to show it
    after = list(FUNCTION_WORDS) * 2
    first, second = ([*group[:10], *after] for group in (FIRST, SECOND))
    assert share_of_first_group(model, first) > 1.1 * share_of_first_group(model, second)


def test_what_a_word_says_comes_through_all_layers_from_the_start(ids: np.ndarray) -> None:
    model = initialized(ids, embedding_dim=40, hidden_size=40, num_layers=3, topic_share=0.0)
    with torch.no_grad():
        shown, _ = model(torch.arange(2, 12)[None])  # ten words, each in a stream of its own
    assert shown[0].std(dim=0).mean() > 0.003  # of torch's own numbers, a hundredth of that is left


def test_the_topic_is_hidden_until_training_learns_when_to_show_it(ids: np.ndarray) -> None:
    model = initialized(ids, embedding_dim=40, hidden_size=40)
    after = list(FUNCTION_WORDS) * 2
    first, second = (share_of_first_group(model, [*group[:10], *after]) for group in (FIRST, SECOND))
    assert first == pytest.approx(second, rel=0.05)


@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_training_steps_leave_the_topic_alone_and_late_ones_learn_when_to_show_it(
    ids: np.ndarray, progress: float
) -> None:
    model = initialized(ids, embedding_dim=40, hidden_size=40).train()
    window = torch.from_numpy(ids[:200].astype(np.int64)).view(20, 10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.loss(window[:-1], window[1:], None)[0].backward()
    keep_topics(model, progress)
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    after, topics = model.state_dict(), topic_units(model.config)
    assert torch.equal(before["embedding.weight"][:, :topics], after["embedding.weight"][:, :topics])
    assert not torch.equal(before["embedding.weight"][:, topics:], after["embedding.weight"][:, topics:])
    changed = {
        (layer, gate)
        for layer in range(2)
        for gate in range(4)
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        for rows in [slice(40 * gate, 40 * gate + topics)]
        if not torch.equal(before[f"lstm.{layer}.{name}"][rows], after[f"lstm.{layer}.{name}"][rows])
    }
    assert changed == (set() if progress < 0.4 else {(1, 3)})


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


@pytest.mark.parametrize("tied", [True, False])
def test_new_words_never_met_lie_around_the_mean_and_are_as_likely_as_they_were_counted(tied: bool) -> None:
    config = network_config(embedding_dim=6, hidden_size=6, tied=tied)
    source, model = RecurrentLanguageModel(config, 20), RecurrentLanguageModel(config, 23)
    shapes = config.parameter_shapes(20)
    weights = {name: value.numpy() for name, value in source.state_dict().items() if name in shapes}
    counts = np.arange(23)
    torch.manual_seed(5)
    take_over(model, weights, np.zeros(0, np.int32), counts)
    torch.manual_seed(5)
    with torch.no_grad():
        for new, old in zip(model.word_matrices, source.word_matrices, strict=True):
            assert torch.equal(new[:20], old)
            torch.testing.assert_close(new[20:], old.mean(0) + 0.1 * old.std(0) * torch.randn(3, 6))
    assert len(model.word_matrices) == 2 - tied
    shares = (counts + 0.5) / (counts + 0.5).sum()
    np.testing.assert_allclose(model.output.bias.detach()[20:].exp(), shares[20:], rtol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_a_new_word_starts_where_the_words_are_that_were_expected_in_its_places(tied: bool) -> None:
    config = network_config(embedding_dim=6, hidden_size=6, tied=tied)
    source, model = RecurrentLanguageModel(config, 20), RecurrentLanguageModel(config, 22)
    torch.nn.init.constant_(source.output.bias[7], 30.0)  # the only word expected, but for what is no word
    torch.nn.init.constant_(source.output.bias[:2], 60.0)
    weights = {name: source.state_dict()[name].numpy() for name in config.parameter_shapes(20)}
    take_over(model, weights, np.tile(np.array([3, 4, 20], np.int32), 40), np.arange(22))
    for new, old in zip(model.word_matrices, source.word_matrices, strict=True):
        torch.testing.assert_close(new[20], old[7])
        assert not torch.allclose(new[21], old[7], atol=0.01)  # it is never met
    assert model.training
