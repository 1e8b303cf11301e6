"""Gradient descent with a clipped norm: what changes the weights, and nothing else.

Plain stochastic gradient descent at a high rate, the norm of the whole gradient clipped, is what LSTM language models
learn best with (Zaremba, Sutskever and Vinyals 2014; Merity, Keskar and Socher 2017). torch.optim.SGD after
clip_grad_norm_ does the same in one pass more over the weights, and not for sparse gradients.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class ClippedSGD(torch.optim.Optimizer):
    """w <- w - lr * g * min(1, clip / |g|), with |g| the norm over all gradients together (Pascanu et al. 2013).

    Args:
        parameters: What is learned.
        lr: Learning rate; may be changed from step to step in `param_groups`.
        clip: Largest norm of the gradient.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, clip: float) -> None:
        super().__init__(parameters, {"lr": lr, "clip": clip})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient, and forget the gradient."""
        for group in self.param_groups:
            learned = [parameter for parameter in group["params"] if parameter.grad is not None]
            norms = [torch.linalg.vector_norm(gradient_values(parameter)) for parameter in learned]
            norm = torch.linalg.vector_norm(torch.stack(norms))
            clip = (group["clip"] / (norm + 1e-12)).clamp(max=1.0).item()
            change = -group["lr"] * clip
            for parameter in learned:
                grad = parameter.grad
                assert grad is not None
                if grad.is_sparse:
                    parameter.index_add_(0, grad._indices()[0], grad._values(), alpha=change)
                else:
                    parameter.add_(grad, alpha=change)
                parameter.grad = None


def gradient_values(parameter: Tensor) -> Tensor:
    """The values of a parameter's gradient, for changes in place: all of them, or those of a sparse one's rows, (n, *).

    Raises:
        ValueError: There is no gradient.
    """
    if parameter.grad is None:
        raise ValueError("the parameter has no gradient")
    if not parameter.grad.is_sparse:
        return parameter.grad
    parameter.grad = parameter.grad.coalesce()
    return parameter.grad._values()
