"""Words, ids and back: what is one word, what is `<eos>`, how words are written again."""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextword.text.detokenizer import detokenize
from nextword.text.pipeline import SURROGATE
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END, END_ID, UNKNOWN, UNKNOWN_ID, WordTokenizer

TEXT = """\
Anna said that I don't know Paris. Then Anna and I met Mr. McDonald near the old house in Paris.
My mother-in-law paid 1,000 at 10:30 (or 3.14) for the old house. The house is old.

"Where is the cafe?" asked Anna. "The cafe -- it is in Paris," said Mr. McDonald, and I left... The end!
He wrote, "Where is the house?" and left; a café is no cafe.
"""


@pytest.fixture(scope="module")
def words() -> WordTokenizer:
    return WordTokenizer.train([TEXT], min_count=1)


def tokens(tokenizer: WordTokenizer, text: str) -> list[str]:
    return [tokenizer.words[token] for token in tokenizer.encode(text).ids]


@pytest.mark.parametrize("word", ["don't", "mother-in-law", "1,000", "10:30", "3.14"])
def test_a_word_with_inner_marks_stays_whole(words: WordTokenizer, word: str) -> None:
    assert tokens(words, f"the {word}, the") == ["the", word, ",", "the"]


def test_every_punctuation_mark_is_a_token_but_dots_and_dashes_in_a_row_are_one(words: WordTokenizer) -> None:
    assert tokens(words, '"(the)... -- the!') == ['"', "(", "the", ")", "...", "--", "the", "!"]


@pytest.mark.parametrize(
    ("fancy", "plain"),
    [
        ("I don\u2019t know", "I don't know"),
        ("\u201cWhere\u201d \u00abthe\u00bb", '"Where" "the"'),
        ("house\u2014old", "house -- old"),
        ("mother\u2010in\u2011law", "mother-in-law"),
        ("left\u2026", "left..."),
        ("cafe\u0301", "café"),
        ("Pa\u00adris", "Paris"),
    ],
)
def test_typographic_spellings_are_the_same_words(words: WordTokenizer, fancy: str, plain: str) -> None:
    assert words.encode(fancy) == words.encode(plain)
    assert not words.encode(fancy).unknown


def test_hard_wrapped_lines_are_joined(words: WordTokenizer) -> None:
    assert words.encode("the old\nhouse\nin Paris").ids == words.encode("the old house in Paris").ids


def test_a_blank_line_ends_a_paragraph_and_several_end_it_once(words: WordTokenizer) -> None:
    assert tokens(words, "the old\n\nhouse\n \t\n\n\nin") == ["the", "old", END, "house", END, "in"]


def test_the_end_of_a_typed_text_ends_nothing(words: WordTokenizer) -> None:
    assert tokens(words, "the old house\n") == ["the", "old", "house"]


def test_every_paragraph_of_a_document_ends_with_eos(words: WordTokenizer) -> None:
    ids = [int(token) for chunk in words.encode_documents(["\n\nthe old\nhouse\n\n\nin\n", "Paris", " \n"])
           for token in chunk]  # fmt: skip
    assert [words.words[token] for token in ids] == ["the", "old", "house", END, "in", END, "paris", END]


def test_upper_and_lower_case_are_one_word_unless_cased(words: WordTokenizer) -> None:
    assert words.encode("THE Old").ids == words.encode("the old").ids
    cased = WordTokenizer.train([TEXT], min_count=1, cased=True)
    assert tokens(cased, "The the") == ["The", "the"]
    assert cased.encode("THE").ids == [UNKNOWN_ID]
    assert cased.surface(cased.encode("the").ids[0], at_start=True) == "the"


def test_words_are_shown_as_they_are_usually_written(words: WordTokenizer) -> None:
    shown = {word: words.surface(words.words.index(word)) for word in ("paris", "i", "mcdonald", "anna", "the", "my")}
    assert shown == {"paris": "Paris", "i": "I", "mcdonald": "McDonald", "anna": "Anna", "the": "the", "my": "my"}
    assert words.surface(words.words.index("the"), at_start=True) == "The"
    assert words.surface(words.words.index("mcdonald"), at_start=True) == "McDonald"


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", True),
        ("the", False),
        ("the end.", True),
        ("the end!", True),
        ("where?", True),
        ("left...", True),
        ("Mr.", False),
        ("J.", False),
        ("and I.", True),
        ("the,", False),
        ('"', True),
        ('He said, "', True),
        ('He said, "the end."', True),
        ('"Where?"', False),
        ("the end. (", True),
        ("the (", False),
        ("the\n\n", True),
    ],
)
def test_a_capital_stands_where_a_sentence_or_a_quotation_opens(text: str, starts: bool) -> None:
    tokenizer = WordTokenizer.train([TEXT + "He said J."], min_count=1)
    position = SentencePosition()
    for token in tokens(tokenizer, text):
        position = position.after(token)
    assert position.at_start is starts


def test_detokenize_gives_ordinary_writing_back(words: WordTokenizer) -> None:
    text = (
        'Anna said, "The house is old." Then Mr. McDonald left... The house (in Paris) is old; I don\'t know!\n\n'
        '"Where is the end?" asked Anna.'
    )
    assert detokenize(words, words.encode(text).ids) == text


@given(st.data())
def test_text_made_of_words_is_read_back_as_the_same_ids(words: WordTokenizer, data: st.DataObject) -> None:
    word_ids = [token for token in range(END_ID + 1, len(words)) if words.is_word(words.words[token])]
    paragraphs = data.draw(st.lists(st.lists(st.sampled_from(word_ids), min_size=1), max_size=4))
    ids = [token for paragraph in paragraphs for token in [*paragraph, END_ID]]
    assert words.encode(detokenize(words, ids)).ids == ids


def test_unknown_words_are_named_as_they_were_typed_each_once(words: WordTokenizer) -> None:
    encoded = words.encode("the Zebra and the Zebra met Qu\u2019x in Paris")
    assert encoded.unknown == ["Zebra", "Qu\u2019x"]
    assert encoded.ids.count(UNKNOWN_ID) == 3


@pytest.mark.parametrize("special", [END, UNKNOWN])
def test_a_special_token_typed_in_ordinary_text_is_text_like_any_other(words: WordTokenizer, special: str) -> None:
    encoded = words.encode(f"the {special} house")
    assert END_ID not in encoded.ids
    assert len(encoded.ids) == 5
    assert encoded.unknown == ["<", special[1:-1], ">"]
    trained = WordTokenizer.train([f"the {special} house {special}"], min_count=1)
    assert tokens(trained, special) == ["<", special[1:-1], ">"]


def test_only_words_are_words(words: WordTokenizer) -> None:
    assert [words.is_word(token) for token in ("the", "1,000", "don't", "é")] == [True] * 4
    assert [words.is_word(token) for token in (UNKNOWN, END, ".", "--", '"')] == [False] * 5


def test_the_vocabulary_runs_from_the_most_frequent_word_and_keeps_to_its_limits() -> None:
    text = "a a a a b b b c c d"
    assert WordTokenizer.train([text], min_count=1).words == [UNKNOWN, END, "a", "b", "c", "d"]
    assert WordTokenizer.train([text], min_count=2).words == [UNKNOWN, END, "a", "b", "c"]
    limited = WordTokenizer.train([text], min_count=1, vocab_size=4)
    assert limited.words == [UNKNOWN, END, "a", "b"]
    assert len(limited) == 4


def test_training_twice_gives_the_same_tokenizer() -> None:
    assert WordTokenizer.train([TEXT]).to_json() == WordTokenizer.train([TEXT]).to_json()


# -- whitespace ------------------------------------------------------------------------------------------------------

BENCHMARK = "the Cat sat\n\n<unk> sat on N\n"


@pytest.fixture(scope="module")
def whitespace() -> WordTokenizer:
    return WordTokenizer.train([BENCHMARK], scheme="whitespace", min_count=1)


def test_whitespace_ends_every_line_with_eos_blank_lines_too(whitespace: WordTokenizer) -> None:
    ids = [int(token) for chunk in whitespace.encode_documents([BENCHMARK]) for token in chunk]
    expected = ["the", "Cat", "sat", END, END, UNKNOWN, "sat", "on", "N", END]
    assert [whitespace.words[token] for token in ids] == expected


def test_whitespace_reads_unk_in_the_text_as_the_unknown_word(whitespace: WordTokenizer) -> None:
    assert whitespace.encode("the <unk> sat").ids[1] == UNKNOWN_ID
    assert whitespace.words.count(UNKNOWN) == 1


def test_whitespace_keeps_case_and_punctuation_as_they_are(whitespace: WordTokenizer) -> None:
    assert whitespace.encode("the Cat").unknown == []
    assert whitespace.encode("The cat sat, don\u2019t").unknown == ["The", "cat", "sat,", "don\u2019t"]
    cat = whitespace.words.index("Cat")
    assert whitespace.surface(whitespace.words.index("the"), at_start=True) == "the"
    assert whitespace.surface(cat) == "Cat"


def test_whitespace_typed_lines_and_detokenized_lines_agree(whitespace: WordTokenizer) -> None:
    text = "the Cat sat\n\nsat on N\n"
    assert detokenize(whitespace, whitespace.encode(text).ids) == text


# -- both ------------------------------------------------------------------------------------------------------------

any_text = st.text(st.characters(), max_size=60)  # lone surrogates among them


@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(text=any_text)
def test_no_text_at_all_makes_encode_fail(
    words: WordTokenizer, whitespace: WordTokenizer, scheme: str, text: str
) -> None:
    tokenizer = words if scheme == "words" else whitespace
    encoded = tokenizer.encode(text)
    assert all(0 <= token < len(tokenizer) for token in encoded.ids)
    assert bool(encoded.unknown_words) == (UNKNOWN_ID in encoded.ids)


def test_a_lone_surrogate_is_an_unknown_mark_and_not_a_question(words: WordTokenizer) -> None:
    assert tokens(words, "the \ud800 house") == ["the", UNKNOWN, "house"]


in_one_line = st.text(
    st.one_of(st.sampled_from(" aA'-.,:1\u2019\u0301\u00ad\u200b"), st.characters(exclude_characters="\n")), max_size=30
)


@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(pieces=st.lists(in_one_line, max_size=5))
def test_pieces_split_at_spaces_give_the_ids_of_the_whole(
    words: WordTokenizer, whitespace: WordTokenizer, scheme: str, pieces: list[str]
) -> None:
    tokenizer = words if scheme == "words" else whitespace
    together = tokenizer.encode(" ".join(pieces)).ids
    assert [token for piece in pieces for token in tokenizer.encode(piece).ids] == together


@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(text=any_text)
def test_a_tokenizer_survives_json(words: WordTokenizer, whitespace: WordTokenizer, scheme: str, text: str) -> None:
    tokenizer = words if scheme == "words" else whitespace
    again = WordTokenizer.from_json(*map(json.loads, tokenizer.to_json()))
    assert again.words == tokenizer.words
    assert again.encode(text) == tokenizer.encode(text)
    assert again.to_json() == tokenizer.to_json()
    ids = tokenizer.encode(TEXT).ids
    assert detokenize(again, ids) == detokenize(tokenizer, ids)


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("damaged", ["", {}, [], None, {"model": []}, {"scheme": "words"}])
def test_damaged_json_is_a_value_error(words: WordTokenizer, part: int, damaged: Any) -> None:
    values = [json.loads(text) for text in words.to_json()]
    values[part] = damaged
    with pytest.raises(ValueError, match="not a tokenizer"):
        WordTokenizer.from_json(*values)


# -- half a word -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("complete", "letters"),
    [
        ("", ""),
        ("", "The"),
        ("the ", "wea"),
        ("the wea ", ""),
        ("the wea\n", ""),
        ("the end.", ""),
        ("the (", "hou"),
        ('He said, "', "the"),
        ("I ", "don'"),
        ("I ", "don\u2019t"),
        ("my ", "mother-in-"),
        ("well--", "the"),
        ("well--", ""),
        ("'", "tis"),
        ("''", ""),
        ("it is 3.", ""),
        ("it is ", "3.1"),
        ("at ", "10:3"),
        ("a ", "cafe\u0301"),
        ("\u0301", "a"),
        ("in ", "Pa\u00adri"),
        ("the\u00a0", "hou"),
        ("the\ud800", "hou"),
        ("wait\u2026", ""),
    ],
)
def test_the_letters_at_the_end_are_the_word_being_typed(words: WordTokenizer, complete: str, letters: str) -> None:
    assert words.split_unfinished(complete + letters) == (complete, letters)


def test_in_whitespace_all_that_follows_the_last_space_is_being_typed(whitespace: WordTokenizer) -> None:
    assert whitespace.split_unfinished("the Ca.t") == ("the ", "Ca.t")
    assert whitespace.split_unfinished("the\n") == ("the\n", "")
    assert whitespace.split_unfinished("a\x1fb") == ("", "a\x1fb")


typed = st.text(
    st.sampled_from("abA1 .,:'-\n\"(\u2019\u2014\u2026\u0301\u00ad\u4e94\u00b2") | st.characters(), max_size=12
)


@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(text=typed)
def test_another_letter_belongs_to_the_unfinished_word_and_changes_nothing_before_it(
    words: WordTokenizer, whitespace: WordTokenizer, scheme: str, text: str
) -> None:
    tokenizer = words if scheme == "words" else whitespace
    complete, letters = tokenizer.split_unfinished(text)
    assert complete + letters == text
    longer, before, word = (tokenizer.encode(part) for part in (text + "x", complete, letters + "x"))
    assert len(word.ids) == 1
    assert longer.ids == [*before.ids, *word.ids]


def test_an_unfinished_word_is_found_at_the_end_of_a_very_long_text(words: WordTokenizer) -> None:
    for before in ("the house " * 20_000, "!" * 200_000, "the," * 50_000):
        assert words.split_unfinished(before + "hou") == (before, "hou")


@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(text=typed | st.lists(typed, max_size=4).map("\n\n".join), most=st.integers(1, 6))
def test_the_end_of_a_text_is_its_last_tokens(
    words: WordTokenizer, whitespace: WordTokenizer, scheme: str, text: str, most: int
) -> None:
    tokenizer = words if scheme == "words" else whitespace
    assert tokenizer.encode(tokenizer.ending(text, most)).ids == tokenizer.encode(text).ids[-most:]


@pytest.mark.parametrize("text", ["\\" * 70_000, "the " * 70_000, "the," * 70_000])
def test_the_end_of_a_text_of_many_tokens_is_found_whatever_they_are(words: WordTokenizer, text: str) -> None:
    assert 1_000 <= len(words.ending(text, 1_000)) <= 4_000


# -- many texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(texts=st.lists(any_text | st.text("aA \n.\u0301"), max_size=8))
def test_many_texts_are_encoded_as_each_alone(
    words: WordTokenizer, whitespace: WordTokenizer, scheme: str, texts: list[str]
) -> None:
    tokenizer = words if scheme == "words" else whitespace
    assert tokenizer.encode_many(texts) == [tokenizer.encode(text) for text in texts]


def test_a_long_text_has_the_ids_and_the_unknown_words_of_its_parts(words: WordTokenizer) -> None:
    part = "the old Zebra, in Paris -- " * 4
    encoded = words.encode(part * 2_000)
    assert len(part) * 2_000 > 200_000
    assert encoded.ids == words.encode(part).ids * 2_000
    assert encoded.unknown_words == {place: "Zebra" for place, token in enumerate(encoded.ids) if token == UNKNOWN_ID}
    assert words.encode_many(["the", part * 2_000, "old"])[1] == encoded
    for most in (1, 7, 10**6):
        chunks = list(encoded.chunks(most))
        assert [token for chunk in chunks for token in chunk.ids] == encoded.ids
        assert max(len(chunk.ids) for chunk in chunks) <= max(most, 1)
        assert sum(len(chunk.unknown_words) for chunk in chunks) == len(encoded.unknown_words)
        assert all(chunk.ids[place] == UNKNOWN_ID for chunk in chunks for place in chunk.unknown_words)


# -- where the tokens of a document stand ----------------------------------------------------------------------------


def places(tokenizer: WordTokenizer, text: str) -> list[tuple[int, int, str, bool]]:
    return [(token.line, token.position, token.word, token.spaced) for token in tokenizer.written(text)]


def test_tokens_are_found_where_and_as_they_are_written(words: WordTokenizer) -> None:
    text = "\n  \u201cWhere\u201d is\nDON\u2019T,\tZebra!\n \n\n\nThe cafe\u0301... \n"
    assert places(words, text) == [
        (2, 1, "\u201c", False),
        (2, 2, "Where", False),
        (2, 3, "\u201d", True),
        (2, 4, "is", True),
        (3, 1, "DON\u2019T", False),
        (3, 2, ",", True),
        (3, 3, "Zebra", False),
        (3, 4, "!", False),
        (3, 5, END, False),
        (7, 1, "The", True),
        (7, 2, "caf\u00e9", False),
        (7, 3, "...", False),
        (7, 4, END, False),
    ]


def test_a_token_knows_whether_white_space_stands_before_it(words: WordTokenizer, whitespace: WordTokenizer) -> None:
    text = 'The U.S.\n\n "Where?"\n'
    spaced = [(token.word, token.space_before) for token in words.written(text)]
    assert spaced == [
        *zip(("The", "U", ".", "S", ".", END), (False, True, False, False, False, False), strict=True),
        *zip(('"', "Where", "?", '"', END), (True, False, False, False, False), strict=True),
    ]
    assert [token.space_before for token in whitespace.written(" a b\n\nc")] == [True, True, False, False, True, False]


def test_a_paragraph_ends_at_the_mark_that_unicode_has_for_it(words: WordTokenizer, whitespace: WordTokenizer) -> None:
    text = "the old\u2029house\u2029\n\u2029in\n \u2029\n\nParis\u2029\n"
    (ids,) = words.encode_documents([text])
    assert (ids == END_ID).sum() == 4
    assert words.encode(text).ids == ids.tolist()
    assert [token.line for token in words.written(text) if token.word == END] == [1, 1, 2, 5]
    for size in (1, 2, 3, 7):
        chunks = [text[begin : begin + size] for begin in range(0, len(text), size)]
        assert np.concatenate([*words.encode_documents([chunks])]).tolist() == ids.tolist()
    assert sum((ids == END_ID).sum() for ids in whitespace.encode_documents([text])) == 5


def test_in_whitespace_every_line_has_its_own_end(whitespace: WordTokenizer) -> None:
    assert places(whitespace, "a  <unk> .\n\n b\n") == [
        (1, 1, "a", True),
        (1, 2, "<unk>", True),
        (1, 3, ".", False),
        (1, 4, END, False),
        (2, 1, END, False),
        (3, 1, "b", False),
        (3, 2, END, False),
    ]


@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(text=st.text(st.characters()) | st.text("ab .\n\u2019\u00ad\u2026\x1c\x1f\x85\u200b\u2028\u2029\ud800"))
@example(text="\x1f")  # white space for Python alone
@example(text="a\n\x1c\nb\n\x85\nc")
@example(text="\n\u00ad\n\n \n\nb")
def test_written_tokens_have_the_ids_that_the_document_is_encoded_to(
    words: WordTokenizer, whitespace: WordTokenizer, scheme: str, text: str
) -> None:
    tokenizer = words if scheme == "words" else whitespace
    written = list(tokenizer.written(text))
    encoded = np.concatenate([np.empty(0, np.int32), *tokenizer.encode_documents([text])])
    assert [token.token_id for token in written] == encoded.tolist()
    shown = SURROGATE.sub("\ufffd", text)
    lines = (unicodedata.normalize("NFC", shown) if scheme == "words" else shown).split("\n")
    assert all(token.word in lines[token.line - 1] for token in written if token.token_id != END_ID)
    located = [(token.line, token.position) for token in written]
    assert located == sorted(set(located))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["x" * 200_000 + "\n\nb", "a " * 70_000, "the, " * 70_000 + "\n\nb"])
def test_tokens_of_a_long_text_are_those_of_its_encoding(
    words: WordTokenizer, whitespace: WordTokenizer, text: str
) -> None:
    for tokenizer in (words, whitespace):
        located = list(tokenizer.written(text))
        same = [token.token_id for token in located] == np.concatenate([*tokenizer.encode_documents([text])]).tolist()
        assert same
        assert all(token.spaced for token in located[:-6] if token.word == "a")


def test_words_too_rare_for_the_vocabulary_are_kept_as_they_are_written() -> None:
    text = "We met Zoltan. We met in Zanzibar, met in Rome. Zoltan knows Rome and one-eyed Jack, and Zanzibar. Suddenly"
    tokenizer = WordTokenizer.train([text], vocab_size=10, min_count=3)
    assert tokenizer.words[2:] == [".", "met"]
    assert tokenizer.rare[:3] == ["and", "in", "Rome"]  # "," is no word; twice each, in alphabetical order
    assert {"Zoltan", "Zanzibar", "one-eyed", "Jack"} < set(tokenizer.rare)
    assert "zoltan" not in tokenizer.surface_forms
    assert WordTokenizer.from_json(*map(json.loads, tokenizer.to_json())).rare == tokenizer.rare
    assert tokenizer.encode("Zoltan met").ids == [UNKNOWN_ID, 3]


def test_growing_a_vocabulary_takes_in_what_was_too_rare() -> None:
    tokenizer = WordTokenizer.train(["a a a Bilbo Frodo"], min_count=2)
    grown, _ = tokenizer.extended(["Frodo and Frodo, a Sam"], 100, 2)
    assert "frodo" in grown.words
    assert set(grown.rare) == {"Bilbo", "and", "Sam"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_that_stand_apart_are_learned_with_their_letters(form: Literal["NFC", "NFD"]) -> None:
    text = "Wir gehen ins Café. Das Café ist là. Ein Café da. Ein Hôtel là."
    tokenizer = WordTokenizer.train([unicodedata.normalize(form, text)], min_count=2)
    assert [tokenizer.surface(tokenizer.words.index(word)) for word in ("café", "là")] == ["Café", "là"]
    assert "Hôtel" in tokenizer.rare
    assert tokenizer.encode(unicodedata.normalize(form, "là Hôtel")).unknown == ["Hôtel"]


def test_the_dot_that_lower_case_leaves_of_a_turkish_capital_belongs_to_no_form() -> None:
    text = "bir \u0130yi ve \u0130stanbul'da bir k\u0130 var".lower() + " bir \u0130zmir'de"
    tokenizer = WordTokenizer.train([text], min_count=1)
    written = [tokenizer.surface(token) for token in range(2, len(tokenizer))]
    assert {"iyi", "istanbul'da", "ki"} <= set(written)
    assert not any("\u0307" in word for word in written)
    assert tokenizer.encode("\u0130c".lower()).unknown == ["ic"]
