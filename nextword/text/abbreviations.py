"""Words whose full stop ends no sentence: titles, what is abbreviated everywhere, and what a text abbreviates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from nextword.text.vocabulary import END, MAX_NEW_WORD_LENGTH, FormCounts

MAX_ABBREVIATIONS = 1_000  # learned from a text
MIN_SCORE = 0.3  # Kiss and Strunk's threshold
_GOES_ON = frozenset(",;:)")  # what a sentence goes on with after an abbreviation


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
    "bijv tzn itd itp tzw bl стр ул обл",  # Dutch, Polish, Swedish, Russian
)
# Words in some languages or books and abbreviations in others: they are the latter until a text shows otherwise.
AMBIGUOUS = _listed("fig figs vol nos ed ave chap jan mar avr jun jul sep dec cap resp", "art co np ul ex им рис")


Read = Callable[[], Iterable[NDArray[np.int32]]]  # the numbers of a text's forms, from its beginning


def learn_abbreviations(read: Read, counts: FormCounts) -> list[str]:
    """What a text abbreviates, in alphabetical order; of `AMBIGUOUS`, what it does not use as words.

    Kiss and Strunk 2006, "Unsupervised Multilingual Sentence Boundary Detection": a word that nearly always has a full
    stop, the shorter the better. A word that often ends sentences passes that test, too, where a text is small, so what
    follows the full stop has its say.

    Args:
        read: Reads the text, whose numbers `counts` gave; called twice.
        counts: The whole text counted.
    """
    stopped = _stopped(read, counts)
    candidates = {word: number for word, number in stopped.items() if word in AMBIGUOUS or number}
    went_on = _went_on(read, counts, set(candidates))
    known = {word for word in AMBIGUOUS if went_on[word] >= 0 and (word in stopped or not counts.has(word))}
    learned = [word for word in candidates if went_on[word] > 0 and word not in AMBIGUOUS]
    often = sorted(learned, key=lambda word: (-candidates[word], word))
    return sorted([*known, *often[: MAX_ABBREVIATIONS - len(known)]])


def _stopped(read: Read, counts: FormCounts) -> dict[str, int]:
    """How often a full stop follows the words that it follows; 0 where too seldom for an abbreviation."""
    table = np.zeros(len(counts.times), np.int64)
    for before, _ in _around_stops(read, counts):
        table += np.bincount(before, minlength=len(table))
    words = {word for word, _, number in counts.forms() if table[number]}
    times: Counter[str] = Counter()
    stopped: Counter[str] = Counter()
    for word, _, number in counts.forms():
        if word in words:
            times[word] += int(counts.times[number])
            stopped[word] += int(table[number])
    share = int(table.sum()) / max(1, counts.tokens)
    return {word: number * _looks_abbreviated(word, times[word], number, share) for word, number in stopped.items()}


def _looks_abbreviated(word: str, count: int, stopped: int, share: float) -> bool:
    """Whether a word may be an abbreviation that is not known everywhere, by how often it has a full stop."""
    letters = word.replace(".", "")
    may_be = len(letters) > 1 and len(word) <= MAX_NEW_WORD_LENGTH and letters.isalpha()
    if not may_be or word in TITLES or word in ABBREVIATIONS:
        return False
    return abbreviation_score(word, count, stopped, share) >= MIN_SCORE


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


def _went_on(read: Read, counts: FormCounts, words: set[str]) -> Counter[str]:
    """How much oftener a sentence went on after some words with a full stop than it ended there.

    It went on where a small letter, a number or a comma follows; it ended where the paragraph does, or where a word
    has a capital that it does not always have. Other capitals may be names'.
    """
    numbers = {number: word for word, _, number in counts.forms() if word in words}
    wanted = np.zeros(len(counts.times), bool)
    wanted[list(numbers)] = True
    pairs: Counter[tuple[int, int]] = Counter()
    for before, after in _around_stops(read, counts):
        here = wanted[before]
        pairs.update(zip(before[here].tolist(), after[here].tolist(), strict=True))
    followers = {after for _, after in pairs}
    signs = {number: _sign(word, form, counts) for word, form, number in counts.forms() if number in followers}
    went_on: Counter[str] = Counter()
    for (number, follower), times in pairs.items():
        went_on[numbers[number]] += times * signs.get(follower, 0)
    return went_on


def _sign(word: str, form: str, counts: FormCounts) -> int:
    """What a form says about the full stop before it: 1, the sentence goes on; -1, it has ended; 0, nothing."""
    if form[:1].islower() or form[:1].isdigit() or word in _GOES_ON:
        return 1
    return -1 if word == END or (form != word and counts.has(word)) else 0


def _around_stops(read: Read, counts: FormCounts) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """The numbers before and after the full stops of a text, which have something on both sides."""
    stop = next((number for word, _, number in counts.forms() if word == "."), -1)
    kept: NDArray[np.int32] = np.empty(0, np.int32)
    for chunk in read():
        numbers = np.concatenate([kept, chunk])
        places = np.flatnonzero(numbers[1:-1] == stop) + 1
        yield numbers[places - 1], numbers[places + 1]
        kept = numbers[-2:]
