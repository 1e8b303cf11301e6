"""Gradient descent with a clipped norm: what changes the weights, and nothing else.

Plain stochastic gradient descent at a high rate, the norm of the whole gradient clipped, is what LSTM language models
learn best with (Zaremba, Sutskever and Vinyals 2014; Merity, Keskar and Socher 2017). torch.optim.SGD after
clip_grad_norm_ does the same in one pass more over the weights, and not for sparse gradients. Knows parameters and
their gradients; nothing of models or schedules.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class ClippedSGD:
    """w <- w - rate * g * min(1, clip / |g|), with |g| the norm over all gradients together (Pascanu et al. 2013).

    Args:
        parameters: What is learned. Their gradients may be dense, or sparse by rows.
        clip: Largest norm of the gradient.
    """

    def __init__(self, parameters: Iterable[Tensor], clip: float) -> None:
        self.parameters = list(parameters)
        self.clip = clip

    @torch.no_grad()
    def step(self, rate: float) -> float:
        """Move every parameter against its gradient, and forget the gradient.

        Returns:
            The gradient's norm before it was clipped.
        """
        learned = [(parameter, parameter.grad) for parameter in self.parameters if parameter.grad is not None]
        gradients = [(parameter, *_rows(grad)) for parameter, grad in learned]
        norms = [torch.linalg.vector_norm(values) for _, _, values in gradients]
        norm: float = torch.linalg.vector_norm(torch.stack(norms)).item()
        scale = -rate * min(1.0, self.clip / (norm + 1e-12))
        for parameter, rows, values in gradients:
            if rows is None:
                parameter.add_(values, alpha=scale)
            else:
                parameter.index_add_(0, rows, values, alpha=scale)
            parameter.grad = None
        return norm


def coalesce(parameter: Tensor) -> Tensor | None:
    """The values of a parameter's gradient, to be changed in place: all of them, or those of a sparse one's rows."""
    if parameter.grad is not None and parameter.grad.is_sparse:
        parameter.grad = parameter.grad.coalesce()
    return None if parameter.grad is None else _rows(parameter.grad)[1]


def _rows(grad: Tensor) -> tuple[Tensor | None, Tensor]:
    """(ids of the rows that a sparse gradient is of, their values); (None, the gradient) for a dense one."""
    if not grad.is_sparse:
        return None, grad
    grad = grad.coalesce()
    return grad._indices()[0], grad._values()
