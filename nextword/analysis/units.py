"""Units that follow something plain in a text: inside quotation marks, how far into the sentence, and so on.

Karpathy, Johnson and Li 2015 found such units by looking; here all are compared with each feature, by Pearson's
correlation of what a unit remembers (its cell state; the hidden state where there is none) with the feature's value,
word by word. The best of hundreds of units correlates with anything a little, by chance: so it is chosen on the first
half of the text and its correlation taken on the second.

A text of some length is read as streams side by side (`model/streams.py`).

Letters in shapes: N words, F features, B streams, U units of all layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nextword.analysis.explain import Unit
from nextword.errors import CorpusError
from nextword.inference.engine import Engine
from nextword.inference.lstm import Array, LSTMNetwork, LSTMState
from nextword.model.streams import WARM_UP, Progress, count_streams, counting, cut_into_streams
from nextword.text.pipeline import without_surrogates
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
MAX_CHARACTERS = 8_000_000  # characters of a text; more would take many minutes
_MIN_WORDS = 20  # With fewer, anything correlates with anything.
_MAX_STREAMS = 64  # streams read side by side
_MIN_VARIANCE = 1e-9  # What varies less is taken for constant.


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
    engine: Engine, text: str, on_progress: Progress | None = None, max_characters: int = MAX_CHARACTERS
) -> Search:
    """Read a text, and find for every feature the unit that follows it best.

    Args:
        engine: The model.
        text: Twenty words or more.
        on_progress: Called now and then with words read and words in all.
        max_characters: Of a longer text only so many, the first, are read.

    Raises:
        CorpusError: The text is too short.
    """
    tokenizer = engine.tokenizer
    ids = TokenFile(tokenizer.encode_documents([without_surrogates(text[:max_characters])])).ids
    if len(ids) < _MIN_WORDS:
        reason = f"the text has {len(ids)} words and paragraph ends; to compare them it takes {_MIN_WORDS} or more"
        raise CorpusError(reason, "Give it more: nextword explain --find - < story.txt")
    features = np.fromiter(chain.from_iterable(feature_values(tokenizer, ids)), np.float32).reshape(len(ids), -1)
    sizes = [layer.hidden_size for layer in engine.network.layers]
    units = [Unit(layer, number) for layer, size in enumerate(sizes, 1) for number in range(1, size + 1)]
    halves = [_Sums(len(FEATURES), len(units)) for _ in range(2)]
    half = len(ids) // 2
    advance = counting(len(ids), on_progress)
    for places, memory in _memories(engine.network, engine.initial_state, ids):
        for sums, which in zip(halves, (places < half, places >= half), strict=True):
            sums.add(features[places[which]].astype(np.float64), memory[which].astype(np.float64))
        advance(len(places))
    chosen, checked = (sums.correlations() for sums in halves)
    varies = (np.ptp(features[:half], axis=0) > 0) & (np.ptp(features[half:], axis=0) > 0)
    trackers = [Tracker(feature, None, 0.0, 0.0) for feature in FEATURES]
    for row in np.flatnonzero(varies).tolist():
        best = int(np.abs(chosen[row]).argmax())
        first, second = (round(float(found[row, best]), 6) for found in (chosen, checked))
        trackers[row] = Tracker(FEATURES[row], units[best], first, second)
    return Search(len(ids), half, len(units), trackers)


def feature_values(tokenizer: WordTokenizer, ids: NDArray[np.int32]) -> Iterator[tuple[int, ...]]:
    """The values of `FEATURES` once each word is read; marks are no words, unknown words are."""
    tokens = tokenizer.words
    is_word = [token == UNKNOWN or tokenizer.is_word(token) for token in tokens]
    position = SentencePosition()
    brackets = sentence = stop = comma = paragraph = 0
    for token_id in ids.tolist():
        token = tokens[token_id]
        position = position.after(token, tokenizer.abbreviations)
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
) -> Iterator[tuple[NDArray[np.int64], Array]]:
    """Places in the text, in some order until all were there, and (b, U) what is remembered once they are read.

    Args:
        network: The network.
        state: (H,) before the first word.
        ids: (N,) the text.
    """
    streams = count_streams(len(ids), _MAX_STREAMS)
    starts, length = cut_into_streams(len(ids), streams)
    now = state.repeated(streams)
    for step in range(-WARM_UP if streams > 1 else 0, length):
        if step == 0:  # the first stream has nothing before it
            now.put(0, state)
        places = starts + step
        now = network.step(ids[np.clip(places, 0, len(ids) - 1)].astype(np.intp), now)
        if step >= 0:
            there = places < len(ids)
            memory = np.concatenate(now.cell if network.kind == "lstm" else now.hidden, axis=1)
            yield places[there], memory[there]
