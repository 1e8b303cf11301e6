"""How well a model predicts a text: every token of it predicted and counted, the state carried from start to end.

`perplexity` is what training watches, `evaluate` what `nextword eval` shows, `score` what `nextword score` lists token
by token; all three see the same figures. Several documents are read as one text, one after the other: the memory goes
on from each to the next, as it does in training. How a long text is read: `reader.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.config import AdaptConfig
from nextword.evaluation.evaluation_text import encode, keys_without_help, rank, read_text, surprisal, written
from nextword.evaluation.keystrokes import keys_used
from nextword.evaluation.reader import LIMITS, Figures, ReadingLimits, paragraph_metrics, stream_metrics
from nextword.model.language_model import RecurrentLanguageModel
from nextword.model.streams import Progress, counting
from nextword.text.encoder import Text
from nextword.text.tokenizer import WordTokenizer


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text, over all its tokens, `<eos>` included.

    Attributes:
        tokens: How many were predicted.
        perplexity: exp of their mean cross-entropy in nats.
        bits_per_word: The same mean in bits a token.
        top1: Share of the tokens that were the likeliest of the whole vocabulary; likewise `top3`, `top5`, `top10`.
        keystroke_savings: Share of the keys that three suggestions save someone who types the text (`keystrokes`).
        unknown_rate: Share of the tokens that are outside the vocabulary.
        seconds: What all this took.
        tokens_per_second: Tokens by seconds.
    """

    tokens: int
    perplexity: float
    bits_per_word: float
    top1: float
    top3: float
    top5: float
    top10: float
    keystroke_savings: float
    unknown_rate: float
    seconds: float
    tokens_per_second: float


class Score(NamedTuple):
    """One token of a text and how the model expected it."""

    line: int  # in its document, from 1
    position: int  # in its line, from 1
    word: str  # as it is written; "<eos>" for the end of a paragraph
    surprisal: float  # bits
    rank: int  # 1 for the likeliest of the vocabulary; equals in order of their ids
    entropy: float  # bits of the whole distribution
    space_before: bool  # whether white space stands before it


def evaluate(
    model: RecurrentLanguageModel,
    tokenizer: WordTokenizer,
    texts: Sequence[Text],
    on_progress: Progress | None = None,
    adapt: AdaptConfig | None = None,
    limits: ReadingLimits = LIMITS,
    past: Sequence[Text] = (),
) -> Evaluation:
    """Predict every token of `texts` and say how well that went.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        tokenizer: Its words.
        texts: The documents, as strings or in passages (iterated over several times).
        on_progress: Called now and then.
        adapt: How the model learns from the text while it reads it, as a session does; None: not at all. Words outside
            the vocabulary that it learns count for the keystrokes, as the rare ones of the tokenizer do in any case;
            for all else they are `<unk>` as ever.
        limits: How much is read at one time.
        past: What a model that adapts reads first, without being measured.

    Raises:
        CorpusError: There is no token in the texts.
    """
    began = time.perf_counter()
    text = read_text(model, tokenizer, texts, adapt is not None, past if adapt else ())
    advance = counting(len(text.ids), on_progress)
    chunks = text.adapting(adapt, limits, advance) if adapt else text.reader(limits, advance).stream()
    keys = keys_without_help(tokenizer, texts)
    metrics = Metrics()
    for figures in chunks:
        metrics.add(figures, np.fromiter(keys, np.int64, len(figures)))
    seconds = time.perf_counter() - began
    return Evaluation(
        tokens=metrics.tokens,
        **metrics.figures(),
        unknown_rate=text.unknown_rate,
        seconds=seconds,
        tokens_per_second=metrics.tokens / seconds,
    )


class Metrics:
    """Sums over the tokens measured so far, and the figures of `Evaluation` that they give; one token or more.

    Attributes:
        tokens: How many have been added.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._nats = 0.0
        self._hits = dict.fromkeys((1, 3, 5, 10), 0)
        self._needed = self._used = 0

    def add(self, figures: Figures, keys: NDArray[np.int64]) -> None:
        """Count n tokens more.

        Args:
            figures: (n, 3) surprisal in nats, rank, and letters typed before the token is suggested.
            keys: (n,) keys that they cost without help.
        """
        surprisals, ranks, letters = figures.T
        self.tokens += len(figures)
        self._nats += float(surprisals.sum())
        for k in self._hits:
            self._hits[k] += int(np.count_nonzero(ranks <= k))
        self._needed += int(keys.sum())
        self._used += int(keys_used(keys, letters).sum())

    def figures(self) -> dict[str, float]:
        """Those by the names of the fields."""
        return {
            "perplexity": _perplexity(self._nats, self.tokens),
            "bits_per_word": self._nats / self.tokens / math.log(2),
            **{f"top{k}": hits / self.tokens for k, hits in self._hits.items()},
            "keystroke_savings": 1 - self._used / self._needed,
        }


def perplexity(model: RecurrentLanguageModel, ids: NDArray[np.int32], limits: ReadingLimits = LIMITS) -> float:
    """exp of the mean cross-entropy of `ids`, in 32-bit arithmetic.

    The model starts as a fresh session does, having read one `<eos>`, so the first token is predicted and counted
    like all others; the state is carried to the last. Comparable with the literature's figures where the tokens are.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        ids: (N,) token ids, one or more.
        limits: How much is read at one time.
    """
    chunks = stream_metrics(model, ids, surprisal, limits=limits)
    return _perplexity(sum(float(figures.sum()) for figures in chunks), len(ids))


def _perplexity(nats: float, tokens: int) -> float:
    return math.exp(min(nats / tokens, 700.0))  # beyond that, no number


def score(
    model: RecurrentLanguageModel,
    tokenizer: WordTokenizer,
    texts: Sequence[Text],
    on_progress: Progress | None = None,
    limits: ReadingLimits = LIMITS,
    alone: bool = False,
) -> Iterator[Score]:
    """Every token that `evaluate` counts, with its surprisal, its rank and the entropy of what was expected there.

    Entropy: Shannon 1948; surprisal as a measure of processing effort: Levy 2008, "Expectation-based syntactic
    comprehension". Memory grows with the text by its ids only.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        tokenizer: Its words.
        texts: The documents, as strings or in passages (iterated over twice); lines are counted in each.
        on_progress: Called now and then.
        limits: How much is read at one time.
        alone: Whether the memory is cleared before every paragraph (line, in `whitespace`), as if it were alone.

    Raises:
        CorpusError: There is no token in the texts.
    """

    def metric(logits: Tensor, targets: Tensor) -> Tensor:
        log_probabilities = logits.log_softmax(1)
        entropy = -(log_probabilities.exp() * log_probabilities).sum(1, keepdim=True)
        return torch.cat([surprisal(logits, targets), rank(logits, targets), entropy], 1)

    tokens = written(tokenizer, texts)
    read = paragraph_metrics if alone else stream_metrics
    for figures in read(model, encode(tokenizer, texts), metric, on_progress, limits):
        figures[:, ::2] /= math.log(2)
        for token, (bits, place, entropy) in zip(islice(tokens, len(figures)), figures.tolist(), strict=True):
            yield Score(token.line, token.position, token.word, bits, int(place), entropy, token.space_before)
