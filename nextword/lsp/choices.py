"""The phrase worth showing in gray behind the cursor."""

from __future__ import annotations

from nextword.inference.outlook import Outlook, Prediction

_PHRASE_WORDS = (3, 1)  # how long a phrase may be, the longest that is sure enough
_MIN_PROBABILITY = 0.2  # of a phrase that is worth showing


def phrase(outlook: Outlook, letters: str) -> Prediction | None:
    """The phrase that is worth showing; None where none is sure enough."""
    for length in _PHRASE_WORDS:
        found = outlook.phrases(length, k=1, prefix=letters)
        if found and found[0].probability >= _MIN_PROBABILITY:
            return found[0]
    return None
