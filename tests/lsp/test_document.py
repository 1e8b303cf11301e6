"""Lines and edits in the client's units, and what of the lines is prose after any edits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.lsp.document import Document
from nextword.lsp.positions import Position, index_of, units_of
from nextword.lsp.prose import scanner_of

FACE = "\U0001f600"
ENCODINGS = ["utf-8", "utf-16", "utf-32"]
LINES = [
    "Some words.",
    "",
    "```",
    "`code`",
    "~~~",
    "---",
    "\\begin{verbatim}",
    "\\end{verbatim}",
    "#+begin_src",
    "#+end_src",
]
LINES += ["----", ".. note::", "like this::", "   indented", '"""', "# -- >8 --", "# a comment", "x = 'a string' # why"]
SIGNS = st.sampled_from(["a", "é", "\u4f60", FACE, "\u0301", "\r", "\n", "\r\n", "`"])
TEXTS = st.lists(SIGNS, max_size=20).map("".join)


def document_of(text: str, language: str = "plaintext", encoding: str = "utf-16") -> Document:
    return Document(text, scanner_of(language), encoding)


def size(text: str, encoding: str) -> int:
    """How many units a text has, by the codecs."""
    return len(text.encode(f"{encoding}-le" if encoding != "utf-8" else encoding)) // (int(encoding[4:]) // 8)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(line=st.text(st.characters(exclude_categories=["Cs"])))
def test_every_place_is_found_again_and_one_inside_a_character_is_its_beginning(encoding: str, line: str) -> None:
    for index in range(len(line) + 1):
        begin = size(line[:index], encoding)
        assert units_of(line[:index], encoding) == begin
        for inside in range(size(line[index : index + 1], encoding) or 1):
            assert index_of(line, begin + inside, encoding) == index


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_place_beyond_the_line_is_its_end_and_one_before_it_its_beginning(encoding: str) -> None:
    for line in ("", "abc", f"a{FACE}b"):
        assert index_of(line, 2**31, encoding) == len(line)
        assert index_of(line, -1, encoding) == 0
    document = document_of("one\ntwo", encoding=encoding)
    assert document.place(Position(2**31, 0)) == (1, 3)
    assert document.place(Position(-1, 5)) == (0, 0)


def test_halves_of_a_pair_that_come_one_after_the_other_are_one_character() -> None:
    document = document_of("a ")
    document.edit(Position(0, 2), Position(0, 2), FACE.encode("utf-16-le")[:2].decode("utf-16-le", "surrogatepass"))
    assert document.place(Position(0, 9)) == (0, 3)
    document.edit(Position(0, 3), Position(0, 3), FACE.encode("utf-16-le")[2:].decode("utf-16-le", "surrogatepass"))
    assert document.lines == [f"a {FACE}"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXTS, edits=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), TEXTS), max_size=6))
def test_edits_change_a_document_as_they_change_a_text(
    encoding: str, text: str, edits: list[tuple[int, int, str]]
) -> None:
    document = document_of(text, encoding=encoding)
    text = plain(text)
    for one, other, new in edits:
        begin, end = sorted((min(one, len(text)), min(other, len(text))))
        document.edit(place_in(text, begin, encoding), place_in(text, end, encoding), plain(new))
        text = text[:begin] + plain(new) + text[end:]
        assert document.text == text


def plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def place_in(text: str, index: int, encoding: str) -> Position:
    before = text[:index].split("\n")
    return Position(len(before) - 1, size(before[-1], encoding))


@pytest.mark.parametrize("language", ["markdown", "latex", "org", "asciidoc", "rst", "typst", "gitcommit", "python"])
@given(data=st.data())
@settings(max_examples=60)
def test_prose_after_any_edits_is_that_of_the_text_read_anew(language: str, data: st.DataObject) -> None:
    lines = st.sampled_from(LINES)
    texts = st.lists(lines, max_size=8).map("\n".join)
    scan = scanner_of(language, ["python"])
    document = Document(data.draw(texts), scan)
    for _ in range(data.draw(st.integers(1, 6))):
        count = len(document.lines)
        document.edit(
            *(Position(data.draw(st.integers(0, count)), data.draw(st.integers(0, 3))) for _ in range(2)),
            data.draw(texts),
        )
        asked = data.draw(st.integers(0, len(document.lines)))
        assert document.prose(0, asked) == Document(document.text, scan).prose(0, asked)


MARKUP = [
    ("plaintext", ["All of it, `even` this."], "All of it, `even` this."),
    (
        "markdown",
        ["---", "title: A", "---", "See [the page](http://a.b/c).", "```", "x = 1", "```", "The `x` *end*."],
        "See the page. The *end*.",
    ),
    (
        "latex",
        ["We \\emph{do} say $x^2$ so~\\cite{key}. % not this", "\\begin{verbatim}", "code", "\\end{verbatim}", "End."],
        "We do say so . End.",
    ),
    (
        "gitcommit",
        ["Mend it", "", "Because.", "# On branch main", "# --- >8 ---", "diff --git a b", "+code"],
        "Mend it Because.",
    ),
    ("mail", ["From: a@b", "To: c@d", "", "Hello,", "> they wrote", "I write: so."], "Hello, I write: so."),
    (
        "rst",
        [
            "Title",
            "=====",
            "",
            ".. note::",
            "   hidden",
            "",
            "See :ref:`the part <x>` and ``code``::",
            "",
            "   code",
            "",
            "End.",
        ],
        "Title See the part and :: End.",
    ),
    (
        "org",
        ["* TODO Head", "#+title: A", "#+begin_src python", "x", "#+end_src", "See [[http://a][the page]] and =code=."],
        "Head See the page and .",
    ),
    (
        "asciidoc",
        ["= Title", ":toc:", "// no", "----", "code", "----", "See link:a.html[the page] and `code`."],
        "Title See the page and .",
    ),
    (
        "typst",
        ['#import "a"', "= Title", "Say $x$ and _so_ #emph[that] // no", "```", "code", "```", "End @ref."],
        "Title Say and so that End .",
    ),
    (
        "python",
        ["x = 'a string'  # a comment", "def f():", '    """Doc', '    string."""', ""],
        "a string a comment Doc string.",
    ),
    ("c", ["int x; /* one", ' two */ y("three"); // four'], "one two three four"),
    ("java", ["class A {}"], ""),
]


@pytest.mark.parametrize(("language", "lines", "words"), MARKUP, ids=[language for language, _, _ in MARKUP])
def test_markup_is_not_prose(language: str, lines: list[str], words: str) -> None:
    document = Document("\n".join(lines), scanner_of(language, ["python", "c", "java"]))
    assert re.sub(r"\s+", " ", " ".join(document.prose(0, len(document.lines)))).strip() == words


@pytest.mark.parametrize(
    ("language", "before", "may_stand"),
    [
        ("markdown", "Some ", True),
        ("markdown", "Some `co", False),
        ("markdown", "Some `code` and ", True),
        ("markdown", "[text](http://a", False),
        ("markdown", "```\nco", False),
        ("latex", "as $x", False),
        ("latex", "as \\emph{th", True),
        ("latex", "as \\cite{th", False),
        ("latex", "as \\te", False),
        ("gitcommit", "# On bra", False),
        ("python", "x = ", False),
        ("python", "x = 1  # the ", True),
        ("python", "x = 'the ", True),
        ("python", "x = 'the', ", False),
        ("cobol", "MOVE ", False),
    ],
)
def test_where_words_may_stand(language: str, before: str, may_stand: bool) -> None:
    document = Document(before, scanner_of(language, ["python"]))
    found = document.before(Position(len(document.lines) - 1, len(document.lines[-1])))
    assert (found is not None) == may_stand
