"""Words that a line's end divides, as `exam-` and `ple` in hard-wrapped text.

What such a word is, the rest of the text says: `example` where the text has that elsewhere, `well-known` where it has
that, whichever is more frequent; where it has neither, `exam`, `-` and `ple`. So there are three readings. Of a word
over three lines only the first two are looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import starmap
from typing import NamedTuple

from nextword.text.paragraphs import PARAGRAPH_END
from nextword.text.pipeline import SPACE, SPACES, Pipeline
from nextword.text.vocabulary import UNKNOWN_ID, Form, most_frequent

HYPHENS = "-\u2010\u00ad"
DIVISION = "\ud800"  # stands for the line's end inside a word; half a character, which no text has here
_BLANKS = re.sub(f"[\n{PARAGRAPH_END}]", "", SPACES)
_LINE_ENDS = {hyphen: re.compile(rf"{hyphen} ?\n[{_BLANKS}]*(?=\w)") for hyphen in HYPHENS}


def mark_divisions(text: str) -> str:
    """`text` with `DIVISION` in the place of the white space after a hyphen that ends a line inside what may be a word.

    Args:
        text: Without surrogates.
    """
    for hyphen in "-" if text.isascii() else HYPHENS:  # one at a time: that is many times as fast
        text = _LINE_ENDS[hyphen].sub(_marked, text)
    return text


def _marked(match: re.Match[str]) -> str:
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end()]
    divides = after.islower() and (before.isalpha() or (before and unicodedata.category(before)[0] == "M"))
    return match.group()[0] + DIVISION if divides else match.group()


def spellings(pretoken: str) -> tuple[str, str, str]:
    """A pretoken with a divided word, the word being one, or one with a hyphen, or as it stands."""
    before, _, after = pretoken.partition(DIVISION)
    after = after.replace(DIVISION, "\n")
    return before[:-1] + after, before + after, f"{before}\n{after}"


class Divided(NamedTuple):
    """The tokens of a pretoken with a divided word."""

    before: Sequence[Form]
    readings: tuple[Sequence[Form], ...]  # of the word: as one, as one with a hyphen, as it stands; or this one alone
    after: Sequence[Form]

    @classmethod
    def of(cls, joined: Sequence[Form], hyphenated: Sequence[Form], parts: Sequence[Form]) -> Divided:
        """From the tokens of the three `spellings` of a pretoken."""
        begin = next((i for i, pair in enumerate(zip(joined, parts, strict=False)) if pair[0] != pair[1]), len(joined))
        end = len(parts) - (len(joined) - begin - 1)
        around = joined[:begin], joined[begin + 1 :]
        if begin == len(joined) or around != (hyphenated[:begin], hyphenated[begin + 1 :]) or around[1] != parts[end:]:
            return cls([], (parts,), [])  # what is before the hyphen, or after it, is no word
        return cls(around[0], (joined[begin : begin + 1], hyphenated[begin : begin + 1], parts[begin:end]), around[1])

    def choice(self, rank: Callable[[str], int | None]) -> int:
        """Which reading the word has; `rank` as in `most_frequent`."""
        return most_frequent([reading[0][0] for reading in self.readings[:-1]], rank)


def resolve(text: str, spelled: Callable[[str], str]) -> tuple[str, list[int]]:
    """A text in which every divided word is written as it is read.

    Args:
        text: Without surrogates.
        spelled: From a pretoken with a divided word to one of its `spellings`.

    Returns:
        (the text, places in it where a line's end was taken out)
    """
    text = mark_divisions(text)
    pieces: list[str] = []
    places: list[int] = []
    done = length = 0
    while (place := text.find(DIVISION, done)) >= 0:
        begin = max(done, 1 + max(text.rfind(space, done, place) for space in SPACES))
        space = SPACE.search(text, place)
        end = space.start() if space else len(text)
        spelling = spelled(text[begin:end])
        if spelling.count("\n") < text.count(DIVISION, begin, end):
            places.append(length + place - done)
        pieces += text[done:begin], spelling
        length += begin - done + len(spelling)
        done = end
    return "".join([*pieces, text[done:]]), places


class DividedWords:
    """Reads divided words by the words of a vocabulary.

    Args:
        pipeline: Cuts text, and has the vocabulary.
        rare: The words too rare for it, as they are written, the most frequent first.
    """

    def __init__(self, pipeline: Pipeline, rare: Sequence[str]) -> None:
        self._pipeline, self._rare = pipeline, rare
        self._token_id = pipeline.ids.get

    def id_of(self, token: str, written: str) -> int:
        """The id of a token, however it is written."""
        return self._token_id(token) or UNKNOWN_ID

    def ids_of(self, divided: Divided) -> Iterator[int]:
        """The ids of a divided word."""
        return starmap(self.id_of, divided.readings[divided.choice(self._rank)])

    def prepared(self, text: str) -> tuple[str, list[int]]:
        """`text` as the library can take it, divided words being written as they are read.

        Returns:
            (the text, places in it of the line ends that were taken out)
        """
        text = self._pipeline.prepared(text)
        return resolve(text, self._spelled) if self._pipeline.divided else (text, [])

    def _spelled(self, pretoken: str) -> str:
        spelled = spellings(pretoken)
        return spelled[Divided.of(*self._pipeline.cut_all(spelled)).choice(self._rank)]

    def _rank(self, word: str) -> int | None:
        """The place of a normalized word among all by frequency, the rare ones last; None where it is none of them."""
        found = self._token_id(word)
        return self._rare_ranks.get(word) if found is None else found

    @cached_property
    def _rare_ranks(self) -> dict[str, int]:
        words = self._pipeline.normalize_all(self._rare)
        return {word: rank for rank, word in enumerate(words, len(self._pipeline.ids))}
