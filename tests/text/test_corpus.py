"""Reading text: what is accepted, what is refused and with which words, what is held out."""

from __future__ import annotations

import codecs
import errno
import itertools
import os
import re
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.limits import files_limited_to

from nextword.errors import CorpusError, StorageError
from nextword.text.corpus import default_corpus, read_corpus, watched
from nextword.text.held_out import split_corpus


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


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


def text_of(path: Path, encoding: str = "utf-8", **settings: Any) -> str:
    """The text of one file, which may be blank; a file with a word in it stands in the same folder."""
    other = written(path.with_name("word.txt"), "word".encode(encoding))
    return read_corpus([path, other], encoding, **settings).documents[0].text


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere.txt").message


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\xef\xbb\xbf\n"])
def test_a_file_without_text_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "no text" in refusal(written(tmp_path / "blank.txt", content)).message


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    assert "no text" in refusal(tmp_path).message


def test_a_folder_of_files_that_were_all_passed_over_names_them_and_what_mends_one(tmp_path: Path) -> None:
    written(tmp_path / "a.docx", b"PK\x03\x04 and so on")
    written(tmp_path / "b.txt", b"")
    written(tmp_path / "c.txt", "un caf\u00e9 au lait, s'il vous pla\u00eet".encode("latin-1"))
    error = refusal(tmp_path)
    assert error.message.replace(f"{tmp_path}{os.sep}", "") == (
        f"no text in {tmp_path}: a.docx is a Word file, not plain text; b.txt is empty; "
        "c.txt is not utf-8 text (byte 6)"
    )
    assert "--encoding" in error.hint


def test_of_many_files_that_were_passed_over_a_few_are_named(tmp_path: Path) -> None:
    for number in range(9):
        written(tmp_path / f"{number}.pdf", b"%PDF-1.7 ...")
    error = refusal(tmp_path)
    assert error.message.endswith("2.pdf is a PDF file, not plain text and 6 more")
    assert error.hint == "Save it as plain text (.txt) first."


def test_an_empty_file_among_others_is_passed_over_with_a_note(tmp_path: Path) -> None:
    empty, blank = written(tmp_path / "a.txt", b""), written(tmp_path / "b.txt", b" \n")
    corpus = read_corpus([empty, blank, written(tmp_path / "c.txt", b"Good morning.")])
    assert corpus.notes == [f"Passed over: {empty} is empty; {blank} has no text."]


@pytest.mark.parametrize(
    ("name", "start", "what"),
    [
        ("letter.docx", b"PK\x03\x04", "is a Word file"),
        ("letter.doc", b"\xd0\xcf\x11\xe0", "is a Word or other Office file"),
        ("letter.odt", b"PK\x03\x04", "is an OpenDocument file"),
        ("letter.pdf", b"%PDF-", "is a PDF file"),
        ("letter.txt", b"{\\rtf", "is an RTF file"),
        ("letters.zip", b"PK\x03\x04", "is a zip archive"),
    ],
)
@pytest.mark.parametrize("chunk_size", [1, 1 << 20])
def test_a_file_of_a_word_processor_is_refused_as_what_it_is(
    tmp_path: Path, name: str, start: bytes, what: str, chunk_size: int
) -> None:
    path = written(tmp_path / name, start + b"1 \xe9\xff some words\0")
    with pytest.raises(CorpusError, match=f"{name} {what}, not plain text") as caught:
        read_corpus([path], chunk_size=chunk_size)
    assert caught.value.hint == ("Unpack it first." if "zip" in what else "Save it as plain text (.txt) first.")
    written(tmp_path / "word.md", b"word")
    assert read_corpus([tmp_path]).skipped == [f"{path} {what}, not plain text"]


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "program", b"some\0thing"))
    assert "not a text file" in error.message
    assert "NUL at character 4" in error.message
    assert "--encoding" in error.hint


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
    assert text_of(path, "utf-16") == "Good morning"


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path / "latin.txt", "caf\u00e9".encode("latin-1"))
    assert text_of(path, "latin-1") == "caf\u00e9"


@pytest.mark.parametrize("encoding", ["klingon", "hex", "undefined", "a\0b"])
def test_an_unknown_encoding_is_refused_for_a_file_and_for_a_folder(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "some.txt", b"Good morning")
    for place in (path, tmp_path):
        with pytest.raises(CorpusError) as caught:
            read_corpus([place], encoding)
        assert repr(encoding) in caught.value.message


def test_a_utf8_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert text_of(written(tmp_path / "marked.txt", b"\xef\xbb\xbfGood morning")) == "Good morning"


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


def test_a_link_to_itself_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", b"Good morning")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    corpus = read_corpus([tmp_path])
    assert [document.text for document in corpus.documents] == ["Good morning"]
    assert "loop" in corpus.skipped[0]


def test_a_link_back_up_makes_no_loop_and_what_cannot_be_opened_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "sub" / "a.txt", b"Good morning")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo")
    locked = written(tmp_path / "locked.txt", b"secret")
    opened = Path.open

    def refusing(path: Path, *arguments: Any, **settings: Any) -> Any:
        if path == locked:  # as for everybody but root, who runs tests in some containers
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments, **settings)

    monkeypatch.setattr(Path, "open", refusing)
    corpus = read_corpus([tmp_path])
    assert [document.text for document in corpus.documents] == ["Good morning"]
    passed_over = {Path(reason.split(" ")[0]).name: reason for reason in corpus.skipped}
    assert passed_over.keys() == {"broken", "fifo", "locked.txt"}
    assert "Permission denied" in passed_over["locked.txt"]
    assert "Permission denied" in refusal(locked).message


def test_a_device_is_refused_without_waiting_for_its_end() -> None:
    for device in ("/dev/zero", "/dev/urandom", "/dev/tty"):
        assert "not a regular file" in refusal(Path(device)).message


@pytest.mark.parametrize(
    "text",
    ["word " * 2_000_000 + "end", "x" * 10_000_000, "\n" * 10_000_000 + "end", "\\[" * 5_000_000, "a\r" * 1_000_000],
)
def test_ten_megabytes_of_anything_are_read_with_a_few_chunks_held(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "long.txt", text.encode())
    del text
    tracemalloc.start()
    try:
        document = read_corpus([path]).documents[0]
        length = sum(map(len, document.whole))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length == len(document.whole)
    assert most < 8 << 20  # a chunk is 1 MB, held as bytes, as text, as text with other line ends, as UTF-8


def test_the_digest_tells_corpora_apart_by_their_texts_alone(tmp_path: Path) -> None:
    def digest(*texts: str, encoding: str = "utf-8") -> str:
        folder = tmp_path / "-".join([encoding, *texts])
        for index, text in enumerate(texts):
            written(folder / str(index), text.encode(encoding))
        return read_corpus([folder], encoding).digest

    assert digest("ab\u00e9", "c") == digest("ab\u00e9", "c", encoding="latin-1")
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("c", "ab")}) == 4


# -- in chunks -------------------------------------------------------------------------------------------------------

small_chunks = st.sampled_from([1, 2, 3, 5, 16])
MARKS = {
    codecs.BOM_UTF32_LE: {"utf-32"},
    codecs.BOM_UTF16_LE: {"utf-16", "utf-16-le"},
    codecs.BOM_UTF16_BE: {"utf-16"},
    codecs.BOM_UTF8: {"utf-8", "utf-8-sig"},
}
CUT = ("unexpected end of data", "truncated data", "incomplete multibyte sequence")  # inside the last character


def plain(text: str) -> str:
    """A text with LF as line end and no byte order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "shift_jis", "utf-7"])


@pytest.mark.slow
@given(
    content=st.one_of(
        st.text("a\u00e9\u3042\U0001f600 \r\n\ufeff", max_size=20).map(lambda text: text.encode("utf-8")),
        st.binary(max_size=20),
        st.text("ab\r\n\0", max_size=20).map(lambda text: text.encode("utf-16")),
    ),
    encoding=encodings,
    size=small_chunks,
)
@example(content=b"+2AA-a+3AA-", encoding="utf-7", size=1)  # halves of characters
def test_a_file_read_in_chunks_is_the_file_read_at_once(folder: Path, content: bytes, encoding: str, size: int) -> None:
    path = written(folder / "some.txt", content)
    if content.startswith((b"PK\x03\x04", b"%PDF-", b"{\\rtf", b"\xd0\xcf\x11\xe0")):
        with pytest.raises(CorpusError, match="not plain text"):
            text_of(path, encoding, chunk_size=size)
        return
    mark = next((mark for mark in MARKS if content.startswith(mark)), None)
    if mark and encoding.startswith("utf") and encoding not in MARKS[mark]:
        with pytest.raises(CorpusError, match="byte order mark"):
            text_of(path, encoding, chunk_size=size)
        return
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if error.end == len(content) and error.reason in CUT:
            text = content[: error.start].decode(encoding)
            if "\0" not in text:
                assert text_of(path, encoding, chunk_size=size) == plain(text)
            return
        if encoding != "utf-7":  # it counts from elsewhere
            with pytest.raises(CorpusError, match=f"byte {error.start}\\)"):
                text_of(path, encoding, chunk_size=size)
        return
    if "\0" in text:
        with pytest.raises(CorpusError, match=f"NUL at character {text.index(chr(0))}\\)"):
            text_of(path, encoding, chunk_size=size)
        return
    text = plain(text)
    assert text_of(path, encoding, chunk_size=size) == text
    if text.strip():
        whole = read_corpus([path], encoding, chunk_size=size).documents[0].whole
        for begin in range(len(text)):
            for end in range(begin, len(text) + 1):
                (passage,) = whole.cut([begin, end])
                assert passage.text == text[begin:end]
                assert len(passage) == end - begin


@pytest.mark.slow
@given(
    text=st.lists(st.sampled_from(["word", "\u3042 words", "\n", "\n\n", " ", "\t", "\n \n"]), max_size=30).map(
        "".join
    ),
    size=small_chunks,
    fraction=st.sampled_from([0.05, 0.3, 0.5]),
)
@example(text=" word\nword", size=1, fraction=0.05)
def test_the_split_does_not_depend_on_chunks(folder: Path, text: str, size: int, fraction: float) -> None:
    def split(**settings: Any) -> list[list[str]] | str:
        try:
            parts = split_corpus(read_corpus([path], **settings).documents, fraction)
        except CorpusError as error:
            return error.message
        return [[passage.text for passage in part] for part in parts]

    path = written(folder / "some.txt", text.encode())
    assert split(chunk_size=size) == split()


def test_a_text_stays_as_it_was_checked_whatever_becomes_of_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "growing.txt", b"Good morning")
    document = read_corpus([path]).documents[0]
    written(path, b"Good morning\0to you")
    assert document.text == "Good morning"
    path.unlink()
    assert document.text == "Good morning"


def test_texts_are_read_side_by_side_and_nothing_of_a_refused_file_is_among_them(tmp_path: Path) -> None:
    for name, content in {"a": b"one " * 9, "b": b"half a file\xff", "c": b"two " * 9, "d": b"no\0text"}.items():
        written(tmp_path / "folder" / name, content)
    corpus = read_corpus([tmp_path / "folder"], chunk_size=4)
    one, two = (document.whole for document in corpus.documents)
    assert list(zip(one, two, strict=True)) == [("one ", "two ")] * 9
    assert len(corpus.skipped) == 2


def test_no_file_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "some.txt", b"Good morning")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    corpus = read_corpus([path])
    assert not list((tmp_path / "temporary").iterdir())  # not even while it is read: the copy has no name
    assert corpus.documents[0].text == "Good morning"


def test_a_full_temporary_folder_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = written(tmp_path / "long.txt", b"Good morning\n" * 10_000)
    with files_limited_to(100_000), pytest.raises(StorageError, match="copy of the text cannot be written") as caught:
        read_corpus([path])
    assert tempfile.gettempdir() in caught.value.message
    assert "TMPDIR" in caught.value.hint


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", b"Good morning\n" * 10)
    written(tmp_path / "b.txt", b"Good night\n" * 10)
    checked: list[tuple[int, int]] = []
    read: list[tuple[int, int]] = []
    corpus = read_corpus([tmp_path], on_progress=lambda *event: checked.append(event), chunk_size=50)
    texts = watched([document.whole for document in corpus.documents], lambda *event: read.append(event))
    assert "".join(chunk for text in texts for chunk in text).count("Good") == 20
    for events in (checked, read):
        assert events == sorted(events)
        assert {total for _, total in events} == {240}
        assert events[-1] == (240, 240)
        assert len(events) > 4


def test_the_default_corpus_is_there_and_readable() -> None:
    corpus = read_corpus([default_corpus()])
    assert not corpus.skipped
    assert sum(len(document.text.split()) for document in corpus.documents) > 10_000


# -- holding out -----------------------------------------------------------------------------------------------------


Split = Callable[..., tuple[list[str], list[str]]]


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """`split_corpus` on texts in place of documents, and to texts in place of passages."""

    def split(texts: list[str], fraction: float) -> tuple[list[str], list[str]]:
        folder = tmp_path_factory.mktemp("texts")
        for index, text in enumerate(texts):
            written(folder / f"{index:03}.txt", text.encode())
        train, valid = split_corpus(read_corpus([folder]).documents, fraction)
        return [passage.text for passage in train], [passage.text for passage in valid]

    return split


def paragraphs(count: int, document: int = 0) -> str:
    return "\n\n".join(f"d{document}p{index} some words\nmore of them" for index in range(count)) + "\n"


def marks(texts: list[str]) -> list[str]:
    return sorted(re.findall(r"d\d+p\d+", "\n".join(texts)))


def test_whole_documents_are_held_out_where_that_makes_several(split: Split) -> None:
    many = [paragraphs(3, document) for document in range(50)]
    train, valid = split(many, 0.1)
    assert Counter(train + valid) == Counter(many)
    assert len(valid) == 5


def test_paragraphs_are_held_out_where_there_are_fewer_documents(split: Split) -> None:
    few = [paragraphs(60, document) for document in range(3)]
    train, valid = split(few, 0.1)
    assert marks(train + valid) == marks(few)
    assert 0.05 < len(marks(valid)) / 180 < 0.15
    # Whole paragraphs: none is cut in two, and those held out come from more than one place.
    assert all(text.count("some words") == text.count("more of them") for text in train + valid)
    assert len(valid) > 1


def test_lines_are_held_out_where_there_is_no_blank_line(split: Split) -> None:
    lines = [f"d0p{index} one sentence per line" for index in range(100)]
    train, valid = split(["\n".join(lines)], 0.1)
    assert sorted(line for text in train + valid for line in text.splitlines()) == sorted(lines)
    assert 0.05 < len(marks(valid)) / 100 < 0.15


def test_a_long_line_is_held_out_in_parts_between_words(split: Split) -> None:
    line = " ".join(f"d0p{index} and so on" for index in range(1000))
    train, valid = split([line], 0.1)
    assert " ".join(train + valid).split() != line.split()  # what is held out comes from more than one place
    assert Counter(" ".join(train + valid).split()) == Counter(line.split())
    assert 0.05 < len(marks(valid)) / 1000 < 0.15


@pytest.mark.parametrize("count", [20_000, 60_000])
def test_of_a_large_text_some_fifty_thousand_words_are_held_out(split: Split, count: int) -> None:
    said = [f"d0p{index} said what there was to say, and left." for index in range(count)]
    train, valid = split(["\n\n".join(said[: count // 3]), "\n\n".join(said[count // 3 :])], 0.5)
    assert marks(train + valid) == marks(said)
    assert 40_000 < len(" ".join(valid).split()) < 60_000
    assert all(text.startswith("d0p") and text.rstrip().endswith("left.") for text in valid)
    places = sorted(int(mark.partition("p")[2]) for mark in marks(valid))
    assert max(after - before for before, after in itertools.pairwise([0, *places, count])) < count // 200


@pytest.mark.parametrize("documents", [40, 299])
def test_of_a_large_text_in_many_documents_a_part_of_each_is_held_out(split: Split, documents: int) -> None:
    texts = [paragraphs(26_000 // documents + number % 7, number) for number in range(documents)]
    for part in split(texts, 0.5):
        assert {mark.partition("p")[0] for mark in marks(part)} == {f"d{number}" for number in range(documents)}


def test_of_very_many_documents_what_is_held_out_comes_from_everywhere(split: Split) -> None:
    texts = [paragraphs(28, number) for number in range(1000)]
    train, valid = split(texts, 0.5)
    assert marks(train + valid) == marks(texts)
    numbers = sorted({int(mark[1:].partition("p")[0]) for mark in marks(valid)})
    assert max(after - before for before, after in itertools.pairwise([0, *numbers, 1000])) <= 5


@pytest.mark.parametrize("gap", [" ", "\n"])
def test_of_a_large_text_without_blank_lines_lines_or_words_are_held_out(split: Split, gap: str) -> None:
    text = gap.join(f"d0p{index} and so on" for index in range(50_000))
    train, valid = split(["One blank line\n\n" + text], 0.5)
    assert marks(train + valid) == marks([text])
    assert 200_000 < sum(map(len, valid)) < 350_000
    assert max(map(len, valid)) < 4000


def test_what_is_held_out_depends_on_nothing_but_the_text(tmp_path: Path) -> None:
    paths = [written(tmp_path / name, paragraphs(40).encode()) for name in ("one", "other")]
    splits = [split_corpus(read_corpus([path]).documents, 0.05) for path in paths]
    one, other = ([(passage.begin, passage.end) for part in parts for passage in part] for parts in splits)
    assert one == other


@pytest.mark.parametrize("text", ["one line only", "one line only\n\n", "\n\n\none line only\n", "\n \none line only"])
def test_a_single_paragraph_is_too_short_to_hold_a_part_out(split: Split, text: str) -> None:
    with pytest.raises(CorpusError, match="too short") as caught:
        split([text], 0.05)
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
    split: Split, shape: list[list[int]], lead: str, gap: str, fraction: float
) -> None:
    texts = []
    for number, lengths in enumerate(shape):
        body = gap.join(" ".join([f"d{number}p{index}", *["word"] * size]) for index, size in enumerate(lengths))
        texts.append(lead + body)
    if len(marks(texts)) < 2:
        texts = [*texts, paragraphs(2, len(shape))]
    train, valid = split(texts, fraction)
    assert marks(train + valid) == marks(texts)
    assert Counter(" ".join(train + valid).split()) == Counter(" ".join(texts).split())
    assert marks(train)
    assert marks(valid)
