"""Words divided at a line's end: one where the text has them elsewhere, as they stand where not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextword.text.tokenizer import END_ID, UNKNOWN, LearnedVocabulary, Token, WordTokenizer


def learned(text: str, **options: int) -> LearnedVocabulary:
    return WordTokenizer.train_and_encode([text], **{"min_count": 1, **options})


def read(text: str, before: str = "", **options: int) -> list[str]:
    """The words of a text as training reads it, those of `before` left out."""
    tokenizer, ids, _ = learned(f"{before}\n\n{text}", **options)
    words = [tokenizer.words[token] for token in ids.ids if token != END_ID]
    assert words == [tokenizer.words[token] for token in tokenizer.encode(f"{before}\n\n{text}").ids if token != END_ID]
    return words[len(tokenizer.encode(before).ids) :]


@pytest.mark.parametrize(
    ("text", "before", "words"),
    [
        ("an exam-\nple", "An example.", "an example"),
        ("(exam-\n    ple's, and", "example's", "( example's , and"),
        ("an exam- \nple", "example", "an example"),
        ("an exam\u2010\nple", "example", "an example"),
        ("an exam\u00ad\nple", "example", "an example"),
        ("an exam\u00ad\nple", "", "an exam ple"),
        ("an exam-\nple", "", "an exam - ple"),
        ("a well-\nknown one", "well-known", "a well-known one"),
        ("mother-in-\nlaw", "mother-in-law", "mother-in-law"),
        ("self-con-\nscious", "self-conscious", "self-conscious"),
        ("EXAM-\nple Exam-\nple", "example", "example example"),
        ("an exam-\n\nple", "example", "an exam - ple"),
        ("an exam-\n\u2029ple", "example", "an exam - ple"),
        ("an exam-\u2029\nple", "example", "an exam - ple"),
        ("an exam--\nple", "example", "an exam -- ple"),
        ("an exam-\nPle", "example", "an exam - ple"),
        ("3-\nfold", "3fold", "3 - fold"),
        ("-\nple", "ple", "- ple"),
        ("exam-\nple exam-\nple", "", "exam - ple exam - ple"),
        ("inter-\nna-\ntional", "international national interna", "interna - tional"),
        ("cafe\u0301-\nhaus", "caféhaus", "caféhaus"),
        ("co-\nop", "coop co-op co-op", "co-op"),
        ("co-\nop", "coop coop co-op", "coop"),
        ("Κόσ-\nμος", "κόσμος", "κόσμος"),
    ],
)
def test_what_a_divided_word_is_the_rest_of_the_text_says(text: str, before: str, words: str) -> None:
    assert read(text, before) == words.split()


def test_a_text_already_cut_and_earlier_rules_have_no_divided_words() -> None:
    assert "exam-" in WordTokenizer.train(["example exam-\nple"], "whitespace", min_count=1).words
    old = WordTokenizer.train_and_encode(["example exam-\nple"], min_count=1, version=1)
    assert [old.tokenizer.words[token] for token in old.ids.ids[:4]] == ["example", "exam", "-", "ple"]


def test_a_divided_word_counts_as_what_it_is_read_as() -> None:
    tokenizer, ids, _ = learned("example exam-\nple zebra", min_count=2)
    assert tokenizer.words[2:] == ["example"]
    assert ids.ids.tolist() == [2, 2, 0, END_ID]
    assert learned("exam-\nple exam", min_count=2).tokenizer.words[2:] == ["exam"]


def test_a_divided_word_too_rare_for_the_vocabulary_is_one_unknown_word() -> None:
    text = "a a a example a exam-\nple"
    tokenizer, ids, _ = learned(text, min_count=3)
    assert [tokenizer.words[token] for token in ids.ids] == ["a", "a", "a", UNKNOWN, "a", UNKNOWN, "<eos>"]
    assert tokenizer.rare == ["example"]
    assert tokenizer.encode(text).ids == ids.ids.tolist()[:-1]
    assert tokenizer.encode("a Exam-\nple").unknown == ["Example"]


def test_a_divided_word_has_the_capitals_that_it_is_written_with() -> None:
    tokenizer = learned("we met Washington and Wash-\nington and WASH-\nINGTON and so on in washington").tokenizer
    assert tokenizer.surface(tokenizer.words.index("washington")) == "Washington"


def test_a_divided_word_stands_on_the_line_on_which_it_begins_and_what_follows_on_the_next() -> None:
    tokenizer = learned("example").tokenizer
    text = "an exam-\nple, an\nexample\n\nexam-\n ple ple"
    assert [(token.line, token.position, token.word, token.spaced) for token in tokenizer.written(text)] == [
        (1, 1, "an", True),
        (1, 2, "example", False),
        (2, 1, ",", True),
        (2, 2, "an", True),
        (3, 1, "example", False),
        (3, 2, "<eos>", False),
        (5, 1, "example", True),
        (6, 1, "ple", False),
        (6, 2, "<eos>", False),
    ]


def test_in_a_text_with_more_words_than_are_kept_none_is_mistaken() -> None:
    words = " ".join(f"w{index}" for index in range(3000))
    text = f"example often often\n\n{words}\n\nexam-\nple often of-\nten x-\ny"
    result = WordTokenizer.train_and_encode([text], vocab_size=4, max_forms=100, min_count=1)
    assert result.tokenizer.words[2:4] == ["often", "example"][: len(result.tokenizer.words) - 2]
    assert set(result.ids.ids.tolist()) <= set(range(4))


pieces = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "ba",
        "A",
        "-",
        "-\n",
        "-\nb",
        "a-\nb",
        "\u00ad\n",
        "- \n ",
        " ",
        "\n",
        ".",
        ",",
        "'",
        "\n\n",
        "e\u0301",
    ]
)
dividing = st.lists(pieces, max_size=14).map("".join)
cuts = st.lists(st.integers(0, 30), max_size=6)


def in_chunks(text: str, places: list[int]) -> list[str]:
    places = [0, *sorted(places), max(30, len(text))]
    return [text[begin:end] for begin, end in itertools.pairwise(places)]


@pytest.mark.slow
@given(text=dividing, before=dividing, places=cuts)
@example(text="a-\nb-\nb", before="ab bb", places=[3, 4, 5])
@pytest.mark.parametrize("min_count", [1, 2])
def test_training_encoding_and_score_read_divided_words_alike_however_a_text_is_cut(
    min_count: int, text: str, before: str, places: list[int]
) -> None:
    text = f"{before}\n\n{text}"
    result = learned(text, min_count=min_count)
    tokenizer, ids = result.tokenizer, result.ids.ids.tolist()
    chunks = in_chunks(text, places)
    in_pieces = WordTokenizer.train_and_encode([chunks], min_count=min_count)
    assert in_pieces.tokenizer.to_json() == tokenizer.to_json()
    assert in_pieces.ids.ids.tolist() == ids
    for texts in ([text], [chunks]):
        assert [int(token) for chunk in tokenizer.encode_documents(texts) for token in chunk] == ids
    written = list(tokenizer.written(text))
    assert [token.token_id for token in written] == ids
    typed = tokenizer.encode(text)
    assert [token for token in typed.ids if token != END_ID] == [token for token in ids if token != END_ID]
    known = [token for token in written if token.token_id > END_ID]
    assert [tokenizer.normalize(token.word) for token in known] == [tokenizer.words[token.token_id] for token in known]
    assert_where_they_stand(text, written)


def assert_where_they_stand(text: str, written: list[Token]) -> None:
    """Lines are those of the text, a divided word on its first; positions count up in each."""
    lines = text.split("\n")
    located = [(token.line, token.position) for token in written]
    assert located == sorted(set(located))
    for token in written:
        if token.token_id != END_ID:
            assert 1 <= token.line <= len(lines)
            begin = token.word.replace("-", "")[:1]
            assert begin in lines[token.line - 1] or begin == "é" or token.word.startswith("-")


@pytest.mark.slow
def test_a_text_that_is_one_divided_word_after_another_is_read_in_bounded_memory() -> None:
    tokenizer = learned("ab").tokenizer
    text = "a-\nb " * 50_000 + "a-\n" * 200_000
    chunks = [text[begin : begin + 50_000] for begin in range(0, len(text), 50_000)]
    ids = [int(token) for chunk in tokenizer.encode_documents([chunks]) for token in chunk]
    assert ids[:50_000] == [tokenizer.words.index("ab")] * 50_000
