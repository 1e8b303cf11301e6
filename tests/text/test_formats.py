"""Subtitles and Markdown: what of them is text; and all formats in chunks of any size."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.config import FormatConfig
from nextword.text.corpus import Corpus, read_corpus
from nextword.text.tokenizer import WordTokenizer

SUBTITLES = """\
1
00:00:01,000 --> 00:00:02,000
<i>I would have</i>

2
00:00:03,000 --> 00:00:04,000 X1:100 X2:600
come, if I could.

3
00:00:05,000 --> 00:00:06,000
{\\an8}When was that?
- <font color="#ffff00">In the year</font>

4
00:00:07,000 --> 00:00:08,000
1984
"""
WEB_SUBTITLES = """\
WEBVTT - A film
Kind: captions

NOTE a comment
that has --> two lines

STYLE
::cue { color: lime }

introduction
00:01.000 --> 00:02.000 align:start
<v Anna>Hello &amp; welcome,
<00:01.500><c>dear</c>

00:00:03.000 --> 00:00:04.000
friends.
"""
MARKDOWN = """\
---
title: A day
tags: [one, two]
---
# A day, [at last](https://example.org/a_(b))

We met ![a cat](cat.png "Our cat") and [![a dog](dog.png)](https://example.org) <https://example.org>.

```python
print("no text")
```
~~~~
~~~
no text
~~~~

> ```
> no text
> ```

1. A list, [with a reference][one].
- `code` stays

[one]: https://example.org 'One'

The end.
"""
PIECES = [
    *(
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "a",
        "The end.",
        "\u200e",
        "\u2029",
        "\u2060",
        "1",
        "-->",
        "00:01.000 --> 00:02.000\n",
    ),
    *("```", "~~~", "---\n", "[a](b)", "<i>", "> ", "# ", "- ", "WEBVTT\n", "NOTE ", "&amp;", "[1]: http://a\n"),
    *("[12/31/23, 10:15:30 PM] Anna: ", "31.12.23, 22:15 - ", "12:34 ", "<nick> ", "* nick ", "-!- ", "--- "),
    *("From a@b Mon Jan  1 10:00:00 2024\n", "Content-Type: text/html; charset=x\n", "-- \n", "wrote:\n", "=?utf-8?q?"),
    *("Content-Type: multipart/mixed; boundary=b\n", "--b\n", "--b--\n", "Content-Transfer-Encoding: base64\n", "\xe9"),
]
FILES = {"a.srt": SUBTITLES, "a.vtt": WEB_SUBTITLES, "a.md": MARKDOWN}


def corpus(folder: Path, name: str, text: str, chunk_size: int = 1 << 20, **settings: object) -> Corpus:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_corpus([path], chunk_size=chunk_size, formats=FormatConfig(**settings))  # type: ignore[arg-type]


def words(read: Corpus) -> list[str]:
    """Each line with a word in it, after its number; a paragraph's end as a dot of its own."""
    text = read.documents[0].text
    lines: dict[int, list[str]] = {}
    for token in WordTokenizer.train([text], min_count=1).written(text):
        lines.setdefault(token.line, []).append("\u2022" if token.word == "<eos>" else token.word)
    return [" ".join([str(number), *line]) for number, line in lines.items()]


def test_subtitles_are_read_without_numbers_times_and_tags_and_sentences_go_over_several(tmp_path: Path) -> None:
    read = corpus(tmp_path, "film.srt", SUBTITLES)
    assert words(read) == [
        "3 I would have",
        "7 come , if I could . \u2022",
        "11 When was that ?",
        "12 - In the year",
        "16 1984 \u2022",
    ]
    assert read.notes == [f"Passed over in {tmp_path / 'film.srt'}: 4 times; --raw reads all of it."]
    by_line = words(corpus(tmp_path, "film.srt", SUBTITLES, paragraphs="line"))
    assert [line.split()[0] for line in by_line] == ["3", "7", "11", "12", "16"]
    assert all(line.endswith("\u2022") for line in by_line)


def test_web_subtitles_are_read_without_names_and_comments(tmp_path: Path) -> None:
    assert words(corpus(tmp_path, "film.VTT", WEB_SUBTITLES)) == [
        "12 Hello & welcome ,",
        "13 dear",
        "16 friends . \u2022",
    ]


def test_markdown_is_read_without_front_matter_code_and_addresses(tmp_path: Path) -> None:
    read = corpus(tmp_path, "day.md", MARKDOWN)
    assert words(read) == [
        "5 # A day , at last \u2022",
        "7 We met a cat and a dog . \u2022",
        "21 1 . A list , with a reference .",
        "22 - ` code ` stays \u2022",
        "26 The end . \u2022",
    ]
    counted = "4 lines of front matter, 7 addresses, 10 lines of code"
    assert read.notes == [f"Passed over in {tmp_path / 'day.md'}: {counted}; --raw reads all of it."]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("film.srt", "Subtitles are to come.\n\n1\n\nSoon.\n"),
        ("day.md", "---\n\nA line before is no front matter.\n\n---\n\nThe end.\n"),
        ("day.md", "---\nNothing closes this, so it is text.\n\nThe end.\n"),
        ("day.md", "Inline ```code``` is text, [brackets] (too), and f[1](x) is.\n".replace("[1](x)", "(x)")),
        ("day.md", "---\na rule opens the text\nand it goes on\n\n---\n"),
        ("day.md", "---\nNote: a rule\nopens the text.\n---\n"),
        ("day.md", "[Note]: this whole sentence is prose here.\n\n[Note]: Beware.\n\n[^1]: A note.\n"),
        ("day.txt", MARKDOWN),
        ("film.txt", SUBTITLES),
    ],
)
def test_what_only_looks_like_a_format_is_read_as_it_is(tmp_path: Path, name: str, text: str) -> None:
    read = corpus(tmp_path, name, text)
    assert read.documents[0].text == text
    assert read.notes == []


@pytest.mark.parametrize("name", FILES)
def test_all_of_it_is_read_if_so_asked(tmp_path: Path, name: str) -> None:
    read = corpus(tmp_path, name, FILES[name], raw=True)
    assert read.documents[0].text == FILES[name]
    assert read.notes == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("chunk_size", [1, 3, 50])
def test_where_a_file_is_cut_into_chunks_makes_no_difference(tmp_path: Path, name: str, chunk_size: int) -> None:
    assert corpus(tmp_path, name, FILES[name], chunk_size).digest == corpus(tmp_path, name, FILES[name]).digest


@given(
    name=st.sampled_from(["a.txt", "a.md", "a.srt", "a.vtt", "a.mbox", "a.eml"]),
    text=st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    chunk_size=st.integers(1, 40),
)
def test_whatever_a_file_holds_is_read_and_cut_anywhere_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, text: str, chunk_size: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole, cut = (corpus(folder, name, f"From: a\nword\n\nword {text}", size) for size in (1 << 20, chunk_size))
    assert (whole.digest, whole.notes) == (cut.digest, cut.notes)


def test_a_long_line_is_read_the_same_wherever_it_is_cut(tmp_path: Path) -> None:
    text = "00:01.000 --> 00:02.000\n" + "[a](b) <i> " * 20_000 + "\nThe end.\n"
    for name in ("a.md", "a.srt"):
        digests = {corpus(tmp_path, name, text, size).digest for size in (1000, 50_000, 1 << 20)}
        assert len(digests) == 1


def test_several_files_of_a_kind_are_noted_together(tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c.srt", "d.md", "e.md"):
        (tmp_path / name).write_text(FILES["a" + Path(name).suffix], encoding="utf-8")
    markdown, subtitles = read_corpus([tmp_path]).notes
    named = ", ".join(str(tmp_path / name) for name in ("a.md", "b.md", "d.md"))
    assert markdown.startswith(f"Passed over in {named} and 1 more: 16 lines of front matter, ")
    assert subtitles == f"Passed over in {tmp_path / 'c.srt'}: 4 times; --raw reads all of it."


@pytest.mark.parametrize("name", ["a.md", "a.srt", "a.vtt"])
def test_very_long_lines_are_read_and_no_word_of_them_is_lost(tmp_path: Path, name: str) -> None:
    head = "00:01.000 --> 00:02.000\n"
    for filler in ("a", "a ", "`", "> ", "[a", "](", "<", "{\\", "- ", "[a](b "):
        text = head + filler * 50_000 + "\nThe end.\n"
        assert corpus(tmp_path, name, text).documents[0].text.count(filler[0]) >= (
            40_000 if filler in ("a", "a ") else 0
        )


@pytest.mark.slow
def test_a_format_is_read_in_a_stream(tmp_path: Path) -> None:
    def peak(repeated: int) -> int:
        path = tmp_path / "large.md"
        path.write_text("Some words and then some more, and [a link](b).\n\n" * repeated, encoding="utf-8")
        tracemalloc.start()
        read_corpus([path], chunk_size=1 << 14)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(45_000) < 1.1 * peak(25_000)


def test_only_tags_are_no_text_of_subtitles(tmp_path: Path) -> None:
    said = ["if 3 < 4 and 5 > 4 then go.", "I love <3 you > me.", "a < b, <00:10> and <> stay."]
    text = "".join(f"00:01.000 --> 00:02.000\n<b>{line}</b><00:01.5>\n\n" for line in said)
    read = corpus(tmp_path, "film.vtt", text).documents[0].text
    assert [line for line in read.split("\n") if line.strip("\u2060")] == said


def test_subtitles_without_blank_lines_between_them_have_no_numbers(tmp_path: Path) -> None:
    said = ["Hello.", "1984", "3.", "Bye."]
    text = "".join(f"{number}\n00:00:01,000 --> 00:00:02,000\n{line}\n" for number, line in enumerate(said, 1))
    read = corpus(tmp_path, "film.srt", text).documents[0].text
    assert [line.strip("\u2060") for line in read.split("\n") if line.strip("\u2060")] == said
    counted = "1\n00:00:01,000 --> 00:00:02,000\n1\n2\n3\n\n2\n00:00:03,000 --> 00:00:04,000\nGo.\n"
    read = corpus(tmp_path, "film.srt", counted).documents[0].text
    assert "".join(read.replace("\u2060", "").split()) == "123Go."


@pytest.mark.parametrize(
    "head",
    [
        "---\ntitle: A day\ntags:\n- one\n  two\n\n# a comment\ndate created: today\nurl: http://a.b\n---\n",
        "+++\ntitle = 'A day'\n[params]\nkey = [\n  1,\n]\n+++\n",
        "---\n---\n",
    ],
)
def test_front_matter_has_keys_and_values(tmp_path: Path, head: str) -> None:
    assert corpus(tmp_path, "day.md", head + "The end.\n").documents[0].text.strip() == "The end."


def test_a_block_of_code_that_is_never_closed_is_noted(tmp_path: Path) -> None:
    text = "One.\n```\ncode\n```\nTwo.\n```\ncode\n"
    read = corpus(tmp_path, "day.md", text)
    assert read.documents[0].text.split() == ["One.", "Two."]
    assert (
        read.notes[0]
        == f"{tmp_path / 'day.md'} ends inside the block of code that begins in line 6, and no word after that is read."
    )
    assert len(corpus(tmp_path, "day.md", text + "```\n").notes) == 1
