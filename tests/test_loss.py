"""The fused output layer and cross-entropy equal the plain ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nextword.loss import CHUNK, linear_cross_entropy


def problem(count: int, width: int = 7, vocabulary: int = 31, seed: int = 0) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    leaves = [
        torch.randn(*shape, generator=generator) for shape in ((count, width), (vocabulary, width), (vocabulary,))
    ]
    targets = torch.randint(vocabulary, (count,), generator=generator)
    return [leaf.requires_grad_() for leaf in leaves], targets


def plain(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(hidden @ weight.t() + bias, targets)


@pytest.mark.parametrize("scale", [1.0, -2.5])
@pytest.mark.parametrize("count", [1, 20, CHUNK, CHUNK + 1, 2 * CHUNK + 77])
def test_value_and_gradients_are_those_of_plain_cross_entropy(count: int, scale: float) -> None:
    leaves, targets = problem(count)
    fused = linear_cross_entropy(*leaves, targets)
    got = torch.autograd.grad(scale * fused, leaves)
    expected_loss = plain(*leaves, targets)
    expected = torch.autograd.grad(scale * expected_loss, leaves)
    torch.testing.assert_close(fused, expected_loss, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_tied_matrix_receives_the_gradients_of_both_its_uses() -> None:
    (_, weight, bias), targets = problem(40)
    inputs = torch.arange(40) % len(weight)
    got = torch.autograd.grad(linear_cross_entropy(weight[inputs].tanh(), weight, bias, targets), weight)
    expected = torch.autograd.grad(plain(weight[inputs].tanh(), weight, bias, targets), weight)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)


def test_bf16_is_close_and_keeps_32_bit_sums() -> None:
    leaves, targets = problem(CHUNK + 100)
    fused = linear_cross_entropy(*leaves, targets, torch.bfloat16)
    assert fused.dtype == torch.float32
    got = torch.autograd.grad(fused, leaves)
    expected_loss = plain(*leaves, targets)
    expected = torch.autograd.grad(expected_loss, leaves)
    torch.testing.assert_close(fused, expected_loss, rtol=1e-2, atol=1e-2)
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 0.03 * theirs.norm()


def test_large_logits_overflow_nothing() -> None:
    (hidden, weight, bias), targets = problem(30)
    large = [hidden, (weight * 1000).detach().requires_grad_(), bias]
    fused = linear_cross_entropy(*large, targets)
    torch.testing.assert_close(fused, plain(*large, targets), rtol=1e-4, atol=1e-4)
    assert all(torch.isfinite(gradient).all() for gradient in torch.autograd.grad(fused, large))
