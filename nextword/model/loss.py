"""The output layer and its cross-entropy as one operation that never holds all logits.

For T x B words and a vocabulary of V, plain code keeps (T*B, V) logits, their softmax and the gradient of both:
gigabytes for a large vocabulary. Here the words are taken a few hundred at a time, and each portion's gradient
is computed at once, in the forward pass, while its logits are still there.

Most of the time of a small network goes into the output layer, and most of that into words that are hardly ever
right. `WordSampler` draws some of the vocabulary for a step; the others are estimated from them, without bias in the
softmax's normalizer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

CHUNK = 256  # words whose logits exist at one time: few enough to stay in the cache
_POWER = 0.75  # of a word's count, to which its chance of being drawn is proportional
_NEVER = -1e9  # the logarithm of a weight of nothing


class Sample(NamedTuple):
    """The words a step computes scores for, C of them; `WordSampler.draw` makes one."""

    words: Tensor  # (C,) ids, ascending
    log_weights: Tensor  # (C,) how many words of its kind each stands for in the normalizer, as a logarithm
    targets: Tensor  # (N,) where in `words` each target stands


class WordSampler:
    """Draws a part of the vocabulary for each step, frequent words always, rare ones now and then.

    A word drawn with chance q stands for 1/q words in the softmax's normalizer, whose expectation is then the exact
    one (Horvitz and Thompson 1952; for language models, Bengio and Senecal 2008, Jean et al. 2015). The chances are
    proportional to a power of the counts (Mikolov et al. 2013), and at most one.

    Args:
        counts: (V,) how often each word occurs.
        size: Words drawn for a step, fewer than V; the step's own targets come on top of them.
    """

    def __init__(self, counts: Tensor, size: int) -> None:
        wanted = counts.double().clamp(min=0.5) ** _POWER
        chances = torch.zeros_like(wanted)
        certain = torch.zeros(len(wanted), dtype=torch.bool, device=wanted.device)
        while True:  # a word whose share is more than a whole draw is drawn always; the others share the rest
            rest = wanted.masked_fill(certain, 0)
            chances = torch.where(certain, 1.0, rest * (size - certain.sum()) / rest.sum())
            if not (more := chances > 1).any():
                break
            certain |= more
        self._cumulative = chances.cumsum(0)
        self._log_weights = -chances.log().float()
        self._size = size
        self._place = torch.zeros(len(counts), dtype=torch.long, device=counts.device)

    def draw(self, targets: Tensor) -> Sample:
        """A new sample, together with all of `targets`, (N,); uses torch's random generator of the CPU.

        One random number sets a comb over the chances laid end to end (systematic sampling, Madow 1949): exactly
        `size` words, each with its own chance.
        """
        device = self._place.device
        comb = torch.arange(self._size, dtype=torch.float64, device=device) + torch.rand((), dtype=torch.float64).item()
        drawn = torch.zeros(len(self._place), dtype=torch.bool, device=device)
        drawn[torch.searchsorted(self._cumulative, comb).clamp_(max=len(drawn) - 1)] = True
        present = drawn.clone()
        present[targets] = True
        words = present.nonzero()[:, 0]
        # A target that was not drawn is a candidate for the words it is the target of, and for no others.
        log_weights = self._log_weights[words].masked_fill_(~drawn[words], _NEVER)
        self._place[words] = torch.arange(len(words), device=device)
        return Sample(words, log_weights, self._place[targets])


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    dtype: torch.dtype = torch.float32,
    sampler: WordSampler | None = None,
    sparse: bool = False,
) -> Tensor:
    """Mean cross-entropy, in nats a word, of softmax(hidden @ weight.T + bias) against `targets`.

    Args:
        hidden: (N, D) what the last layer showed.
        weight: (V, D) output matrix.
        bias: (V,) output bias.
        targets: (N,) ids of the words that came.
        dtype: Number format of the matrix products; sums are 32-bit in any case.
        sampler: Draws the words that are scored; None scores all of them, and the result is exact.
        sparse: With a sampler, give the gradient of `weight` as a sparse tensor of the sampled rows.

    Returns:
        A scalar that can be differentiated by `hidden`, `weight` and `bias`.
    """
    sample = sampler.draw(targets) if sampler else None
    loss: Tensor = _LinearCrossEntropy.apply(hidden, weight, bias, targets, dtype, sample, sparse)  # type: ignore[no-untyped-call]
    return loss


class _LinearCrossEntropy(torch.autograd.Function):
    """Forward computes the gradients of the sum over all words; backward scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
        sample: Sample | None,
        sparse: bool,
    ) -> Tensor:
        ctx.words = sample.words if sample else None
        ctx.vocabulary_size = len(weight)
        ctx.sparse = sparse
        if sample:
            weight, bias, targets = weight[sample.words], bias[sample.words], sample.targets
        with torch.autocast(hidden.device.type, enabled=False):
            matrix = weight.to(dtype)
            total = torch.zeros((), device=hidden.device)
            grad_hidden = torch.empty(hidden.shape, dtype=dtype, device=hidden.device)
            grad_weight = torch.zeros_like(weight, dtype=torch.float32)
            grad_bias = torch.zeros_like(bias, dtype=torch.float32)
            added = bias + sample.log_weights if sample else bias
            for begin in range(0, len(hidden), CHUNK):
                part = hidden[begin : begin + CHUNK].to(dtype)
                target = targets[begin : begin + CHUNK, None]
                scores = torch.mm(part, matrix.t()).float()
                right = scores.gather(1, target) + bias[target]  # stands for itself alone
                log_probabilities = torch.log_softmax(scores.add_(added).scatter_(1, target, right), dim=1)
                total -= log_probabilities.gather(1, target).sum()
                # d loss / d scores = softmax(scores) - one_hot(target).
                grad = log_probabilities.exp_()
                grad.scatter_add_(1, target, grad.new_full(target.shape, -1.0))
                grad_bias += grad.sum(0)
                grad = grad.to(dtype)
                grad_hidden[begin : begin + CHUNK] = torch.mm(grad, matrix)
                grad_weight += torch.mm(grad.t(), part)
        ctx.save_for_backward(grad_hidden.to(hidden.dtype), grad_weight, grad_bias)
        ctx.length = len(hidden)
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_weight, grad_bias = (grad * (grad_loss / ctx.length) for grad in ctx.saved_tensors)
        if ctx.words is not None:
            shape = (ctx.vocabulary_size, grad_weight.shape[1])
            if ctx.sparse:
                grad_weight = torch.sparse_coo_tensor(ctx.words[None], grad_weight, shape, check_invariants=False)
            else:
                grad_weight = grad_weight.new_zeros(shape).index_copy_(0, ctx.words, grad_weight)
            grad_bias = grad_bias.new_zeros(ctx.vocabulary_size).index_copy_(0, ctx.words, grad_bias)
        return grad_hidden, grad_weight, grad_bias, None, None, None, None
