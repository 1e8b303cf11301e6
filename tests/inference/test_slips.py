"""Letters as evidence: whatever words there are, those one slip away are found, as trying every slip finds them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.alphabet import PrefixIndex
from nextword.inference.slips import meant

WORDS = st.lists(st.text("abz", min_size=1, max_size=6), min_size=1, max_size=20, unique=True).map(sorted)
LETTERS = st.text("abz", min_size=3, max_size=5)


def one_slip_away(letters: str, alphabet: str) -> set[str]:
    """Every beginning that becomes `letters` by one slip."""
    found = set()
    for place in range(len(letters)):
        head, rest = letters[:place], letters[place:]
        found |= {head + rest[1:], head + rest[1:2] + rest[:1] + rest[2:]}
        found |= {head + letter + rest[1:] for letter in alphabet} | {head + letter + rest for letter in alphabet}
    return found


@given(words=WORDS, letters=LETTERS)
def test_the_words_one_slip_away_are_those_that_trying_every_slip_finds(words: list[str], letters: str) -> None:
    ids, likelihoods = PrefixIndex(words, range(len(words))).meant_by(letters)
    beginnings = tuple(one_slip_away(letters, "abz"))
    expected = [word for word in words if word.startswith(beginnings) and not word.startswith(letters)]
    assert [words[index] for index in ids] == expected
    assert all(0 < likelihood < 0.02 for likelihood in likelihoods)


@given(words=WORDS, letters=LETTERS)
def test_two_slips_find_what_one_slip_finds_and_are_less_likely(words: list[str], letters: str) -> None:
    index = PrefixIndex(words, range(len(words)))
    one = dict(zip(*(array.tolist() for array in index.meant_by(letters)), strict=True))
    two = dict(zip(*(array.tolist() for array in index.meant_by(letters, max_slips=2)), strict=True))
    assert two.items() >= one.items()
    assert all(two[number] < 2e-4 for number in two.keys() - one.keys())


def test_likely_slips_weigh_more_than_unlikely_ones() -> None:
    def likelihood(word: str, letters: str) -> float:
        return max(p for beginning, p in meant(letters, lambda _: "abcdefghijklmnopqrstuvwxyz") if beginning == word)

    assert likelihood("store", "atore") > likelihood("store", "ptore")  # a is beside s, p is not
    assert likelihood("separate", "seperate") > likelihood("separate", "sepkrate")  # one vowel for another
    assert likelihood("happy", "hapy") > likelihood("happy", "hlppy")
    assert likelihood("the", "teh") > likelihood("the", "thx")
