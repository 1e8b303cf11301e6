"""What is said of bytes that are no text in the encoding named: where, and what else they may be."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nextword.errors import CorpusError
from nextword.text.corpus import Corpus, read_corpus

CURLY = "\u201cI don\u2019t know,\u201d she said \u2013 and left.\n"


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refusal(path: Path, encoding: str = "utf-8") -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        read_corpus([path], encoding)
    return caught.value


def text_of(corpus: Corpus) -> str:
    return corpus.documents[0].text


def test_the_hint_at_curly_quotes_of_windows_names_their_encoding_which_reads_them(tmp_path: Path) -> None:
    path = written(tmp_path / "word.txt", CURLY.encode("cp1252"))
    error = refusal(path)
    assert "(byte 0)" in error.message
    assert "--encoding cp1252" in error.hint
    assert text_of(read_corpus([path], "cp1252")) == CURLY


def test_the_encoding_is_seen_around_the_place_that_fails_however_far_it_is(tmp_path: Path) -> None:
    before = b"All of this is plain.\n" * 100_000
    russian = "\u042f \u043d\u0435 \u0437\u043d\u0430\u044e, \u0447\u0442\u043e \u0434\u0435\u043b\u0430\u0442\u044c.\n"
    for encoding in ("koi8-r", "cp1252"):
        text = russian * 50 if encoding == "koi8-r" else CURLY
        error = refusal(written(tmp_path / "long.txt", before + text.encode(encoding)))
        assert f"(byte {len(before)})" in error.message
        assert f"--encoding {encoding}" in error.hint


def test_bytes_of_no_encoding_get_no_name(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "odd.bin", bytes(range(128, 256)) * 20))
    assert error.hint.endswith("--encoding NAME")


@pytest.mark.parametrize("encoding", ["latin-1", "iso-8859-1", "ISO8859_1"])
def test_latin_1_with_bytes_that_are_none_of_its_characters_gets_a_note(tmp_path: Path, encoding: str) -> None:
    corpus = read_corpus([written(tmp_path / "word.txt", CURLY.encode("cp1252"))], encoding)
    (note,) = corpus.notes
    assert "word.txt" in note
    assert "--encoding cp1252" in note
    assert not read_corpus([written(tmp_path / "plain.txt", "caf\u00e9 au lait".encode("latin-1"))], encoding).notes
    (note,) = read_corpus([written(tmp_path / "modern.txt", CURLY.encode())], encoding).notes
    assert "--encoding utf-8" in note


def test_what_is_odd_about_many_files_is_said_in_one_note(tmp_path: Path) -> None:
    for number in range(9):
        written(tmp_path / f"{number}.txt", CURLY.encode("cp1252"))
    (note,) = read_corpus([tmp_path], "latin-1").notes
    assert "0.txt" in note
    assert "and 6 more" in note


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
@pytest.mark.parametrize("named", ["utf-8", "utf-16", "utf-16-le"])
def test_the_mark_of_utf_32_is_told_from_that_of_utf_16(tmp_path: Path, mark: bytes, named: str) -> None:
    encoding = "utf-32-le" if mark == codecs.BOM_UTF32_LE else "utf-32-be"
    path = written(tmp_path / "wide.txt", mark + "Good morning".encode(encoding))
    error = refusal(path, named)
    assert "UTF-32" in error.message
    assert error.hint.endswith("--encoding utf-32")
    assert text_of(read_corpus([path], "utf-32")) == "Good morning"


def test_a_mark_of_another_byte_order_than_the_one_named_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "wide.txt", "\ufeffGood morning".encode("utf-16-be"))
    assert refusal(path, "utf-16-le").hint.endswith("--encoding utf-16")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_characters_without_a_mark_are_named(tmp_path: Path, encoding: str) -> None:
    for text in ("Good morning to you\n", "\u0414\u043e\u0431\u0440\u043e\u0435 \u0443\u0442\u0440\u043e\n" * 3):
        path = written(tmp_path / "wide.txt", text.encode(encoding))
        assert refusal(path).hint.endswith(f"--encoding {encoding}")
        assert text_of(read_corpus([path], encoding)) == text


@pytest.mark.parametrize(
    ("text", "encoding", "lost"),
    [
        ("Good caf\u00e9", "utf-8", 1),
        ("Good \u6771\u4eac", "utf-8", 1),
        ("Good \u6771\u4eac", "utf-8", 2),
        ("Good \U0001f600", "utf-8", 3),
        ("Good \u6771\u4eac", "utf-16-le", 1),
        ("Good \U0001f600", "utf-16-le", 2),
        ("Good \u6771\u4eac", "shift_jis", 1),
        ("Good \u4eac", "gb18030", 1),
    ],
)
@pytest.mark.parametrize("chunk_size", [1, 3, 1 << 20])
def test_a_text_cut_inside_its_last_character_is_read_up_to_it_with_a_note(
    tmp_path: Path, text: str, encoding: str, lost: int, chunk_size: int
) -> None:
    path = written(tmp_path / "cut.txt", text.encode(encoding)[:-lost])
    corpus = read_corpus([path], encoding, chunk_size=chunk_size)
    assert text_of(corpus) == text[:-1]
    (note,) = corpus.notes
    assert note.startswith(str(path))
    assert "ends inside a character" in note


def test_a_character_cut_anywhere_else_is_refused(tmp_path: Path) -> None:
    content = "Good \u6771".encode()[:-1]
    assert "(byte 5)" in refusal(written(tmp_path / "cut.txt", content + b" morning")).message
    assert "(byte 5)" in refusal(written(tmp_path / "cut.txt", content + b"\n")).message


def test_a_folder_of_one_other_encoding_says_which(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        written(tmp_path / name, CURLY.encode("cp1252"))
    error = refusal(tmp_path)
    assert "a.txt is not utf-8 text" in error.message
    assert "--encoding cp1252" in error.hint


# -- pipes -----------------------------------------------------------------------------------------------------------


def test_a_named_pipe_is_read_once_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=("\ufeffcaf\u00e9\r\n".encode() * 100_000,))
    writer.start()
    corpus = read_corpus([pipe])
    writer.join()
    assert text_of(corpus).replace("\ufeff", "") == "caf\u00e9\n" * 100_000
    assert sum(map(len, corpus.documents[0].whole)) == len(text_of(corpus))


def test_standard_input_and_substitutions_are_read_and_what_is_wrong_with_them_is_said(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nextword.errors import CorpusError\n"
        "from nextword.text.corpus import read_corpus\n"
        "try: print([d.text for d in read_corpus([Path(p) for p in sys.argv[1:]]).documents])\n"
        "except CorpusError as error: print(error.message, '|', error.hint)"
    )

    def shown(script: str) -> str:
        command = ["bash", "-c", script, "bash", sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    assert shown('printf "one" | "$@" - <(printf two) <(printf three)') == "['one', 'two', 'three']"
    assert shown('printf "a\\xffb" | "$@" -').startswith("standard input is not utf-8 text (byte 1)")
    assert shown('"$@" - < /dev/null').startswith("no text on standard input")
    assert shown('"$@" - < /dev/zero').startswith("standard input is not a text file (NUL at character 0)")
