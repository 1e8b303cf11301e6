"""The new words of a session: their numbers, and how they are looked up by their letters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.alphabet import beginnings, is_spelled_like
from nextword.inference.lexicon import Lexicon
from nextword.inference.word_index import NewWord

words = st.lists(st.text("aábßsσς'é", min_size=1, max_size=5), max_size=20)


def test_a_word_keeps_its_first_number_and_its_first_form() -> None:
    lexicon = Lexicon([NewWord("zoltan", "Zoltan")])
    assert [lexicon.add(NewWord(word, form)) for word, form in (("zzz", "zzz"), ("zoltan", "ZOLTAN"))] == [1, 0]
    assert list(lexicon) == [NewWord("zoltan", "Zoltan"), NewWord("zzz", "zzz")]
    assert (lexicon.number("zzz"), lexicon.number("other")) == (1, None)


@given(words=words, letters=st.text("aábßsσς'é", max_size=3))
def test_words_are_found_by_their_letters_as_by_looking_at_each(words: list[str], letters: str) -> None:
    lexicon = Lexicon(NewWord(word, word) for word in words)
    begin_so = {number for number, new in enumerate(lexicon) if new.word.startswith(beginnings(letters))}
    alike = {number for number, new in enumerate(lexicon) if is_spelled_like(new.word, letters)}
    assert set(lexicon.starting_with(letters)) == begin_so
    forgiven = set(lexicon.forgiven(letters).ids.tolist())
    assert (forgiven >= alike) if len(letters) > 2 else (forgiven == alike)
