"""How words are usually written ("Paris", "I", "McDonald"), learned from where they stand in sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Sequence

import numpy as np
from numpy.typing import NDArray

from nextword.text.sentences import SentenceStarts, kind_of
from nextword.text.vocabulary import UNKNOWN_ID, FormCounts

_DOTTED_CAPITAL = "İ"  # of i in Turkish
_BEFORE_ELISION = re.compile("[^'-]*")


def capitalized(form: str) -> str:
    """`form` with a capital first letter, the others as they are; Georgian has capitals for whole words only."""
    return form[:1].title() + form[1:]


def _dotted(form: str) -> str:
    """`form` with the Turkish capital in the place of every i, so that other letters alone need capitals."""
    return form.replace("i", _DOTTED_CAPITAL)


def capitalized_at_start(form: str) -> str:
    """`form` as it opens a sentence: with a capital, but "iPhone" and "eBay" as they are ("l'Italie" begins with L)."""
    found = _BEFORE_ELISION.match(form)
    first = found.group() if found else ""
    return form if first[:1].islower() and first != first.lower() else capitalized(form)


def capitalized_like(prefix: str, form: str) -> str:
    """`form` with a capital where `prefix` begins with one, in capitals where all of its letters are, if it has two.

    Letters typed as the form has them change nothing: "NA" may become "NASA's". Where those have a Turkish İ, or the
    form begins with one, that is the capital of i.
    """
    prefix = unicodedata.normalize("NFC", prefix)
    if not prefix[:1].isupper() or form.startswith(prefix):
        return form
    turkish = _DOTTED_CAPITAL in prefix or form.startswith(_DOTTED_CAPITAL)
    if prefix.isupper() and sum(map(str.isalpha, prefix)) > 1:
        return (_dotted(form) if turkish else form).upper()
    return capitalized(_dotted(form[:1]) + form[1:] if turkish else form)


def rest_of(word: str, letters: str, normalize: Callable[[str], str]) -> str | None:
    """What of a word, as it is written, follows the letters typed; None where it does not begin with them.

    The letters may have other capitals, and apostrophes and accents that only count as the word's.

    Args:
        word: A word.
        letters: What is typed of it.
        normalize: Makes the same of what counts as the same.
    """
    length = len(letters)
    if word.startswith(letters) or (letters.isascii() and word[:length].lower() == letters.lower()):
        return word[length:]
    begin = normalize(letters)
    lengths = (len(begin), *range(len(begin)), *range(len(begin) + 1, len(word) + 1))
    return next((word[length:] for length in lengths if normalize(word[:length]) == begin), None)


class FormsByPlace:
    """How often every form stands inside sentences, where a capital is a choice, and at their start, where it is none.

    Args:
        words: The vocabulary.
        counts: The forms of the text by number.
        abbreviations: Words whose full stop ends no sentence.
    """

    def __init__(self, words: Sequence[str], counts: FormCounts, abbreviations: Container[str]) -> None:
        self._words = words
        size = len(counts.times)
        kinds, self._capital = np.zeros(size, np.int8), np.zeros(size, bool)
        for word, form, number in counts.forms():
            kinds[number] = kind_of(word, abbreviations)
            self._capital[number] = form[:1].isupper()
        self._starts = SentenceStarts(kinds)
        self._inside: NDArray[np.int64] = np.zeros(size, np.int64)
        self._opening: NDArray[np.int64] = np.zeros(size, np.int64)

    def count(self, numbers: NDArray[np.int32], ids: NDArray[np.int32]) -> None:
        """Count the next chunk of the text: (N,) numbers of forms, and the ids of their words.

        Where a sentence may start or not, a capital is taken for that of a start.
        """
        at_start, unclear = self._starts(numbers)
        opening, known = at_start | (unclear & self._capital[numbers]), ids != UNKNOWN_ID
        self._opening += np.bincount(numbers[opening & known], minlength=len(self._opening))
        self._inside += np.bincount(numbers[~opening & known], minlength=len(self._inside))

    def most_frequent(self, counts: FormCounts) -> dict[str, str]:
        """Normalized word to its most frequent form, where that is not the word itself."""
        best: dict[str, tuple[bool, int, str]] = dict.fromkeys(self._words, (False, 0, ""))
        inside, opening = self._inside.tolist(), self._opening.tolist()
        for word, form, number in counts.forms():
            if word in best and inside[number]:
                best[word] = max(best[word], (True, inside[number], form))
            # Met at sentence starts alone, a word's first capital says nothing; "McDonald" or "NASA" still does, and
            # "İstanbul'da": a Turkish apostrophe follows names alone.
            if word in best and opening[number]:
                best[word] = max(best[word], (False, opening[number], form))
        return {
            word: form
            for word, (chosen, _, form) in best.items()
            if form
            and form != word
            and (chosen or form[1:] != word[1:] or (form[0] == _DOTTED_CAPITAL and "'" in form))
        }
