"""Units that follow something plain in a text: inside quotation marks, how far into the sentence, and so on.

Karpathy, Johnson and Li 2015 found such units by looking; here all are compared with each feature, by Pearson's
correlation of what a unit remembers (its cell state; the hidden state where there is none) with the feature's value,
word by word. The best of hundreds of units correlates with anything a little, by chance: so it is chosen on the first
half of the text and its correlation taken on the second. Knows the network and words; no screen and no files.

A text of some length is read as parts side by side, as `evaluation.py` does it: every part but the first begins with
512 words that are read and not counted. Letters in shapes: N words, F features, B parts, U units of all layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nextword.analysis.explain import Unit
from nextword.errors import CorpusError
from nextword.inference.lstm import Array, LSTMNetwork, LSTMState
from nextword.inference.predictor import Predictor
from nextword.text.pipeline import SURROGATE
from nextword.text.sentences import SentencePosition
from nextword.text.token_file import TokenFile
from nextword.text.tokenizer import END, UNKNOWN, WordTokenizer

FEATURES = (
    "inside quotation marks",
    "inside brackets",
    "words of the sentence so far",
    "words since a full stop",
    "words since a comma",
    "words of the paragraph so far",
)
MAX_CHARACTERS = 8_000_000  # are read; more would take many minutes
_MIN_WORDS = 20
_WARM_UP = 512  # words read before a part that does not begin the text
_MIN_PART = 4 * _WARM_UP  # with shorter parts, too much of the work would be warming up
_MAX_PARTS = 64
_MIN_VARIANCE = 1e-9


@dataclass(frozen=True)
class Tracker:
    """The unit that follows a feature best.

    Attributes:
        feature: One of `FEATURES`.
        unit: Chosen on the first half of the text; None where the feature has one value alone in either half.
        chosen: Correlation with the feature on the first half, -1 to 1; 0 where there is no unit.
        checked: The same on the second half.
    """

    feature: str
    unit: Unit | None
    chosen: float
    checked: float


@dataclass(frozen=True)
class Search:
    """What was found in a text.

    Attributes:
        words: How many were read, N, marks and `<eos>` included.
        first_half: On how many of them the units are chosen.
        units: How many units were compared.
        trackers: One for every feature.
    """

    words: int
    first_half: int
    units: int
    trackers: list[Tracker]


class _Sums:
    """What the correlations of F features with U units are made of, for one half of the text."""

    def __init__(self, features: int, units: int) -> None:
        self._count = 0
        self._feature, self._unit = np.zeros((2, features)), np.zeros((2, units))  # of values and of their squares
        self._both = np.zeros((features, units))

    def add(self, features: NDArray[np.float64], units: NDArray[np.float64]) -> None:
        """Count n words: (n, F) and (n, U)."""
        if not len(features):
            return
        self._count += len(features)
        self._feature += features.sum(axis=0), (features**2).sum(axis=0)
        self._unit += units.sum(axis=0), (units**2).sum(axis=0)
        self._both += features.T @ units

    def correlations(self) -> NDArray[np.float64]:
        """(F, U) Pearson's; 0 where either does not vary."""
        (feature, feature_squares), (unit, unit_squares) = self._feature / self._count, self._unit / self._count
        covariances = self._both / self._count - np.outer(feature, unit)
        varied = np.outer(feature_squares - feature**2, unit_squares - unit**2)
        found: NDArray[np.float64] = np.where(
            varied > _MIN_VARIANCE, covariances / np.sqrt(np.maximum(varied, _MIN_VARIANCE)), 0.0
        )
        return found


def find_trackers(
    predictor: Predictor, text: str, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Search:
    """Read a text, and find for every feature the unit that follows it best.

    Args:
        predictor: The model.
        text: Twenty words or more; of more than 8,000,000 characters only the first are read.
        on_progress: Called now and then with words read and words in all.

    Raises:
        CorpusError: The text is too short.
    """
    tokenizer = predictor.tokenizer
    ids = TokenFile(tokenizer.encode_documents([SURROGATE.sub("\ufffd", text[:MAX_CHARACTERS])])).ids
    if len(ids) < _MIN_WORDS:
        reason = f"the text has {len(ids)} words and paragraph ends; to compare them it takes {_MIN_WORDS} or more"
        raise CorpusError(reason, "Give it more: nextword explain --find - < story.txt")
    features = np.fromiter(chain.from_iterable(_features(tokenizer, ids)), np.float32).reshape(len(ids), -1)
    units = [layer.hidden_size for layer in predictor.network.layers]
    halves = [_Sums(len(FEATURES), sum(units)) for _ in range(2)]
    half = len(ids) // 2
    done = 0
    for places, memory in _memories(predictor.network, predictor.initial_state, ids):
        for sums, which in zip(halves, (places < half, places >= half), strict=True):
            sums.add(features[places[which]].astype(np.float64), memory[which].astype(np.float64))
        done += len(places)
        on_progress(done, len(ids))
    chosen, checked = (sums.correlations() for sums in halves)
    best = np.abs(chosen).argmax(axis=1)
    trackers = []
    for row, (feature, column) in enumerate(zip(FEATURES, best.tolist(), strict=True)):
        varies = all(np.ptp(features[part, row]) > 0 for part in (slice(half), slice(half, None)))
        figures = (round(float(found[row, column]), 6) for found in (chosen, checked))
        trackers.append(
            Tracker(feature, _unit(units, column), *figures) if varies else Tracker(feature, None, 0.0, 0.0)
        )
    return Search(len(ids), half, sum(units), trackers)


def _unit(sizes: Sequence[int], column: int) -> Unit:
    """The unit that has this column where all layers stand side by side."""
    layer = 0
    while column >= sizes[layer]:
        column -= sizes[layer]
        layer += 1
    return Unit(layer + 1, column + 1)


def _features(tokenizer: WordTokenizer, ids: NDArray[np.int32]) -> Iterator[tuple[int, ...]]:
    """The values of `FEATURES` once each word is read; marks are no words, unknown words are."""
    tokens = tokenizer.words
    is_word = [token == UNKNOWN or tokenizer.is_word(token) for token in tokens]
    position = SentencePosition()
    brackets = sentence = stop = comma = paragraph = 0
    for token_id in ids.tolist():
        token = tokens[token_id]
        position = position.after(token)
        word = is_word[token_id]
        ends = token == END
        brackets = 0 if ends else max(0, brackets + (token in "([") - (token in ")]"))
        sentence = 0 if ends or position.closed else sentence + word
        stop = 0 if token == "." else stop + word
        comma = 0 if token == "," else comma + word
        paragraph = 0 if ends else paragraph + word
        yield position.quoted, brackets > 0, sentence, stop, comma, paragraph


def _memories(
    network: LSTMNetwork, state: LSTMState, ids: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.intp], Array]]:
    """Places in the text, in some order until all were there, and (b, U) what is remembered once they are read.

    Args:
        network: The network.
        state: (H,) before the first word.
        ids: (N,) the text.
    """
    parts = max(1, min(_MAX_PARTS, len(ids) // _MIN_PART))
    length = -(-len(ids) // parts)
    starts = np.arange(parts, dtype=np.intp) * length
    now = beginning = LSTMState(*(tuple(np.tile(layer, (parts, 1)) for layer in kind) for kind in state))
    for step in range(-_WARM_UP if parts > 1 else 0, length):
        if step == 0:  # the first part has nothing before it
            for layers, first in zip(now, beginning, strict=True):
                for layer, values in zip(layers, first, strict=True):
                    layer[0] = values[0]
        places = starts + step
        now = network.step(ids[np.clip(places, 0, len(ids) - 1)].astype(np.intp), now)
        if step >= 0:
            there = places < len(ids)
            memory = np.concatenate(now.cell if network.kind == "lstm" else now.hidden, axis=1)
            yield places[there], memory[there]
