"""The network in torch: its names and shapes, its dropouts, the state it carries."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.networks import network_config
from torch.nn import functional

from nextword.errors import UsageError
from nextword.model.language_model import RecurrentLanguageModel, load_model
from nextword.storage.checkpoint import Checkpoint, load_checkpoint
from nextword.text.tokenizer import WordTokenizer

NO_DROPOUT = {f"dropout_{where}": 0.0 for where in ("words", "input", "hidden", "output", "recurrent")}


def make(vocabulary_size: int = 40, seed: int = 0, **fields: float) -> RecurrentLanguageModel:
    torch.manual_seed(seed)
    sizes = {"embedding_dim": 8, "hidden_size": 10, "num_layers": 2}
    return RecurrentLanguageModel(network_config(**{**NO_DROPOUT, **sizes, **fields}), vocabulary_size)  # type: ignore[arg-type]


def some_words(steps: int = 6, streams: int = 3) -> torch.Tensor:
    return torch.randint(40, (steps, streams), generator=torch.Generator().manual_seed(1))


@given(
    embedding_dim=st.integers(1, 9),
    hidden_size=st.integers(1, 9),
    num_layers=st.integers(1, 4),
    tied=st.booleans(),
    vocabulary_size=st.integers(2, 12),
)
@settings(max_examples=40)
def test_the_state_dict_has_the_names_and_shapes_of_the_config(
    embedding_dim: int, hidden_size: int, num_layers: int, tied: bool, vocabulary_size: int
) -> None:
    config = network_config(embedding_dim=embedding_dim, hidden_size=hidden_size, num_layers=num_layers, tied=tied)
    model = RecurrentLanguageModel(config, vocabulary_size)
    expected = config.parameter_shapes(vocabulary_size)
    assert {name: tuple(values.shape) for name, values in model.named_parameters()} == expected
    shared = {"output.weight": expected["embedding.weight"]} if tied else {}
    assert {name: tuple(values.shape) for name, values in model.state_dict().items()} == {**expected, **shared}
    assert (model.output.weight is model.embedding.weight) == tied


def test_a_text_read_in_two_windows_gives_what_one_window_gives() -> None:
    model, words = make().eval(), some_words()
    whole, end = model(words)
    first, between = model(words[:2])
    second, end_of_second = model(words[2:], between)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    for (hidden, cell), (hidden_too, cell_too) in zip(end, end_of_second, strict=True):
        torch.testing.assert_close(hidden, hidden_too)
        torch.testing.assert_close(cell, cell_too)


def test_a_stream_does_not_see_the_streams_beside_it() -> None:
    model, words = make().eval(), some_words()
    together, _ = model(words)
    alone, _ = model(words[:, 1:2])
    torch.testing.assert_close(together[:, 1:2], alone)


@pytest.mark.parametrize("tied", [True, False])
def test_the_loss_is_the_cross_entropy_of_the_output_layer(tied: bool) -> None:
    model, words = make(tied=tied), some_words(7)
    loss, _ = model.loss(words[:-1], words[1:], None)
    hidden, _ = model(words[:-1])
    expected = functional.cross_entropy(model.output(hidden).flatten(0, 1), words[1:].flatten())
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for name, parameter in model.named_parameters():
        got, wanted = (torch.autograd.grad(value, parameter, retain_graph=True)[0] for value in (loss, expected))
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6, msg=name)


def test_the_state_after_a_loss_is_cut_off_from_the_gradient() -> None:
    model, words = make(), some_words(7)
    _, state = model.loss(words[:-1], words[1:], None)
    assert not any(values.requires_grad for layer in state for values in layer)


def test_the_loss_in_bf16_is_close_to_the_loss_in_full() -> None:
    model, words = make(), some_words(7)
    full, _ = model.loss(words[:-1], words[1:], None)
    loss, state = model.loss(words[:-1], words[1:], None, torch.bfloat16)
    torch.testing.assert_close(loss, full, rtol=1e-2, atol=1e-2)
    model.loss(words[:-1], words[1:], state, torch.bfloat16)[0].backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


# -- dropouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", list(NO_DROPOUT))
def test_every_dropout_acts_in_training_and_is_off_in_evaluation(where: str) -> None:
    model, without, words = make(**{where: 0.5}), make(), some_words()
    expected = without(words)[0]
    torch.testing.assert_close(model.eval()(words)[0], expected)
    model.train()
    one, other = model(words)[0], model(words)[0]
    assert not torch.allclose(one, expected)
    assert not torch.allclose(one, other)


def test_a_dropout_mask_is_the_same_at_all_steps_and_another_for_each_stream() -> None:
    model, words = make(dropout_output=0.5, embedding_dim=64, hidden_size=64), some_words()
    dropped = model(words)[0] == 0
    assert (dropped == dropped[0]).all()
    assert 0.25 < dropped.float().mean() < 0.75
    assert not (dropped[0, 0] == dropped[0, 1]).all()


def test_what_is_kept_is_scaled_so_that_the_mean_stays() -> None:
    model, words = make(dropout_output=0.75), some_words()
    dropped, full = model(words)[0], make().eval()(words)[0]
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], full[kept] / 0.25)


def test_a_dropped_word_is_dropped_wherever_it_stands() -> None:
    model = make(dropout_words=0.5, num_layers=1)
    every_word_twice = torch.arange(40).repeat_interleave(2)[None]  # one step, the same word in neighboring streams
    hidden = model(every_word_twice)[0][0]
    torch.testing.assert_close(hidden[::2], hidden[1::2])
    # All dropped words look alike: only the biases speak. The others differ from each other.
    alike = (hidden[::2, None] - hidden[None, ::2]).abs().amax(2) < 1e-6
    assert 10 < alike.sum(1).max() < 30


def test_recurrent_dropout_acts_on_what_is_remembered_only() -> None:
    model, words = make(dropout_recurrent=0.5, num_layers=1), some_words()
    dropped, full = model(words)[0], make(num_layers=1)(words)[0]
    torch.testing.assert_close(dropped[0], full[0])  # nothing is remembered at the first word
    assert not torch.allclose(dropped[1], full[1])


def test_recurrent_dropout_leaves_the_weights_themselves_alone_and_trains_them() -> None:
    model, words = make(dropout_recurrent=0.5), some_words(7)
    before = {name: values.clone() for name, values in model.state_dict().items()}
    model.loss(words[:-1], words[1:], None)[0].backward()
    for name, values in model.state_dict().items():
        torch.testing.assert_close(values, before[name], rtol=0, atol=0)
    gradient = model.get_parameter("lstm.0.weight_hh_l0").grad
    assert gradient is not None
    assert 0.2 < (gradient == 0).float().mean() < 0.8


def test_a_wide_network_learns_by_hand_what_torch_would_have_it_learn() -> None:
    torch.manual_seed(2)
    network = RecurrentLanguageModel(network_config(embedding_dim=16, hidden_size=16, dropout_words=0.0), 30).train()
    window = torch.randint(30, (9, 4))
    gradients = []
    for least in (1, 10**6):  # by hand, and by nn.LSTM
        network.fused_from = least
        torch.manual_seed(3)  # of the dropout masks
        loss, _ = network.loss(window[:-1], window[1:], None, torch.bfloat16)
        gradients.append(torch.autograd.grad(loss, network.layers[0].get_parameter("weight_hh_l0"))[0])
    by_hand, by_torch = gradients
    assert not torch.equal(by_hand, by_torch)  # two ways, indeed
    assert torch.nn.functional.cosine_similarity(by_hand.flatten(), by_torch.flatten(), dim=0) > 0.99


# -- from a checkpoint -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_a_checkpoints_model_is_the_one_that_was_saved(tied: bool) -> None:
    tokenizer = WordTokenizer.train(["the cat sat"], min_count=1)
    saved = make(len(tokenizer), tied=tied).eval()
    tensors = {name: values.detach().numpy() for name, values in saved.named_parameters()}
    loaded = load_model(Checkpoint(saved.config, tokenizer, tensors, {}), "cpu")
    assert not loaded.training
    words = torch.tensor([[0, 1], [3, 2], [4, 4]])
    torch.testing.assert_close(loaded.output(loaded(words)[0]), saved.output(saved(words)[0]), rtol=0, atol=0)


@pytest.mark.parametrize("device", ["tpu", "cuda"])
def test_a_device_that_is_not_there_is_a_usage_error(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError) as caught:
        load_model(load_checkpoint(tiny_checkpoint), device)
    assert "--device" in caught.value.hint
