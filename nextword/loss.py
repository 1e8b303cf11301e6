"""The output layer and its cross-entropy as one operation that never holds all logits.

For T x B words and a vocabulary of V, plain code keeps (T*B, V) logits, their softmax and the gradient of both:
gigabytes for a large vocabulary. Here the words are taken a few hundred at a time, and each portion's gradient
is computed at once, in the forward pass, while its logits are still there. Knows nothing of the rest of the model.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 256  # words whose logits exist at one time: few enough to stay in the cache


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Mean cross-entropy, in nats, of softmax(hidden @ weight.T + bias) against `targets`.

    Args:
        hidden: (N, D) what the last layer showed.
        weight: (V, D) output matrix.
        bias: (V,) output bias.
        targets: (N,) ids of the words that came.
        dtype: Number format of the matrix products; sums are 32-bit in any case.

    Returns:
        A scalar that can be differentiated by `hidden`, `weight` and `bias`.
    """
    loss: Tensor = _LinearCrossEntropy.apply(hidden, weight, bias, targets, dtype)  # type: ignore[no-untyped-call]
    return loss


class _LinearCrossEntropy(torch.autograd.Function):
    """Forward computes the gradients of the sum over all words; backward scales them."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            matrix = weight.to(dtype)
            total = torch.zeros((), device=hidden.device)
            grad_hidden = torch.empty(hidden.shape, dtype=dtype, device=hidden.device)
            grad_weight = torch.zeros_like(weight, dtype=torch.float32)
            grad_bias = torch.zeros_like(bias, dtype=torch.float32)
            for begin in range(0, len(hidden), CHUNK):
                part = hidden[begin : begin + CHUNK].to(dtype)
                target = targets[begin : begin + CHUNK, None]
                scores = torch.mm(part, matrix.t()).float().add_(bias)
                log_probabilities = torch.log_softmax(scores, dim=1)
                total -= log_probabilities.gather(1, target).sum()
                # d loss / d scores = softmax(scores) - one_hot(target).
                grad = log_probabilities.exp_()
                grad.scatter_add_(1, target, grad.new_full(target.shape, -1.0))
                grad_bias += grad.sum(0)
                grad = grad.to(dtype)
                grad_hidden[begin : begin + CHUNK] = torch.mm(grad, matrix)
                grad_weight += torch.mm(grad.t(), part)
        ctx.save_for_backward(grad_hidden.to(hidden.dtype), grad_weight, grad_bias)
        ctx.words = len(hidden)
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        grad_hidden, grad_weight, grad_bias = ctx.saved_tensors
        scale = grad_loss / ctx.words
        return grad_hidden * scale, grad_weight * scale, grad_bias * scale, None, None
