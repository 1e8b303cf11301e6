"""The LSTM in numpy: by hand for one number, and against torch for everything else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.networks import network_config

from nextword.config import GATES, ModelConfig
from nextword.inference.lstm import LSTMNetwork, LSTMState, at_temperature, log_softmax, lstm_cell, sigmoid, softmax
from nextword.model.language_model import RecurrentLanguageModel


def random_model(config: ModelConfig, vocabulary_size: int, seed: int) -> RecurrentLanguageModel:
    torch.manual_seed(seed)
    model = RecurrentLanguageModel(config, vocabulary_size).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.6, 0.6)
    return model


def network_of(model: RecurrentLanguageModel, vocabulary_size: int) -> LSTMNetwork:
    """The same weights in numpy: exactly those that a checkpoint holds."""
    state = model.state_dict()
    return LSTMNetwork({name: state[name].numpy() for name in model.config.parameter_shapes(vocabulary_size)})


@pytest.mark.slow
@given(
    cell=st.sampled_from(sorted(GATES)),
    embedding_dim=st.integers(1, 12),
    hidden_size=st.integers(1, 12),
    num_layers=st.integers(1, 3),
    tied=st.booleans(),
    vocabulary_size=st.integers(2, 20),
    seed=st.integers(0, 2**16),
    data=st.data(),
)
@settings(max_examples=90)
def test_numpy_and_torch_agree_on_every_logit(
    cell: str,
    embedding_dim: int,
    hidden_size: int,
    num_layers: int,
    tied: bool,
    vocabulary_size: int,
    seed: int,
    data: st.DataObject,
) -> None:
    config = network_config(
        cell=cell, embedding_dim=embedding_dim, hidden_size=hidden_size, num_layers=num_layers, tied=tied
    )
    model = random_model(config, vocabulary_size, seed)
    network = network_of(model, vocabulary_size)
    ids = data.draw(st.lists(st.integers(0, vocabulary_size - 1), min_size=1, max_size=10))
    cut = data.draw(st.integers(0, len(ids)))
    with torch.no_grad():
        shown, state = model(torch.tensor(ids)[:, None])
        expected = model.output(shown)[:, 0].numpy()

    whole, whole_state = network.read(ids, network.initial_state())
    np.testing.assert_allclose(network.logits(whole), expected, atol=1e-5)

    steps, carried = [], network.initial_state()
    for token in ids:
        after, carried = network.read([token], carried)
        steps.append(network.logits(after[-1]))
    np.testing.assert_allclose(np.stack(steps), expected, atol=1e-5)

    first, between = network.read(ids[:cut], network.initial_state()) if cut else (whole[:0], network.initial_state())
    second, end = network.read(ids[cut:], between) if cut < len(ids) else (whole[:0], between)
    np.testing.assert_allclose(network.logits(np.concatenate([first, second])), expected, atol=1e-5)

    for reached in (whole_state, carried, end):
        for layer, (hidden, memory) in enumerate(state):
            np.testing.assert_allclose(reached.hidden[layer], hidden[0, 0].numpy(), atol=1e-5)
            np.testing.assert_allclose(reached.cell[layer], memory[0, 0].numpy(), atol=1e-5)


def test_torch_carries_its_state_as_numpy_does() -> None:
    model = random_model(network_config(embedding_dim=5, hidden_size=7, num_layers=2), 9, seed=3)
    network = network_of(model, 9)
    ids = [3, 1, 4, 1, 5]
    with torch.no_grad():
        _, state = model(torch.tensor(ids[:2])[:, None])
        shown, _ = model(torch.tensor(ids[2:])[:, None], state)
        expected = model.output(shown)[:, 0].numpy()
    after, _ = network.read(ids, network.initial_state())
    np.testing.assert_allclose(network.logits(after)[2:], expected, atol=1e-5)


def test_one_step_of_one_unit_is_the_textbooks() -> None:
    def squash(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    # Gates in the order input, forget, candidate, output; hidden state 0.5 with recurrent weights 1, 2, 3, 4.
    projected = np.array([0.1, -0.2, 0.3, -0.4], np.float32)
    recurrent = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
    before = np.array([0.5], np.float32), np.array([-0.7], np.float32)
    hidden, cell, gates = lstm_cell(projected, *before, recurrent, np.empty(0, np.float32))
    new_cell = squash(-0.2 + 1.0) * -0.7 + squash(0.1 + 0.5) * math.tanh(0.3 + 1.5)
    np.testing.assert_allclose(cell, [new_cell], rtol=1e-5)
    np.testing.assert_allclose(hidden, [squash(-0.4 + 2.0) * math.tanh(new_cell)], rtol=1e-5)
    expected = [squash(0.1 + 0.5), squash(-0.2 + 1.0), math.tanh(0.3 + 1.5), squash(-0.4 + 2.0)]
    np.testing.assert_allclose(np.concatenate(gates), expected, rtol=1e-5)


def test_reading_leaves_the_state_before_as_it_was() -> None:
    network = network_of(random_model(network_config(embedding_dim=4, hidden_size=6), 8, seed=0), 8)
    _, before = network.read([1, 2], network.initial_state())
    copy = LSTMState(tuple(h.copy() for h in before.hidden), tuple(c.copy() for c in before.cell))
    _, after = network.read([3, 4, 5], before)
    for kept, was in zip((*before.hidden, *before.cell), (*copy.hidden, *copy.cell), strict=True):
        np.testing.assert_array_equal(kept, was)
    assert not np.allclose(after.cell[0], before.cell[0])


def test_a_fresh_state_remembers_nothing() -> None:
    config = network_config(embedding_dim=4, hidden_size=6, num_layers=3)
    state = network_of(random_model(config, 8, seed=0), 8).initial_state()
    assert [len(hidden) for hidden in state.hidden] == [size for _, size in config.layer_sizes()]
    assert not any(values.any() for values in (*state.hidden, *state.cell))


def test_large_inputs_overflow_nothing() -> None:
    extremes = np.array([-1e4, 0.0, 1e4], np.float32)
    np.testing.assert_allclose(sigmoid(extremes), [0.0, 0.5, 1.0])
    np.testing.assert_allclose(softmax(extremes), [0.0, 0.0, 1.0])
    rows = softmax(np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32))
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-5)


def test_a_temperature_sharpens_or_flattens_and_keeps_the_sum() -> None:
    logits = np.random.default_rng(1).normal(0, 3, (4, 50)).astype(np.float32)
    for temperature in (0.3, 1.0, 2.5):
        expected = softmax(logits / np.float32(temperature))
        np.testing.assert_allclose(at_temperature(softmax(logits), temperature), expected, atol=1e-5)
    coldest = at_temperature(softmax(logits[0]), 0.01)
    assert coldest.sum() == pytest.approx(1)
    assert coldest.argmax() == logits[0].argmax()


def test_a_log_softmax_is_the_softmaxs_logarithm_however_far_scores_lie_apart() -> None:
    logits = np.random.default_rng(1).normal(0, 3, (4, 50)).astype(np.float32)
    np.testing.assert_allclose(np.exp(log_softmax(logits)), softmax(logits), atol=1e-6)
    assert log_softmax(np.float32([1000, -1000])).tolist() == [0, -2000]
