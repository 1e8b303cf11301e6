"""Reading text: what is accepted, what is refused and with which words, what is held out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextword.corpus import Corpus, Document, default_corpus, read_corpus, read_text, split_corpus
from nextword.errors import CorpusError


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refusal(path: Path, encoding: str = "utf-8") -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        read_corpus([path], encoding)
    assert str(path) in caught.value.message or encoding in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere.txt").message


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\xef\xbb\xbf\n"])
def test_a_file_without_text_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "no text" in refusal(written(tmp_path / "blank.txt", content)).message


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    assert "no text" in refusal(tmp_path).message


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "program", b"some\0thing"))
    assert "not a text file" in error.message
    assert "NUL" in error.message


def test_invalid_utf8_is_refused_with_its_byte_offset_and_the_option_that_helps(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "latin.txt", "caf\u00e9 au lait".encode("latin-1")))
    assert "byte 3" in error.message
    assert "--encoding" in error.hint


def test_the_byte_offset_counts_a_byte_order_mark(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "marked.txt", b"\xef\xbb\xbfab\xffcd"))
    assert "byte 5" in error.message


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_utf16_byte_order_mark_is_named(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "wide.txt", "\ufeffGood morning".encode(encoding))
    error = refusal(path)
    assert "UTF-16" in error.message
    assert "--encoding utf-16" in error.hint
    assert read_text(path, "utf-16") == "Good morning"


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path / "latin.txt", "caf\u00e9".encode("latin-1"))
    assert read_text(path, "latin-1") == "caf\u00e9"


@pytest.mark.parametrize("encoding", ["klingon", "hex", "undefined", "a\0b"])
def test_an_unknown_encoding_is_refused_for_a_file_and_for_a_folder(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "some.txt", b"Good morning")
    for place in (path, tmp_path):
        with pytest.raises(CorpusError) as caught:
            read_corpus([place], encoding)
        assert repr(encoding) in caught.value.message


def test_a_utf8_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert read_text(written(tmp_path / "marked.txt", b"\xef\xbb\xbfGood morning")) == "Good morning"


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_of_other_systems_make_no_difference(tmp_path: Path, line_end: str) -> None:
    text = "One line\nand one more\n\nA paragraph\n"
    plain = read_corpus([written(tmp_path / "plain.txt", text.encode())])
    foreign = read_corpus([written(tmp_path / "foreign.txt", text.replace("\n", line_end).encode())])
    assert foreign.documents[0].text == text
    assert foreign.digest == plain.digest


def test_a_folder_is_read_in_order_without_hidden_files_and_binary_ones_are_noted(tmp_path: Path) -> None:
    written(tmp_path / "b.txt", b"second")
    written(tmp_path / "a.txt", b"first")
    written(tmp_path / "sub" / "c.txt", b"third")
    written(tmp_path / ".hidden.txt", b"unseen")
    written(tmp_path / ".git" / "config", b"unseen")
    picture = written(tmp_path / "picture.png", b"\x89PNG\0\0")
    corpus = read_corpus([tmp_path])
    assert [document.text for document in corpus.documents] == ["first", "second", "third"]
    assert len(corpus.skipped) == 1
    assert str(picture) in corpus.skipped[0]


def test_a_file_named_twice_or_linked_is_read_once_and_noted(tmp_path: Path) -> None:
    path = written(tmp_path / "folder" / "a.txt", b"Good morning")
    (tmp_path / "folder" / "link.txt").symlink_to(path)
    corpus = read_corpus([path, tmp_path / "folder"])
    assert [document.text for document in corpus.documents] == ["Good morning"]
    assert len(corpus.skipped) == 2
    assert all("already read" in reason for reason in corpus.skipped)


def test_the_digest_tells_corpora_apart_by_their_texts_alone(tmp_path: Path) -> None:
    def digest(*texts: str) -> str:
        return Corpus([Document(tmp_path / str(len(text)), text) for text in texts], []).digest

    assert digest("ab", "c") == Corpus([Document(Path("x"), "ab"), Document(Path("y"), "c")], ["z: binary"]).digest
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("c", "ab")}) == 4


def test_the_default_corpus_is_there_and_readable() -> None:
    corpus = read_corpus([default_corpus()])
    assert not corpus.skipped
    assert sum(len(document.text.split()) for document in corpus.documents) > 10_000


# -- holding out -----------------------------------------------------------------------------------------------------


def documents(*texts: str) -> list[Document]:
    return [Document(Path(f"{index:03}.txt"), text) for index, text in enumerate(texts)]


def paragraphs(count: int, document: int = 0) -> str:
    return "\n\n".join(f"d{document}p{index} some words\nmore of them" for index in range(count)) + "\n"


def marks(texts: list[str]) -> list[str]:
    return sorted(re.findall(r"d\d+p\d+", "\n".join(texts)))


def test_whole_documents_are_held_out_where_there_are_twenty() -> None:
    many = documents(*(paragraphs(3, document) for document in range(20)))
    train, valid = split_corpus(many, 0.1)
    assert Counter(train + valid) == Counter(document.text for document in many)
    assert len(valid) == 2


def test_paragraphs_are_held_out_where_there_are_fewer_documents() -> None:
    few = documents(*(paragraphs(60, document) for document in range(3)))
    train, valid = split_corpus(few, 0.1)
    assert marks(train + valid) == marks([document.text for document in few])
    assert 0.05 < len(marks(valid)) / 180 < 0.15
    # Whole paragraphs: none is cut in two, and those held out come from more than one place.
    assert all(text.count("some words") == text.count("more of them") for text in train + valid)
    assert len(valid) > 1


def test_lines_are_held_out_where_there_is_no_blank_line() -> None:
    lines = [f"d0p{index} one sentence per line" for index in range(100)]
    train, valid = split_corpus(documents("\n".join(lines)), 0.1)
    assert sorted(line for text in train + valid for line in text.splitlines()) == sorted(lines)
    assert 0.05 < len(marks(valid)) / 100 < 0.15


def test_what_is_held_out_depends_on_nothing_but_the_text() -> None:
    text = paragraphs(40)
    assert split_corpus(documents(text), 0.05) == split_corpus([Document(Path("other"), text)], 0.05)


@pytest.mark.parametrize("text", ["one line only", "one line only\n\n", "\n\n\none line only\n", "\n \none line only"])
def test_a_single_paragraph_is_too_short_to_hold_a_part_out(text: str) -> None:
    with pytest.raises(CorpusError, match="too short") as caught:
        split_corpus(documents(text), 0.05)
    assert "--valid" in caught.value.hint


gaps = st.sampled_from(["\n\n", "\n \n", "\n\n\n\n\n"])


@given(
    shape=st.lists(st.lists(st.integers(1, 12), min_size=0, max_size=8), min_size=1, max_size=24),
    lead=st.sampled_from(["", "\n\n", "\n\n\n\n"]),
    gap=gaps,
    fraction=st.sampled_from([0.01, 0.05, 0.1, 0.3, 0.5]),
)
@example(shape=[[1]] * 6, lead="\n\n", gap="\n\n", fraction=0.5)  # the blank lines are no text to hold out
@example(shape=[*[[3, 3]] * 10, [], *[[3, 3]] * 14], lead="", gap="\n\n", fraction=0.05)  # nor is an empty file
def test_no_text_is_lost_or_doubled_and_neither_part_is_blank(
    shape: list[list[int]], lead: str, gap: str, fraction: float
) -> None:
    texts = []
    for number, lengths in enumerate(shape):
        body = gap.join(" ".join([f"d{number}p{index}", *["word"] * size]) for index, size in enumerate(lengths))
        texts.append(lead + body)
    if len(marks(texts)) < 2:
        texts = [*texts, paragraphs(2, len(shape))]
    train, valid = split_corpus(documents(*texts), fraction)
    assert marks(train + valid) == marks(texts)
    assert Counter(" ".join(train + valid).split()) == Counter(" ".join(texts).split())
    assert marks(train)
    assert marks(valid)
