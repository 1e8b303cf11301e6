"""The fused output layer and cross-entropy equal the plain ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nextword.model.loss import CHUNK, Sample, WordSampler, linear_cross_entropy


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


COUNTS = torch.tensor([500, 200, 100, *range(60, 20, -2), 5, 3, 2, 1, 1, 1, 1, 0])  # 31 words


def test_a_sample_has_its_size_and_the_targets() -> None:
    sampler = WordSampler(COUNTS, 12)
    drawn = sampler.draw(torch.tensor([0]))  # which is drawn always
    assert len(drawn.words) == 12
    targets = torch.tensor([30, 29, 30, 0])
    sample = sampler.draw(targets)
    assert sample.words[sample.targets].tolist() == targets.tolist()
    assert sample.words.tolist() == sorted(set(sample.words.tolist()))
    assert 12 <= len(sample.words) <= 14


def test_the_normalizer_is_right_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    scores = torch.randn(len(COUNTS))
    sampler = WordSampler(COUNTS, 12)
    estimates = []
    for index in range(4000):  # all random numbers there are, in place of random ones
        number = torch.tensor((index + 0.5) / 4000, dtype=torch.float64)
        monkeypatch.setattr(torch, "rand", lambda *_, number=number, **__: number)
        sample = sampler.draw(torch.tensor([0]))
        estimates.append((scores[sample.words] + sample.log_weights).exp().sum().item())
    assert len({round(estimate, 3) for estimate in estimates}) > 5  # it is an estimate, indeed
    assert sum(estimates) / len(estimates) == pytest.approx(scores.exp().sum().item(), rel=0.002)


def test_a_sample_of_everything_is_exact() -> None:
    leaves, targets = problem(40)
    sampler = WordSampler(torch.ones(31), 31)
    sampled = linear_cross_entropy(*leaves, targets, sampler=sampler)
    torch.testing.assert_close(sampled, plain(*leaves, targets))


@pytest.mark.parametrize("sparse", [True, False])
def test_sampled_value_and_gradients_are_those_of_the_formula(sparse: bool) -> None:
    leaves, targets = problem(CHUNK + 9)
    sampler = WordSampler(COUNTS, 8)
    torch.manual_seed(3)
    sample = sampler.draw(targets)
    assert (sample.log_weights < -1e8).any()  # some targets were not drawn
    torch.manual_seed(3)
    fused = linear_cross_entropy(*leaves, targets, sampler=sampler, sparse=sparse)
    expected_loss = _sampled(*leaves, targets, sample)
    torch.testing.assert_close(fused, expected_loss, rtol=1e-5, atol=1e-6)
    got = torch.autograd.grad(2.0 * fused, leaves)
    expected = torch.autograd.grad(2.0 * expected_loss, leaves)
    assert got[1].is_sparse == sparse
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours.to_dense(), theirs, rtol=1e-4, atol=1e-6)


def _sampled(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, sample: Sample) -> Tensor:
    """-log of e^s(target) over the sum of it and the weighted e^s of the other words, word by word."""
    scores = hidden @ weight.t() + bias
    losses = []
    for row, target in zip(scores, targets, strict=True):
        others = sample.words != target
        rest = (row[sample.words] + sample.log_weights)[others]
        losses.append(torch.logsumexp(torch.cat([row[target, None], rest]), 0) - row[target])
    return torch.stack(losses).mean()
