"""Letters that are evidence: which beginnings of words they may stand for, and how likely they are typed for those.

The noisy channel of Kernighan, Church and Gale (1990, "A spelling correction program based on a noisy channel model"):
a word weighs what it is expected with, times the probability that somebody who means it types these letters. One slip
is allowed for: a wrong letter, one left out or put in, or two swapped, which are four errors of five (Damerau 1964);
two, where hardly a word of the vocabulary is one slip away.
The probabilities are of that many slips in a hundred letters, shared out evenly among the letters that it may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

MIN_LETTERS = 3  # with fewer, most words are one slip away
MIN_LETTERS_FOR_TWO = 5
FEW_WORDS = 3  # with fewer that are one slip away, those two away are looked for
LEFT_OUT_MARKS = 0.1  # probability that apostrophes and accents are left out: a habit, where a slip is an accident

_SLIPS = 0.05  # share of the letters typed
_SWAPPED = 0.15 * _SLIPS
_LEFT_OUT = 0.2 * _SLIPS
_DOUBLED = 0.1 * _SLIPS  # the letter before it once more, or the one that should be doubled once only
_NEIGHBOR = 0.35 * _SLIPS / 5  # each of some five keys around the right one
_VOWEL = 0.1 * _SLIPS / 5  # of those who do not know how it is spelled
_OTHER = 0.1 * _SLIPS / 25

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # each half a key further to the right than the one above
_VOWELS = frozenset("aeiouy")


def _keyboard() -> dict[str, frozenset[str]]:
    """The letters around every letter; on other keyboards most are the same."""
    places = {letter: (row, 2 * column + row) for row, keys in enumerate(_ROWS) for column, letter in enumerate(keys)}
    return {
        one: frozenset(
            other for other, (y, x) in places.items() if other != one and abs(y - row) <= 1 and abs(x - column) <= 2
        )
        for one, (row, column) in places.items()
    }


NEIGHBORS = _keyboard()  # of every letter, those around it


def _wrong(meant: str, typed: str) -> float:
    """Probability that the letter `meant` is typed as `typed`."""
    if typed in NEIGHBORS.get(meant, ()):
        return _NEIGHBOR
    return _VOWEL if meant in _VOWELS and typed in _VOWELS else _OTHER


def meant(
    letters: str, following: Callable[[str], Iterable[str]], slips: int = 1, begin: int = 0
) -> Iterator[tuple[str, float]]:
    """The beginnings of words that are one slip from the letters typed, or up to `slips`, and their probabilities.

    Args:
        letters: Normalized.
        following: The letters that follow a beginning; none where no word has it.
        slips: How many there may be.
        begin: How many of the letters have none.

    Yields:
        The beginning, and how likely somebody who means it types `letters`; the same one may come again.
    """
    for place in range(begin, len(letters)):
        follow = following(letters[:place])
        for meant_letters, probability, end in _slips_at(letters, place, follow):
            yield meant_letters, probability
            if slips > 1:
                for more, another in meant(meant_letters, following, slips - 1, end):
                    yield more, probability * another
        if not follow:
            return


def _slips_at(letters: str, place: int, follow: Iterable[str]) -> Iterator[tuple[str, float, int]]:
    """What may be meant where the slip is at `place`, its probability, and where the letters after it begin."""
    head, before, typed, rest = letters[:place], letters[place - 1 : place], letters[place], letters[place + 1 :]
    for letter in follow:
        if letter != typed:
            yield head + letter + rest, _wrong(letter, typed), place + 1
            yield head + letter + typed + rest, _DOUBLED if letter == before else _LEFT_OUT, place + 1
    if typed == before:
        yield head + rest, _DOUBLED, place
    else:
        yield head + rest, max(_wrong(before, typed), _wrong(rest[:1], typed)), place
    if rest and rest[0] != typed:
        yield head + rest[0] + typed + rest[1:], _SWAPPED, place + 2
