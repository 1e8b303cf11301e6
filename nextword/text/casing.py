"""How words are usually written ("Paris", "I", "McDonald"), learned from where they stand in sentences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextword.text.sentences import SentenceStarts
from nextword.text.vocabulary import UNKNOWN_ID, FormCounts


def capitalized(form: str) -> str:
    """`form` with a capital first letter, the others as they are."""
    return form[:1].upper() + form[1:]


class FormsByPlace:
    """How often every form stands inside sentences, where a capital is a choice, and at their start, where it is none.

    Args:
        words: The vocabulary.
        forms: How many numbers of forms there are.
    """

    def __init__(self, words: list[str], forms: int) -> None:
        self._words = words
        self._starts = SentenceStarts(words)
        self._inside: NDArray[np.int64] = np.zeros(forms, np.int64)
        self._opening: NDArray[np.int64] = np.zeros(forms, np.int64)

    def count(self, numbers: NDArray[np.int32], ids: NDArray[np.int32]) -> None:
        """Count the next chunk of the text: (N,) numbers of forms, and the ids of their words."""
        at_start, known = self._starts(ids), ids != UNKNOWN_ID
        self._opening += np.bincount(numbers[at_start & known], minlength=len(self._opening))
        self._inside += np.bincount(numbers[~at_start & known], minlength=len(self._inside))

    def most_frequent(self, counts: FormCounts) -> dict[str, str]:
        """Normalized word to its most frequent form, where that is not the word itself."""
        best: dict[str, tuple[bool, int, str]] = dict.fromkeys(self._words, (False, 0, ""))
        inside, opening = self._inside.tolist(), self._opening.tolist()
        for word, form, number in counts.forms():
            if word in best and inside[number]:
                best[word] = max(best[word], (True, inside[number], form))
            # Met at sentence starts alone, a word's first capital says nothing; "McDonald" or "NASA" still does.
            if word in best and opening[number]:
                best[word] = max(best[word], (False, opening[number], form))
        return {
            word: form
            for word, (chosen, _, form) in best.items()
            if form and form != word and (chosen or form[1:] != word[1:])
        }
