"""Where sentences start: token by token as somebody types, and for long arrays of numbers at once.

Capitals depend on it: which are a word's own is learned from the places where no sentence starts, and a word shown at
a start gets one. Tokens are followed as they stand in the text, whether the vocabulary has them or not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.text.abbreviations import ABBREVIATIONS, AMBIGUOUS, TITLES
from nextword.text.vocabulary import END, MAX_NEW_WORD_LENGTH, UNKNOWN

# What a token does to a position.
OTHER, ENDS, QUOTE, STOP, PERIOD, SPEECH, THROUGH, CLOSING, NUMBER, TITLE, INITIAL, ABBREVIATION = range(12)
_LOOKED_THROUGH = frozenset((THROUGH, CLOSING))
_LABELS = frozenset((NUMBER, INITIAL))  # before a closing bracket, what an item of a list begins with: `1)`, `(a)`
_SHORTENED = frozenset((TITLE, INITIAL, ABBREVIATION))  # their full stop ends no sentence

_STOPS = frozenset("!?\u061f\u06d4\u0964\u0965\u3002\uff01\uff1f")
_BEFORE_SPEECH = frozenset((",", ":"))
# Looked through wherever a sentence may start: brackets, dashes, symbols (emoji and bullets among them), and of the
# other marks those that stand before a word, such as a quoted mail's ">". What stands inside names and paths is not.
_THROUGH_CATEGORIES = frozenset(("Ps", "Pe", "Pi", "Pf", "Pd", "Pc", "So", "Mn", "Me", "Cf"))
_THROUGH_MARKS = frozenset("'*#~\u00bf\u00a1>|+\u2022\u2023\u2043\u00b7\u2219\u2192\u2020\u2021\u00a7\u00b6\u203b") | {
    "``"
}
_CLOSING_CATEGORIES = frozenset(("Pe", "Pf"))
_MAX_CACHED_LENGTH = MAX_NEW_WORD_LENGTH + 1  # characters of a token; what is longer is a word, or a run of a mark
_SHORT_PRONOUNS = frozenset(("i", "я"))  # sentences end with them


@lru_cache(maxsize=1 << 16)
def _kind(token: str) -> int:
    """What a token does to a position, wherever it is read."""
    if token[:1].isalnum():
        word = token.lower()
        initial = len(word) == 1 and word != word.upper() and word not in _SHORT_PRONOUNS
        if initial or word.isdigit() or word in _SHORT_PRONOUNS:
            return INITIAL if initial else NUMBER
        return TITLE if word in TITLES else ABBREVIATION if word in ABBREVIATIONS else OTHER
    single = {END: ENDS, UNKNOWN: OTHER, "": OTHER, '"': QUOTE, ".": PERIOD}
    if token in single:
        return single[token]
    if token in _STOPS or not token.strip("."):
        return STOP
    if token in _BEFORE_SPEECH or (len(token) == 1 and unicodedata.category(token) == "Pe"):
        return SPEECH if token in _BEFORE_SPEECH else CLOSING
    looked_through = token[0] in _THROUGH_MARKS or unicodedata.category(token[0]) in _THROUGH_CATEGORIES
    return THROUGH if token in _THROUGH_MARKS or (looked_through and not any(map(str.isalnum, token))) else OTHER


def kind_of(token: str, abbreviations: Container[str] = AMBIGUOUS) -> int:
    """What a token does to a position.

    Args:
        token: A normalized word.
        abbreviations: Normalized words whose full stop ends no sentence, beside those known everywhere.
    """
    kind = _kind(token[:_MAX_CACHED_LENGTH])
    return ABBREVIATION if kind == OTHER and token.lower() in abbreviations else kind


class SentencePosition(NamedTuple):
    """Where in a sentence a text has got to, followed token by token; a new one stands after an `<eos>`."""

    at_start: bool = True  # the next word opens a sentence or a quotation
    quoted: bool = False  # a double quote is open
    previous: str = ""  # the last token: a mark or an abbreviation as it is, `<unk>` for any other word
    label: bool = False  # it opened a sentence, or with a bracket behind it is but the number of what follows

    @property
    def closed(self) -> bool:
        """Whether the last token ended a sentence."""
        return self.at_start and _kind(self.previous) in {STOP, PERIOD}

    def after_all(self, tokens: Iterable[str], abbreviations: Container[str] = AMBIGUOUS) -> SentencePosition:
        """The position once all of `tokens` have been read."""
        position = self
        for token in tokens:
            position = position.after(token, abbreviations)
        return position

    def after(self, token: str, abbreviations: Container[str] = AMBIGUOUS) -> SentencePosition:
        """The position once `token` (a normalized word) has been read.

        After an abbreviation's full stop a sentence may start or not; it is taken to go on.
        """
        kind = kind_of(token, abbreviations)
        if kind == ENDS:
            return SentencePosition()
        starts, quoted = kind == STOP or (self.at_start and kind in _LOOKED_THROUGH), self.quoted
        starts = starts or (self.label and kind == CLOSING)
        if kind == QUOTE:
            quoted = not self.quoted
            opened, ended = self.at_start or self.previous in _BEFORE_SPEECH, self.at_start and self.previous == "."
            starts = opened if quoted else ended
        elif kind == PERIOD:
            starts = kind_of(self.previous, abbreviations) not in _SHORTENED
        previous = UNKNOWN if kind in {OTHER, NUMBER} else token[:MAX_NEW_WORD_LENGTH]
        return SentencePosition(starts, quoted, previous, self.at_start and kind in _LABELS)


def sentence_starts(tokens: Iterable[str], abbreviations: Container[str] = AMBIGUOUS) -> Iterator[bool]:
    """Whether each token is the first of a sentence.

    What is said within a sentence belongs to it (after a comma or a colon, or where it goes on after a quotation), and
    marks after the end of a sentence (a quote or bracket that closes, another `!`, an `<eos>`) belong to that one.
    The first token of all starts one unless it is such a mark.

    Args:
        tokens: Normalized words, from the beginning of a text.
        abbreviations: As in `kind_of`.
    """
    position, ended = SentencePosition(), True
    for token in tokens:
        starts = ended and position.at_start and not _closes(token, position.quoted)
        yield starts
        position = position.after(token, abbreviations)
        ended = position.at_start and ((ended and not starts) or position.closed or token == END)


def _closes(token: str, quoted: bool) -> bool:
    """Whether a token after the end of a sentence belongs to it."""
    kind = kind_of(token, ())
    bracket = kind in _LOOKED_THROUGH and unicodedata.category(token[0]) in _CLOSING_CATEGORIES
    return bracket or kind in {STOP, PERIOD, ENDS} or (kind == QUOTE and quoted)


class SentenceStarts:
    """`SentencePosition` for arrays of numbers that stand for tokens: the same answers, some hundred times as fast.

    Args:
        kinds: (F,) what `kind_of` says of the token of each number.
    """

    def __init__(self, kinds: NDArray[np.int8]) -> None:
        self._kinds = kinds
        self._at_start, self._quoted = True, False
        self._last = np.asarray([OTHER, ENDS], np.int8)  # kinds of the last two tokens
        self._label = False  # as in `SentencePosition`

    def __call__(self, numbers: NDArray[np.int32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each token stands where a sentence or a quotation opens.

        Args:
            numbers: (N,) one or more; they go on where those of the last call ended.

        Returns:
            (N,) `at_start` as it is before each of them; (N,) whether that is False and yet might be otherwise: after
            the full stop of an abbreviation, which may end a sentence, too.
        """
        kinds = np.concatenate([self._last, self._kinds[numbers]])
        earlier, previous, kinds = kinds[:-2], kinds[1:-1], kinds[2:]
        self._last = np.asarray([previous[-1], kinds[-1]], np.int8)
        ends, quotes = kinds == ENDS, kinds == QUOTE
        quote_number = np.cumsum(quotes, dtype=np.int32) + np.int32(self._quoted)
        before_paragraph = np.maximum.accumulate(np.where(ends, quote_number, np.int32(0)))
        quoted = (quote_number - before_paragraph) % 2 == 1
        opens, closes = quotes & quoted, quotes & ~quoted
        starts = ends | (kinds == STOP) | ((kinds == PERIOD) & (previous < TITLE))
        starts |= opens & (previous == SPEECH)
        starts |= closes & (previous == PERIOD) & (earlier < TITLE)
        unchanged = (kinds == THROUGH) | (kinds == CLOSING) | (opens & (previous != SPEECH))
        # A label leaves what it found to the bracket that closes it, and in between no sentence starts.
        labels = (kinds == NUMBER) | (kinds == INITIAL)
        closing = kinds == CLOSING
        closed = labels[:-1] & closing[1:]
        unchanged[:-1] |= closed
        if self._label and closing[0]:
            unchanged[0], starts[0] = False, True
        # What the last token that changes anything left behind; place 0 is what was there before the first.
        places = np.arange(1, len(numbers) + 1, dtype=np.int32)
        decided = np.maximum.accumulate(np.where(unchanged, np.int32(0), places))
        before = np.concatenate([np.zeros(1, np.int32), decided[:-1]])
        history = np.concatenate([[self._at_start], starts])
        at_start = history[before]
        self._label = bool(labels[-1] and at_start[-1])
        at_start[1:] &= ~closed
        self._at_start, self._quoted = bool(history[decided[-1]]), bool(quoted[-1])
        return at_start, (previous == PERIOD) & (earlier == ABBREVIATION)
