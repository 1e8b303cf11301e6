"""Whether every line of a text is a paragraph: seen in texts of many kinds, and what follows from it."""

from __future__ import annotations

import random
import textwrap
from pathlib import Path

import numpy as np
import pytest
from support.text import make_text

from nextword.config import FormatConfig
from nextword.text.corpus import Document, default_corpus, read_corpus
from nextword.text.held_out import split_corpus
from nextword.text.paragraphs import PARAGRAPH_END, is_by_line
from nextword.text.tokenizer import END_ID, WordTokenizer

SENTENCES = [
    "The cat sat on the mat.",
    'Anna said: "Where have you been all this time?"',
    "It rained, and the children who had been playing in the garden since the early morning came in with wet shoes.",
    "Peter lives in Paris!",
    "Nobody knew what had become of the old house behind the mill, nor of the three sisters who had kept it so well "
    "for all those years, and when at last a letter came, it was found to say nothing about either of these matters.",
    "She left (and was never seen again).",
]
POEM = """\
The evening comes across the hill,
The lamps are lit below,
And all the little town is still
Beneath the falling snow.

The baker locks his narrow door,
The children go to bed;
The river says along the shore
What yesterday it said.
"""
SOURCE = """\
def first(values):
    # Gives the first.
    for value in values:
        return value
    return None
class Counter:
    def __init__(self):
        self.count = 0
    def add(self, number):
        self.count += number
        return self.count
"""


def sentences(count: int, seed: int = 1) -> list[str]:
    return random.Random(seed).choices(SENTENCES, k=count)


def paragraphs(count: int) -> list[str]:
    return [" ".join(sentences(4, seed)) for seed in range(count)]


def messages(count: int) -> list[str]:
    """Lines of a chat: of any length, few of which end as sentences do."""
    chance = random.Random(2)
    words = ["well", "so", "i", "think", "we", "could", "meet", "there", "tomorrow", "ok", "after", "lunch", "maybe"]
    return [" ".join(chance.choices(words, k=int(1 + chance.expovariate(1 / 8)))) for _ in range(count)]


def book(count: int, between: str = "\n\n", indent: str = "", width: int = 72) -> str:
    return between.join(textwrap.fill(text, width, initial_indent=indent) for text in paragraphs(count))


BY_LINE = {
    "one sentence a line": "\n".join(sentences(50)),
    "three sentences": "The cat sat on the mat.\nThe dog barked.\nIt rained.\n",
    "long sentences": "\n".join(sentence * 3 for sentence in sentences(20)),
    "sentences, and a blank line now and then": "\n\n".join("\n".join(sentences(20, seed)) for seed in range(4)),
    "one paragraph a line": "\n".join(paragraphs(40)),
    "paragraphs between headings": "\n".join(f"\nChapter {n}\n\n" + "\n".join(paragraphs(9)) for n in range(4)),
    "Chinese": "\u4ed6\u5f88\u597d\u3002\n\u4f60\u5728\u54ea\u91cc\uff1f\n\u6211\u4e0d\u77e5\u9053\u3002\n" * 5,
    "Hindi": "\u0935\u0939 \u0918\u0930 \u0917\u092f\u093e\u0964\n" * 5,
    "a chat without names and times": "\n".join(messages(300)),
}
NOT_BY_LINE = {
    "nothing": "",
    "one line": "The cat sat on the mat. It rained.",
    "one line that ends": "The cat sat on the mat.\n",
    "two sentences": "The cat sat on the mat.\nIt rained.\n",
    "blank lines between the lines": "\n\n".join(sentences(50)),
    "a book": book(40),
    "a book in which paragraphs are indented": book(40, "\n", "   "),
    "a book without a sign between paragraphs": book(40, "\n"),
    "a book in wide lines": book(40, "\n", width=240),
    "a poem": POEM,
    "a poem in one": POEM.replace("\n\n", "\n") * 5,
    "a list": "milk\neggs\nbread\nbutter\nsalt\n",
    "a list with bullets": "- milk\n- a dozen eggs\n- bread\n- butter, if there is any\n",
    "many words": "\n".join(sorted({word for text in SENTENCES for word in text.split()})),
    "a program": SOURCE * 4,
    "stanzas of sentences": "\n\n".join("\n".join(sentences(4, seed)) for seed in range(10)),
    "a letter": "Dear Anna,\nI am well.\nThe weather\nis fine and we are all\nhappy.\n\nYours, Peter\n",
}


@pytest.mark.parametrize("name", BY_LINE)
def test_a_line_is_a_paragraph_in(name: str) -> None:
    assert is_by_line(BY_LINE[name])


@pytest.mark.parametrize("name", NOT_BY_LINE)
def test_a_line_is_no_paragraph_in(name: str) -> None:
    assert not is_by_line(NOT_BY_LINE[name])


def document(folder: Path, text: str, paragraphs: str | None = None, **settings: int) -> Document:
    path = folder / "some.txt"
    path.write_text(text, encoding="utf-8")
    return read_corpus([path], formats=FormatConfig(paragraphs=paragraphs), **settings).documents[0]


def ends(text: object) -> int:
    """How many paragraphs a text has."""
    tokenizer = WordTokenizer.train(["word"], min_count=1)
    return int(np.count_nonzero(np.concatenate([*tokenizer.encode_documents([text])]) == END_ID))  # type: ignore[list-item]


def test_every_line_that_is_not_blank_ends_a_paragraph_if_so_asked(tmp_path: Path) -> None:
    text = "One\ntwo\n\n \nthree\nfour"
    assert ends(document(tmp_path, text, "line").whole) == 4
    assert ends(document(tmp_path, text, "blank").whole) == 2
    assert ends(document(tmp_path, text).whole) == 2
    assert ends(document(tmp_path, BY_LINE["one sentence a line"]).whole) == 50


def test_lines_keep_their_numbers_where_each_is_a_paragraph(tmp_path: Path) -> None:
    text = document(tmp_path, "\nThe cat.\n\n\nIt rained\nall day", "line").text
    tokens = list(WordTokenizer.train([text], min_count=1).written(text))
    assert [(token.line, token.word) for token in tokens] == [
        (2, "The"), (2, "cat"), (2, "."), (2, "<eos>"),
        (5, "It"), (5, "rained"), (5, "<eos>"),
        (6, "all"), (6, "day"), (6, "<eos>"),
    ]  # fmt: skip


def test_a_text_that_stays_as_it_is_keeps_its_digest(tmp_path: Path) -> None:
    for text in (NOT_BY_LINE["a book"], POEM, make_text(20)):
        assert document(tmp_path, text).sha256 == document(tmp_path, text, "blank").sha256
        assert PARAGRAPH_END not in document(tmp_path, text).text
    corpus = read_corpus([default_corpus()])
    assert corpus.digest == read_corpus([default_corpus()], formats=FormatConfig(paragraphs="blank", raw=True)).digest
    assert corpus.notes == []


def test_the_way_of_reading_is_part_of_the_digest(tmp_path: Path) -> None:
    assert document(tmp_path, POEM, "line").sha256 != document(tmp_path, POEM, "blank").sha256


@pytest.mark.parametrize("chunk_size", [1, 2, 7, 100])
def test_where_a_text_is_cut_into_chunks_makes_no_difference(tmp_path: Path, chunk_size: int) -> None:
    text = BY_LINE["Hindi"]
    whole, cut = document(tmp_path, text), document(tmp_path, text, chunk_size=chunk_size)
    assert (whole.sha256, whole.body) == (cut.sha256, cut.body)
    assert ends(whole.whole) == ends(cut.whole) == 5


def test_passages_are_held_out_of_lines_though_a_few_of_them_are_blank(tmp_path: Path) -> None:
    text = "\n".join(sentences(200)) + "\n\n" + "\n".join(sentences(200, 2))
    train, valid = split_corpus([document(tmp_path, text)], 0.05)
    assert len(valid) >= 4
    assert sum(map(ends, [*train, *valid])) == 400
    assert 0.03 < sum(map(len, valid)) / len(text) < 0.07


def test_what_was_chosen_is_said_in_one_note_for_all_files(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.txt").write_text("\n".join(sentences(9)), encoding="utf-8")
    (tmp_path / "poem.txt").write_text(POEM, encoding="utf-8")
    (note,) = read_corpus([tmp_path]).notes
    names = ", ".join(str(tmp_path / f"{name}.txt") for name in "abc")
    assert note == f"Every line is a paragraph in {names} and 2 more; --paragraphs blank joins lines."
    assert read_corpus([tmp_path], formats=FormatConfig(paragraphs="line")).notes == []
