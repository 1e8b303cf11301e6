from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nextword.model import fused_lstm
from nextword.model.fused_lstm import lstm_window

SIZES = st.integers(1, 7)


def _layer_and_input(
    steps: int, streams: int, inputs: int, units: int
) -> tuple[nn.LSTM, Tensor, tuple[Tensor, Tensor]]:
    torch.manual_seed(steps + 10 * streams + 100 * inputs + 1000 * units)
    state = torch.randn(1, streams, units), torch.randn(1, streams, units)
    return nn.LSTM(inputs, units), torch.randn(steps, streams, inputs, requires_grad=True), state


@given(SIZES, SIZES, SIZES, SIZES)
@settings(deadline=None, max_examples=30)
def test_it_gives_what_torch_gives(steps: int, streams: int, inputs: int, units: int) -> None:
    layer, vectors, state = _layer_and_input(steps, streams, inputs, units)
    weights = list(layer.parameters())
    shown, after = lstm_window(vectors, weights, state, torch.float32)
    expected, expected_after = layer(vectors, state)
    torch.testing.assert_close(shown, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after, expected_after, atol=1e-5, rtol=1e-5)

    grad = torch.randn_like(shown)
    ours = torch.autograd.grad(shown, [vectors, *weights], grad)
    theirs = torch.autograd.grad(expected, [vectors, *weights], grad)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("prepacked", [True, False])
def test_bf16_stays_near(prepacked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not prepacked:
        monkeypatch.setattr(fused_lstm, "_can_prepack", lambda: False)
    layer, vectors, state = _layer_and_input(9, 4, 32, 32)
    shown, after = lstm_window(vectors, list(layer.parameters()), state, torch.bfloat16)
    expected, expected_after = layer(vectors, state)
    assert shown.dtype == torch.bfloat16
    assert {tensor.dtype for tensor in after} == {torch.float32}
    torch.testing.assert_close(shown.float(), expected, atol=0.02, rtol=0.02)
    torch.testing.assert_close(after, expected_after, atol=0.05, rtol=0.02)

    ours = torch.autograd.grad(shown.float().square().sum(), vectors)[0]
    theirs = torch.autograd.grad(expected.square().sum(), vectors)[0]
    assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.999


def test_the_cell_keeps_what_bf16_would_lose() -> None:
    # An open forget gate and additions of a thousandth: in bf16 a cell at 1 could not grow any more.
    weights = [torch.zeros(4, 1), torch.zeros(4, 1), torch.tensor([0.0, 100.0, 1e-3, 0.0]), torch.zeros(4)]
    state = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    _, (_, cell) = lstm_window(torch.zeros(200, 1, 1), weights, state, torch.bfloat16)
    assert cell.item() == pytest.approx(1 + 200 * 0.5e-3, rel=1e-3)
