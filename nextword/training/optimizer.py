"""What changes the weights: gradient descent with a clipped norm, or with rates that fit each weight.

Plain stochastic gradient descent at a high rate, the norm of the whole gradient clipped, is what LSTM language models
that read a text many times learn best with (Zaremba, Sutskever and Vinyals 2014; Merity, Keskar and Socher 2017).
torch.optim.SGD after clip_grad_norm_ does the same in one pass more over the weights, and not for sparse gradients.

A text that is read once or twice is another matter: most of its words are met a few times, and plain descent hardly
moves their vectors. `Adaptive` gives every word a rate of its own (Adagrad, as in Jozefowicz et al. 2016), and takes
Adam for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from nextword.config import WORD_PARAMETERS
from nextword.model.language_model import RecurrentLanguageModel

_ADAM_DECAYS = 0.9, 0.99  # of the running means of the gradient and of its square
_WORD_RATE = 70.0  # learning rate of the words' vectors, in that of all other weights
_TINY = 1e-10  # keeps a gradient of nothing from being divided by nothing


class ClippedSGD(torch.optim.Optimizer):
    """w <- w - lr * g * min(1, clip / |g|), with |g| the norm over all gradients together (Pascanu et al. 2013).

    Args:
        parameters: What is learned.
        lr: Learning rate; may be changed from step to step in `param_groups`.
        clip: Largest norm of the gradient.
        faster: Those of the parameters that have another rate.
        gain: That rate, in the one of all others.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, clip: float, faster: Iterable[Tensor] = (), gain: float = 1.0
    ) -> None:
        fast = {id(parameter): parameter for parameter in faster}
        others = [parameter for parameter in parameters if id(parameter) not in fast]
        groups = [{"params": others, "gain": 1.0}, {"params": [*fast.values()], "gain": gain}]
        super().__init__([group for group in groups if group["params"]], {"lr": lr, "clip": clip})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient, and forget the gradient."""
        learned = [
            (parameter, group["lr"] * group["gain"])
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        clip = _clipped([parameter for parameter, _ in learned], self.param_groups[0]["clip"])
        for parameter, lr in learned:
            _add_rows(parameter, gradient_values(parameter), -lr * clip)
            parameter.grad = None


class Adaptive(torch.optim.Optimizer):
    """Adam (Kingma and Ba 2015), for what has a row for every word row-wise Adagrad (Duchi, Hazan and Singer 2011).

    A row of a word's matrix moves by lr * g / sqrt(sum of g's mean squares so far), which takes one number a word, and
    no time for words that a step has nothing to do with. The gradient's norm is clipped for Adam alone: Adagrad's steps
    are as long whatever the gradients' scale.

    Args:
        model: What is learned.
        word_parameters: Names of the parameters with a row for every word.
        lr: Learning rate of Adam; may be changed from step to step in `param_groups`.
        clip: Largest norm of the gradient.

    Attributes:
        steps: Steps made.
        moments: By name, what is kept of past gradients: of each of Adam's parameters `NAME.mean` and `NAME.square`,
            of a word parameter `NAME.squares`, (V,). They change in place.
    """

    def __init__(self, model: nn.Module, word_parameters: Iterable[str], lr: float, clip: float) -> None:
        named = dict(model.named_parameters())
        self._words = {name: named.pop(name) for name in word_parameters if name in named}
        self._others = named
        super().__init__([*self._words.values(), *named.values()], {"lr": lr, "clip": clip})
        self.steps = 0
        self.moments = {f"{name}.squares": value.new_zeros(len(value)) for name, value in self._words.items()}
        for name, value in named.items():
            self.moments |= {f"{name}.mean": torch.zeros_like(value), f"{name}.square": torch.zeros_like(value)}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient, and forget the gradient."""
        (group,) = self.param_groups
        self.steps += 1
        clip = _clipped([value for value in group["params"] if value.grad is not None], group["clip"])
        for name, parameter in self._words.items():
            if parameter.grad is not None:
                self._adagrad(parameter, self.moments[f"{name}.squares"], group["lr"] * _WORD_RATE)
        for name, parameter in self._others.items():
            if parameter.grad is not None:
                parameter.grad.mul_(clip)
                self._adam(parameter, self.moments[f"{name}.mean"], self.moments[f"{name}.square"], group["lr"])
        for parameter in group["params"]:
            parameter.grad = None

    def _adagrad(self, parameter: Tensor, squares: Tensor, lr: float) -> None:
        grad = gradient_values(parameter)
        rows = _rows(parameter)
        squares.index_add_(0, rows, grad.square().flatten(1).mean(1) if grad.dim() > 1 else grad.square())
        scale = squares[rows].sqrt_().add_(_TINY).reciprocal_()
        _add_rows(parameter, grad * scale.view(-1, *[1] * (grad.dim() - 1)), -lr)

    def _adam(self, parameter: Tensor, mean: Tensor, square: Tensor, lr: float) -> None:
        grad = parameter.grad
        assert grad is not None
        of_mean, of_square = _ADAM_DECAYS
        mean.lerp_(grad, 1 - of_mean)
        square.mul_(of_square).addcmul_(grad, grad, value=1 - of_square)
        scale = (square / (1 - of_square**self.steps)).sqrt_().add_(_TINY)
        parameter.addcdiv_(mean, scale, value=-lr / (1 - of_mean**self.steps))

    def restore(self, steps: int, moments: Mapping[str, Tensor]) -> None:
        """Be where the optimizer was after so many steps, with such `moments`.

        Raises:
            KeyError: One is missing.
        """
        self.steps = steps
        for name, value in self.moments.items():
            value.copy_(moments[name])


def make_optimizer(
    kind: str, model: RecurrentLanguageModel, lr: float, clip: float, word_gain: float = 1.0
) -> ClippedSGD | Adaptive:
    """What changes the weights of `model`: `sgd`, at `word_gain` times the rate for the words' vectors, or `adam`."""
    if kind == "sgd":
        return ClippedSGD(model.parameters(), lr, clip, model.word_matrices if word_gain != 1 else (), word_gain)
    return Adaptive(model, WORD_PARAMETERS, lr, clip)


def _clipped(parameters: list[Tensor], clip: float) -> float:
    """What gradients are multiplied with, so that their norm, over all together, is `clip` at most."""
    norms = [torch.linalg.vector_norm(gradient_values(parameter)) for parameter in parameters]
    norm = torch.linalg.vector_norm(torch.stack(norms))
    return float((clip / (norm + 1e-12)).clamp(max=1.0))


def _rows(parameter: Tensor) -> Tensor:
    """Which rows of a parameter have a gradient."""
    grad = parameter.grad
    assert grad is not None
    return grad._indices()[0] if grad.is_sparse else torch.arange(len(parameter), device=parameter.device)


def _add_rows(parameter: Tensor, values: Tensor, alpha: float) -> None:
    """Add `alpha` times `values`, in the shape of the gradient's values, to what they are the gradient of."""
    assert parameter.grad is not None
    if parameter.grad.is_sparse:
        parameter.index_add_(0, parameter.grad._indices()[0], values, alpha=alpha)
    else:
        parameter.add_(values, alpha=alpha)


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
