"""How well a model predicts a text: perplexity over every token of it, the state carried from its start to its end.

One LSTM reads word after word and leaves most of a processor idle. So a long text is cut into parts that are read
side by side, and every part but the first begins with a warm-up: the 512 words before it are read, not counted, until
its state is practically the one that reading from the start would have left. On trained models the perplexity differs
by less than 1e-5 of itself from that of one long stream. Every token is predicted and counted exactly once.

Knows the torch model and ids; knows nothing of files or screens.

Letters in shapes: T steps, B streams, H hidden size of the last layer, V words in the vocabulary, N tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.model import LayerState, LSTMLanguageModel
from nextword.tokenizer import END_ID

Measure = Callable[[Tensor, Tensor], Tensor]  # (n, V) scores and (n,) ids of the words that came -> (n, K) figures

_WARM_UP = 512  # words read before a part that does not begin the text
_LEAST_PART = 4 * _WARM_UP  # with shorter parts, too much of the work would be warming up
_MOST_STREAMS = 32
_STRETCH = 2**17  # tokens whose figures are held at one time
_WINDOW = 2048  # words, of all streams together, read at once: the result does not depend on it, the memory does
_SCORES = 2**22  # scores, words times vocabulary, held at one time


def perplexity(model: LSTMLanguageModel, ids: NDArray[np.int32]) -> float:
    """exp of the mean cross-entropy of `ids`, in 32-bit arithmetic.

    The model starts as a fresh session does, having read one `<eos>`, so the first token is predicted and counted
    like all others; the state is carried to the last. Comparable with the literature's figures where the tokens are.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        ids: (N,) token ids, one or more.
    """
    total = sum(float(figures.sum()) for figures in measured(model, ids, surprisal))
    return math.exp(min(total / len(ids), 700.0))


def surprisal(scores: Tensor, targets: Tensor) -> Tensor:
    """(n, 1) minus the log-probability, in nats, of the words that came: their cross-entropy.

    Args:
        scores: (n, V) logits.
        targets: (n,) ids of the words that came.
    """
    return scores.logsumexp(1, keepdim=True) - scores.gather(1, targets[:, None])


def measured(
    model: LSTMLanguageModel,
    ids: NDArray[np.int32],
    measure: Measure,
    on_progress: Callable[[int], None] = lambda tokens: None,
) -> Iterator[NDArray[np.float64]]:
    """Predict every token of a text and tell what `measure` makes of each.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        ids: (N,) token ids, one or more.
        measure: Called with the scores at some places, in no particular order, and the ids that came there.
        on_progress: Called now and then with the number of tokens read since the last call.

    Yields:
        (n, K) figures of the next n tokens, in the order of the text, over and over until all N are done.
    """
    stretches = -(-len(ids) // _STRETCH)
    streams = max(1, min(_MOST_STREAMS, len(ids) // max(1, stretches) // _LEAST_PART))
    # A multiple of the streams: then only the last stretch has a stream that ends before the others do.
    length = -(-len(ids) // max(1, stretches * streams)) * streams
    state, before = model.initial_state(1), END_ID
    for begin in range(0, len(ids), max(1, length)):
        text = np.concatenate([[before], ids[begin : begin + length]]).astype(np.int64)
        training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                figures, state = _read_stretch(model, text, state, streams, measure, on_progress)
        finally:
            model.train(training)
        before = int(text[-1])
        yield figures


def _read_stretch(
    model: LSTMLanguageModel,
    text: NDArray[np.int64],
    state: list[LayerState],
    streams: int,
    measure: Measure,
    on_progress: Callable[[int], None],
) -> tuple[NDArray[np.float64], list[LayerState]]:
    """Read one stretch of a text as parts side by side.

    Args:
        model: In evaluation mode.
        text: (n + 1,) the token before the stretch and the stretch.
        state: The state of one stream, before the first of them is read.
        streams: The number of parts B.
        measure: As in `measured`.
        on_progress: As in `measured`.

    Returns:
        (n, K) figures; the state of one stream after the last token but one, if all parts are equally long.
    """
    device = model.output.bias.device
    count = len(text) - 1
    part = -(-count // streams)
    starts = np.arange(streams) * part
    padded = np.concatenate([text, np.full(streams * part - count, END_ID)])
    if streams > 1:
        warm = model.initial_state(streams - 1)
        for begin, end in _windows(-_WARM_UP, 0, streams):
            columns = padded[starts[1:] + np.arange(begin, end)[:, None]]
            _, warm = model(torch.from_numpy(columns).to(device), warm)
        state = [
            (torch.cat([first[0], others[0]], 1), torch.cat([first[1], others[1]], 1))
            for first, others in zip(state, warm, strict=True)
        ]
    pieces = []
    for begin, end in _windows(0, part, streams):
        places = starts + np.arange(begin, end + 1)[:, None]
        columns = torch.from_numpy(padded[places]).to(device)  # (T + 1, B)
        shown, state = model(columns[:-1], state)
        figures = torch.cat(list(_each_chunk(model, shown.flatten(0, 1), columns[1:].flatten(), measure)))
        pieces.append(figures.reshape(end - begin, streams, -1).cpu())  # (T, B, K)
        on_progress(int(np.count_nonzero(places[1:] <= count)))
    table = torch.cat(pieces).transpose(0, 1).flatten(0, 1)[:count]  # part after part: the order of the text
    return table.double().numpy(), [(hidden[:, -1:], cell[:, -1:]) for hidden, cell in state]


def _windows(begin: int, end: int, streams: int) -> Iterator[tuple[int, int]]:
    """The steps from `begin` to `end` cut into windows of at most `_WINDOW` words."""
    length = max(1, _WINDOW // streams)
    for first in range(begin, end, length):
        yield first, min(first + length, end)


def _each_chunk(model: LSTMLanguageModel, shown: Tensor, targets: Tensor, measure: Measure) -> Iterator[Tensor]:
    """`measure` of a few places at a time, so that the scores of only a few exist at once.

    Args:
        model: Its output layer makes the scores.
        shown: (n, H) what the last layer shows.
        targets: (n,) ids of the words that came.
        measure: As in `measured`.
    """
    weight, bias = model.output.weight, model.output.bias
    length = max(64, _SCORES // len(bias))
    for begin in range(0, len(shown), length):
        scores = torch.addmm(bias, shown[begin : begin + length], weight.t())
        yield measure(scores, targets[begin : begin + length])
