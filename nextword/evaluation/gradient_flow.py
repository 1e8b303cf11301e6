"""How far back the gradient reaches: how much a word's loss depends on what the state was d words before it.

Bengio, Simard and Frasconi 1994 and Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural
networks", section 2: the gradient with respect to an earlier state is a product of one Jacobian a word. A plain
recurrent net's product shrinks (or grows) exponentially, so that nothing can be learned from what lies far back: it
vanishes. An LSTM's cell is only scaled by the forget gate, and where that is open the gradient comes through whole.

The state after a word is what the next word is read with: h of every layer and, in an LSTM, c of every layer.
What is differentiated is the loss of one word as a function of the whole state d words earlier, the words in between
being given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from nextword.errors import CorpusError
from nextword.evaluation.memory_length import DISTANCES, spread_evenly
from nextword.model.language_model import RecurrentLanguageModel
from nextword.model.streams import Progress, counting
from nextword.text.tokenizer import END_ID

PLACES = 500  # words looked at, unless another number is asked for
BATCH_SIZE = 50  # words whose losses are differentiated side by side
_CONTEXT = 200  # words read before the most distant state, where the text has them


@dataclass(frozen=True)
class Gradient:
    """How much a word's loss depends on the state `distance` words back: means over the places of a sample.

    Attributes:
        distance: d, in words; the state that the word itself is predicted from would be 0.
        hidden: Euclidean norm of the gradient of the loss, in nats, with respect to h of all layers together.
        cell: Likewise c; None where the cell is no LSTM.
        hidden_relative: `hidden` by what it is one word back; likewise `cell_relative`. None where that is 0.
    """

    distance: int
    hidden: float
    cell: float | None
    hidden_relative: float | None
    cell_relative: float | None


@dataclass(frozen=True)
class GradientFlow:
    """What `gradient_flow` finds: the places measured, and one `Gradient` for every distance, rising."""

    places: int
    gradients: list[Gradient]


def gradient_flow(
    model: RecurrentLanguageModel,
    ids: NDArray[np.int32],
    places: int = PLACES,
    on_progress: Progress | None = None,
    batch_size: int = BATCH_SIZE,
) -> GradientFlow:
    """Measure how the gradient of a word's loss falls with the distance of the state it is taken of.

    By automatic differentiation in 32 bits, without dropout. The most distant state is that of a fresh session which
    has read up to 200 words before it. Distances longer than half the text are left out, so that there are places.

    Args:
        model: Any model, on any device, in evaluation mode.
        ids: (N,) token ids of a text.
        places: How many words of it are looked at, at most; they lie evenly over all that have enough before them.
        on_progress: Called now and then with words read and words to read.
        batch_size: How many are looked at side by side.

    Raises:
        CorpusError: The text is too short for a distance of one word.
    """
    count = len(ids)
    distances = [distance for distance in DISTANCES if 2 * distance < count - 1]
    if not distances:
        raise CorpusError(
            f"the text has {count} {'token' if count == 1 else 'tokens'}; a gradient one word back needs 4",
            "Name a longer text.",
        )
    longest = distances[-1]
    # A place's window: `context` words in a fresh session, then the states looked at, then the word itself.
    context = min(_CONTEXT, (count - 1 - longest) // 2)
    steps = np.arange(-longest - context, 1)[:, None]
    chosen = spread_evenly(context + longest, count, places)
    advance = counting(len(chosen) * (len(steps) + 1), on_progress)
    sums = np.zeros((len(distances), 2))
    for begin in range(0, len(chosen), batch_size):
        batch = chosen[begin : begin + batch_size]
        window = np.concatenate([np.full((1, len(batch)), END_ID), ids[batch + steps]])  # (T, B)
        sums += gradient_norms(model, window.astype(np.int64), distances).sum(2)
        advance(window.size)
    columns = [*(sums / len(chosen)).T, *(sums / np.where(sums[0] > 0, sums[0], np.nan)).T]
    if model.config.cell != "lstm":
        columns[1::2] = [np.full(len(distances), np.nan)] * 2
    figures = [[value if math.isfinite(value) else None for value in column.tolist()] for column in columns]
    return GradientFlow(len(chosen), [Gradient(*row) for row in zip(distances, *figures, strict=True)])


def gradient_norms(
    model: RecurrentLanguageModel, window: NDArray[np.int64], distances: Sequence[int]
) -> NDArray[np.float64]:
    """Norms of the gradients of the losses of B words with respect to earlier states.

    Args:
        model: In evaluation mode.
        window: (T, B) token ids: what is read, from an initial state on, and last the words whose losses are taken.
        distances: D of them, rising, each T - 2 or less: 0 for the state that these words are predicted from.

    Returns:
        (D, 2, B) norms with respect to h, and with respect to c, of all layers together.
    """
    device = model.output.bias.device
    tokens = torch.from_numpy(window).to(device)
    states = []
    # cuDNN differentiates a recurrent layer in training mode only.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        with torch.no_grad():
            _, state = model(tokens[: -1 - distances[-1]])
        state = [(hidden.requires_grad_(), cell.requires_grad_()) for hidden, cell in state]
        for far, near in zip(distances[::-1], [*distances[-2::-1], 0], strict=True):
            states.append(state)
            if far > near:
                _, state = model(tokens[-1 - far : -1 - near], state)
        last_hidden = state[-1][0][0]  # (B, H)
        loss = functional.cross_entropy(model.output(last_hidden), tokens[-1], reduction="sum")
        inputs = [part for state in states for layer in state for part in layer]
        gradients = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    squares = np.stack([(gradient[0].double() ** 2).sum(1).cpu().numpy() for gradient in gradients])
    norms: NDArray[np.float64] = np.sqrt(squares.reshape(len(distances), -1, 2, window.shape[1]).sum(1))
    return norms[::-1]
