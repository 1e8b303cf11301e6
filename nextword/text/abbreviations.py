"""Words whose full stop ends no sentence: titles, what is abbreviated everywhere, and what a text abbreviates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.text.vocabulary import END, MAX_NEW_WORD_LENGTH, FormCounts

MAX_ABBREVIATIONS = 1_000  # learned from a text
MIN_SCORE = 0.3  # Kiss and Strunk's threshold


def _listed(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# Before a name, so that no sentence ends with them. English, German, French, Spanish, Italian.
TITLES = _listed(
    "mr mrs ms mx dr drs prof st ste rev capt cpt col gen sgt lt maj cmdr hon gov sen rep pres supt messrs vs jr sr",
    "hr hrn fr frl dipl ing priv mlle mme mgr sra sres srta srtas dra dña lic gral mons rvdo sig sigg dott avv geom",
)
# No words but abbreviations; a sentence may end with some of them.
ABBREVIATIONS = _listed(
    "approx etc viz ca cf al ibid incl excl esp ext dept tel govt assn natl univ blvd hwy rd pp vols eds edn repr ph",
    "feb apr aug sept oct nov thurs tues inc ltd corp bros",
    "usw bzw evtl ggf inkl exkl zzgl bzgl vgl bspw sog geb gest nr str abb bd kap jh jhd chr mio mrd std sek hrsg aufl",
    "okt dez mrz allg eigtl einschl mm av env éd janv févr juil déc tél",
    "ud uds vd vds pág págs núm ej aprox tfno avda ctra cía admón gob ee uu ene abr dic dto depto",
    "ecc pag pagg cfr febbr ott tav",
)
# Words in some languages or books and abbreviations in others: they are the latter until a text shows otherwise.
AMBIGUOUS = _listed("fig figs vol nos ed ave chap jan mar avr jun jul sep dec cap resp")


class _Habits(NamedTuple):
    """How a word stands in a text."""

    times: int
    stopped: int  # of them before a full stop
    inside: int  # of those where the sentence went on: with a small letter, a number, a comma
    closing: int  # of those where it ended: a paragraph ended, too, or a word begins that needs no capital


def learn_abbreviations(chunks: Iterable[NDArray[np.int32]], counts: FormCounts) -> list[str]:
    """What a text abbreviates, in alphabetical order; of `AMBIGUOUS`, what it does not use as words.

    Kiss and Strunk 2006, "Unsupervised Multilingual Sentence Boundary Detection": a word that nearly always has a full
    stop, the shorter the better. A word that often ends sentences passes that test, too, where a text is small, so what
    follows the full stop has its say.

    Args:
        chunks: The numbers of the text's forms, from its beginning, which `counts` gave.
        counts: The whole text counted.
    """
    habits = _habits(chunks, counts)
    share = sum(habit.stopped for habit in habits.values()) / max(1, counts.tokens)
    learned = {word for word, habit in habits.items() if _is_abbreviated(word, habit, share)} - TITLES - ABBREVIATIONS
    known = {word for word in AMBIGUOUS if word not in habits or habits[word].closing <= habits[word].inside}
    often = sorted(learned - AMBIGUOUS, key=lambda word: (-habits[word].stopped, word))
    return sorted([*known, *often[: MAX_ABBREVIATIONS - len(known)]])


def _is_abbreviated(word: str, habit: _Habits, share: float) -> bool:
    """Whether a text shows that a word is an abbreviation."""
    letters = word.replace(".", "")
    if not (len(letters) > 1 and len(word) <= MAX_NEW_WORD_LENGTH and letters.isalpha()):
        return False
    return habit.inside > habit.closing and abbreviation_score(word, habit.times, habit.stopped, share) >= MIN_SCORE


def abbreviation_score(word: str, count: int, stopped: int, share: float) -> float:
    """How much speaks for a word being an abbreviation (Kiss and Strunk 2006); 0.3 is enough.

    Twice the logarithm of the likelihood ratio of two beliefs, that 99 % of the word's places are before a full stop or
    as many as of all words; times the number of full stops in it; and made smaller by its length and by every place
    without a full stop.

    Args:
        word: Without its last full stop.
        count: How often it stands in the text.
        stopped: How often a full stop follows it.
        share: What share of all tokens is followed by a full stop.
    """
    bare, letters = count - stopped, len(word.replace(".", ""))
    share = min(max(share, 1e-9), 1 - 1e-9)
    likelihood = 2 * (stopped * math.log(0.99 / share) + bare * math.log(0.01 / (1 - share)))
    return likelihood * (word.count(".") + 1) * math.exp(-letters - bare * math.log(letters))


def _habits(chunks: Iterable[NDArray[np.int32]], counts: FormCounts) -> dict[str, _Habits]:
    """The habits of all words that a full stop follows somewhere."""
    forms, times = list(counts.forms()), counts.times
    stop = next((number for word, _, number in forms if word == "."), -1)
    follows = _what_follows(forms, len(times))
    table = np.zeros(3 * len(times), np.int64)
    before: NDArray[np.int32] = np.empty(0, np.int32)
    for chunk in chunks:
        numbers = np.concatenate([before, chunk])
        places = np.flatnonzero(numbers[1:-1] == stop) + 1
        table += np.bincount(3 * numbers[places - 1] + follows[numbers[places + 1]], minlength=len(table))
        before = numbers[-2:]
    stopped = table.reshape(-1, 3)
    totals: dict[str, _Habits] = {}
    seen = {word for word, _, number in forms if stopped[number].any()}
    for word, _, number in forms:
        if word in seen:
            count, all_stops = int(times[number]), stopped[number].tolist()
            new = (count, sum(all_stops), all_stops[_INSIDE], all_stops[_CLOSING])
            totals[word] = _Habits(*map(sum, zip(totals.get(word, (0, 0, 0, 0)), new, strict=True)))
    return totals


_UNCLEAR, _INSIDE, _CLOSING = range(3)
_GOES_ON = frozenset(",;:)")


def _what_follows(forms: list[tuple[str, str, int]], size: int) -> NDArray[np.int64]:
    """(size,) what a form says, by its number, about the full stop before it.

    A capital says that a sentence ended where the word is written without one elsewhere; else it may be a name's.
    """
    small = {word for word, form, _ in forms if form[:1].islower()}
    follows = np.full(size, _UNCLEAR, np.int64)
    for word, form, number in forms:
        if form[:1].islower() or form[:1].isdigit() or word in _GOES_ON:
            follows[number] = _INSIDE
        elif word == END or word in small:
            follows[number] = _CLOSING
    return follows
