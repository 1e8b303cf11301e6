"""Books of Project Gutenberg: header and licence go, the book stays, in chunks of any size."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextword.config import FormatConfig
from nextword.text.corpus import read_corpus
from nextword.text.gutenberg import MAX_FRAME_LENGTH, without_frame

HEADER = "The Project Gutenberg EBook of Alice, by Lewis Carroll\n\nThis eBook is for the use of anyone anywhere.\n\n"
START = "*** START OF THIS PROJECT GUTENBERG EBOOK ALICE ***\n"
BOOK = "\nAlice was beginning to get very tired.\n\nShe sat by her sister.\n\n"
END = "End of Project Gutenberg's Alice, by Lewis Carroll\n\n*** END OF THIS PROJECT GUTENBERG EBOOK ALICE ***\n"
LICENSE = "\n*** START: FULL LICENSE ***\n\nTHE FULL PROJECT GUTENBERG LICENSE\n\n" + "Please read this. " * 300
LONG = "word after word\n" * (MAX_FRAME_LENGTH // 10)


def kept(text: str, size: int = 1 << 20, raw: bool = False) -> tuple[str, list[int]]:
    """What is kept of a text in chunks of a size, and how many characters it says were left out."""
    left_out: list[int] = []
    chunks = (text[begin : begin + size] for begin in range(0, len(text), size))
    return "".join(without_frame(chunks, left_out.append, raw)), left_out


FRAMED = {
    "as since 2003": (HEADER + START + BOOK + END + LICENSE, BOOK),
    "as now, with a long title": (
        "The eBook\n*** START OF THE PROJECT GUTENBERG EBOOK A TITLE\nIN TWO LINES ***\n"
        + BOOK
        + "*** END OF THE PROJECT GUTENBERG EBOOK A TITLE\nIN TWO LINES ***\n"
        + LICENSE,
        BOOK,
    ),
    "as in the nineties": (
        "Welcome\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n"
        + BOOK
        + "End of The Project Gutenberg Etext of Alice\n",
        BOOK,
    ),
    "with both kinds of mark": (
        "Welcome\n*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*\nProduced by a volunteer\n"
        "***START OF THE PROJECT GUTENBERG EBOOK ALICE***\n" + BOOK + "***END OF THE PROJECT GUTENBERG EBOOK ALICE***",
        BOOK,
    ),
    "two books in one file": ((HEADER + START + BOOK + END + LICENSE) * 2, BOOK * 2),
    "a long book": (HEADER + START + LONG + END + LICENSE, LONG),
    "a header that is gone": (BOOK + END + LICENSE, BOOK),
    "no licence, no line end": (HEADER + START + BOOK + END.rstrip(), BOOK),
}
PLAIN = {
    "another text": BOOK * 3,
    "marks inside a line": f"He wrote {START}and then {END.splitlines()[2]}.\n",
    "a START far behind the beginning": LONG + START + BOOK,
    "an END with a text behind it": BOOK + END + LONG,
    "nothing": "",
}


@pytest.mark.parametrize("size", [1 << 20, 4096, 500, 7])
@pytest.mark.parametrize(("text", "book"), FRAMED.values(), ids=FRAMED)
def test_what_stands_around_a_book_is_left_out_and_counted(text: str, book: str, size: int) -> None:
    assert kept(text, size) == (book, [len(text) - len(book)])


@pytest.mark.parametrize("size", [1 << 20, 4096, 500])
@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_of_a_text_that_is_no_such_book_nothing_is_left_out(text: str, size: int) -> None:
    assert kept(text, size) == (text, [])


@pytest.mark.parametrize(("text", "book"), FRAMED.values(), ids=FRAMED)
def test_raw_keeps_all_of_it(text: str, book: str) -> None:
    assert kept(text, raw=True) == (text, [])


def test_a_corpus_notes_the_books_of_which_something_was_left_out(tmp_path: Path) -> None:
    path = tmp_path / "alice.txt"
    path.write_text(HEADER + START + BOOK + END + LICENSE, encoding="utf-8")
    (tmp_path / "plain.txt").write_text("Good morning", encoding="utf-8")
    corpus = read_corpus([tmp_path])
    assert [document.text for document in corpus.documents] == [BOOK, "Good morning"]
    (note,) = corpus.notes
    assert str(path) in note
    assert "Project Gutenberg" in note
    assert "--raw" in note
    raw = read_corpus([tmp_path], formats=FormatConfig(raw=True))
    assert raw.documents[0].text == path.read_text(encoding="utf-8")
    assert not raw.notes
