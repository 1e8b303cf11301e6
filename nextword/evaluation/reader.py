"""A text through the network: what a metric makes of each of its tokens, each predicted and counted exactly once.

The text is read as streams side by side (`model/streams.py`) with the state carried from its start to its end, and its
figures come chunk by chunk in the order of the text. Or passages of it are read, each as a fresh session would read it
that knows nothing of what came before.

Letters in shapes: T steps, B streams or passages side by side, H hidden size of the last layer, V words in the
vocabulary, N tokens of the text, n some of them, K figures of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.model.language_model import LayerState, RecurrentLanguageModel
from nextword.model.streams import MIN_STREAM, WARM_UP, Progress, count_streams, counting, cut_into_streams
from nextword.text.tokenizer import END_ID, UNKNOWN_ID

Metric = Callable[[Tensor, Tensor], Tensor]  # (n, V) logits or (n, H) hidden states, (n,) targets -> (n, K) figures
Figures = NDArray[np.float64]  # (n, K)
Places = NDArray[np.int64]  # (n,) indices into the text


@dataclass(frozen=True)
class ReadingLimits:
    """How much is read and held at one time: time and memory depend on it, the figures practically do not."""

    warm_up: int = WARM_UP  # words read before a stream that does not begin the text
    min_stream: int = MIN_STREAM  # words
    max_streams: int = 32  # streams side by side
    max_passages: int = 256  # passages side by side
    stream_window: int = 2048  # words, of all streams together, that one call of the network reads
    passage_window: int = 8192  # words, of all passages together, that one call of the network reads
    chunk: int = 2**17  # tokens, about, whose figures are held
    hidden_chunk: int = 2**14  # tokens, about, whose hidden states are held
    logits: int = 2**22  # words times vocabulary; of 64 words in any case
    distributions: int = 128  # words whose distributions are adapted at one time


LIMITS = ReadingLimits()


@dataclass(frozen=True)
class TextReader:
    """Reads one text with one model, whose training or evaluation mode is left as it was.

    Attributes:
        model: Any, on any device.
        ids: (N,) the text, one token or more; those beyond the vocabulary are targets as they are, read as `<unk>`.
        metric: Called with what the last layer gives at some places, in no particular order, and the targets there.
        limits: How much is read at one time.
        advance: Called with the number of tokens read since the last call.
    """

    model: RecurrentLanguageModel
    ids: NDArray[np.int32]
    metric: Metric
    limits: ReadingLimits
    advance: Callable[[int], None]

    def stream(self) -> Iterator[Figures]:
        """Predict every token, the state carried from start to end.

        Yields:
            (n, K) figures of the next n tokens, in the order of the text, until all N are done.
        """
        limits, count = self.limits, len(self.ids)
        chunks = -(-count // limits.chunk)
        streams = count_streams(count // chunks, limits.max_streams, limits.min_stream)
        # A multiple of the streams: then only the last chunk has a stream that ends before the others do.
        length = -(-count // (chunks * streams)) * streams
        state = self.model.initial_state(1)
        for begin in range(0, count, length):
            figures, state = self._read_chunk(begin, min(begin + length, count), streams, state)
            yield figures

    def passages(self, starts: Places, lengths: Places, last_only: bool = False) -> Iterator[tuple[Places, Figures]]:
        """Predict passages of the text, each as a fresh session would.

        Args:
            starts: Where each begins.
            lengths: How many tokens it has; one or more.
            last_only: Whether only the last token of each is wanted.

        Yields:
            Places in the text, in no particular order, and their figures.
        """
        order = np.argsort(lengths, kind="stable")  # those side by side are of about the same length
        for first in range(0, len(order), self.limits.max_passages):
            batch = order[first : first + self.limits.max_passages]
            window = max(1, self.limits.passage_window // len(batch))
            state = self.model.initial_state(len(batch))
            with _inference(self.model):
                found = self._read_batch(starts[batch], lengths[batch], starts[batch], state, window, last_only)
            yield found[:2]

    def _read_chunk(
        self, begin: int, end: int, streams: int, state: list[LayerState]
    ) -> tuple[Figures, list[LayerState]]:
        """Read the text from `begin` to `end`, in its order, as B streams; `state` is that of one, before its start.

        Returns:
            (end - begin, K) figures; the state of one stream at the end, if all streams are equally long.
        """
        starts, length = cut_into_streams(end - begin, streams)
        starts += begin
        window = max(1, self.limits.stream_window // streams)
        with _inference(self.model):
            if streams > 1:
                warm = self.model.initial_state(streams - 1)
                for steps in _windows(-self.limits.warm_up, 0, window):
                    _, warm = self._forward(starts[1:] + steps, 0, warm)
                pairs = zip(state, warm, strict=True)
                state = [(torch.cat([h, others[0]], 1), torch.cat([c, others[1]], 1)) for (h, c), others in pairs]
            places, figures, state = self._read_batch(starts, np.minimum(length, end - starts), 0, state, window)
        return figures[np.argsort(places)], [(h[:, -1:], c[:, -1:]) for h, c in state]

    def _read_batch(
        self,
        starts: Places,
        lengths: Places,
        begins: Places | int,
        state: list[LayerState],
        window: int,
        last_only: bool = False,
    ) -> tuple[Places, Figures, list[LayerState]]:
        """Read B passages of the text side by side, T words at a time, at most `window`.

        Returns:
            (n,) places, all or the last of each passage, (n, K) figures, and the state after the longest passage.
        """
        device = self.model.output.bias.device
        places, figures = [], []
        for steps in _windows(0, int(lengths.max()), window):
            here = starts + steps
            hidden, state = self._forward(here, begins, state)
            counted = steps == lengths - 1 if last_only else steps < lengths  # (T, B)
            if counted.any():
                places.append(here[counted])
                targets = torch.from_numpy(self.ids[places[-1]].astype(np.int64)).to(device)
                found = self.metric(hidden[torch.from_numpy(counted).to(device)], targets)
                figures.append(found.cpu().double().numpy())
            self.advance(int(np.count_nonzero(steps < lengths)))
        return np.concatenate(places), np.concatenate(figures), state

    def _forward(
        self, places: Places, begins: Places | int, state: list[LayerState]
    ) -> tuple[Tensor, list[LayerState]]:
        """(T, B, H) hidden states before the tokens at `places`, (T, B), from `state` on, and the state to go on with.

        Where a stream begins, at `begins`, it reads `<eos>`, as a fresh session does. Places may lie beyond the end.
        """
        before = self.ids[np.minimum(places, len(self.ids)) - 1].astype(np.int64)
        tokens = torch.from_numpy(np.where(places > begins, before, END_ID)).to(self.model.output.bias.device)
        result: tuple[Tensor, list[LayerState]] = self.model(known_ids(tokens, self.model.output.out_features), state)
        return result


def stream_metrics(
    model: RecurrentLanguageModel,
    ids: NDArray[np.int32],
    metric: Metric,
    on_progress: Progress | None = None,
    limits: ReadingLimits = LIMITS,
) -> Iterator[Figures]:
    """`TextReader.stream` with a metric of logits."""
    return TextReader(model, ids, chunked(model, metric, limits), limits, counting(len(ids), on_progress)).stream()


def paragraph_metrics(
    model: RecurrentLanguageModel,
    ids: NDArray[np.int32],
    metric: Metric,
    on_progress: Progress | None = None,
    limits: ReadingLimits = LIMITS,
) -> Iterator[Figures]:
    """What `stream_metrics` gives, where every paragraph is read by a fresh session."""
    reader = TextReader(model, ids, chunked(model, metric, limits), limits, counting(len(ids), on_progress))
    ends = np.flatnonzero(ids == END_ID) + 1
    starts = np.concatenate([[0], ends[ends < len(ids)]])
    lengths = np.diff(starts, append=len(ids))
    first = 0
    while first < len(starts):  # so many paragraphs at a time that their figures are a chunk, or a single one
        begin = starts[first]
        last = max(first + 1, int(np.searchsorted(starts, begin + limits.chunk)))
        found = [*reader.passages(starts[first:last], lengths[first:last])]
        places = np.concatenate([places for places, _ in found])
        yield np.concatenate([figures for _, figures in found])[np.argsort(places)]
        first = last


def chunked(model: RecurrentLanguageModel, metric: Metric, limits: ReadingLimits) -> Metric:
    """A metric of hidden states from one of logits, which exist for a few places at a time."""
    weight, bias = model.output.weight, model.output.bias
    length = max(64, limits.logits // len(bias))

    def of_hidden(hidden: Tensor, targets: Tensor) -> Tensor:
        chunks = zip(torch.split(hidden, length), torch.split(targets, length), strict=True)
        return torch.cat([metric(torch.addmm(bias, states, weight.t()), words) for states, words in chunks])

    return of_hidden


def known_ids(words: Tensor, vocabulary_size: int) -> Tensor:
    """Ids with `<unk>` for every word outside the vocabulary."""
    return words.masked_fill(words >= vocabulary_size, UNKNOWN_ID)


def _windows(begin: int, end: int, length: int) -> Iterator[NDArray[np.int64]]:
    """The steps from `begin` to before `end`, (T, 1), at most `length` at a time."""
    for first in range(begin, end, length):
        yield np.arange(first, min(first + length, end))[:, None]


@contextmanager
def _inference(model: RecurrentLanguageModel) -> Iterator[None]:
    """Without dropout and gradients."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)
