"""Encoding in a stream gives the ids of encoding at once: for any text, however it is cut into chunks."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, trainers

from nextword.text.encoder import Encoder, Text, whole_pretokens
from nextword.text.pipeline import MAX_PRETOKEN_LENGTH, SPACES, SURROGATE, Pipeline
from nextword.text.tokenizer import END, END_ID, UNKNOWN, UNKNOWN_ID, WordTokenizer

TEXT = (
    "Anna's mother-in-law paid 1,000 at 10:30 -- \u201cor 3.14\u201d\u2026\r\n\r\n"
    "caf\u00e9 Pa\u00adris (\u00c9t\u00e9) \U0001f600"
)
MARKS = list(
    "aAbi 1.,:'-\"\n\t\u00a0\u2003\u2028\x1c\x1f\x85\r\0\ud800\u0301\u00ad\u200b\u2019\u2014\u2026\u0130\u03a3\u4e00"
)
any_text = st.text(st.one_of(st.sampled_from(MARKS), st.characters()), max_size=60)
cuts = st.lists(st.integers(0, 60), max_size=8)


@pytest.fixture(scope="module", params=["words", "cased", "whitespace"])
def tokenizer(request: pytest.FixtureRequest) -> WordTokenizer:
    scheme = "words" if request.param == "cased" else request.param
    return WordTokenizer.train([TEXT, " ".join(MARKS)], scheme, request.param == "cased", min_count=1)


def encoded(tokenizer: WordTokenizer, *texts: Text) -> list[int]:
    return [int(token) for chunk in tokenizer.encode_documents(texts) for token in chunk]


def encoded_by_the_library(tokenizer: WordTokenizer, text: str) -> list[int]:
    """What `encode`, which knows nothing of streams, makes of every paragraph or line."""
    if tokenizer.scheme == "whitespace":
        pieces = text.removesuffix("\n").split("\n")
    else:
        pieces = [piece for piece in Pipeline("words", False).end.split(text) if piece.strip(SPACES)]
    return [token for piece in pieces for token in [*tokenizer.encode(piece).ids, END_ID]]


def in_chunks(text: str, places: list[int]) -> list[str]:
    places = [0, *sorted(places), max(60, len(text))]
    return [text[begin:end] for begin, end in itertools.pairwise(places)]


@given(text=any_text, places=cuts)
@example(text="a\n \nb", places=[2, 3])  # inside a paragraph's end
@example(text="mother-in-law e\u0301", places=[3, 15])  # inside words
@example(text="a\n\n\n\n", places=[2, 3, 4])
def test_a_text_in_chunks_has_the_ids_of_the_library(tokenizer: WordTokenizer, text: str, places: list[int]) -> None:
    expected = encoded_by_the_library(tokenizer, text)
    assert encoded(tokenizer, text) == expected
    assert encoded(tokenizer, in_chunks(text, places)) == expected
    assert encoded(tokenizer, text, in_chunks(text, places)) == expected * 2


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "cased"), [("words", False), ("words", True), ("whitespace", False)])
@given(text=any_text, places=cuts)
def test_a_text_read_for_the_first_time_gets_the_words_and_ids_of_the_library(
    scheme: str, cased: bool, text: str, places: list[int]
) -> None:
    learned = WordTokenizer.train_and_encode([in_chunks(text, places)], scheme, cased, min_count=1)
    assert learned.ids.ids.tolist() == encoded_by_the_library(learned.tokenizer, text)
    assert learned.tokenizer.to_json() == WordTokenizer.train([text], scheme, cased, min_count=1).to_json()
    assert UNKNOWN_ID not in learned.ids.ids
    trainer = trainers.WordLevelTrainer(special_tokens=[UNKNOWN, END], show_progress=False)
    library = Tokenizer.from_str(learned.tokenizer.to_json()[0])
    library.train_from_iterator([SURROGATE.sub("\ufffd", text)], trainer)
    vocabulary = library.get_vocab()
    assert learned.tokenizer.words == sorted(vocabulary, key=vocabulary.__getitem__)


@pytest.mark.slow
@pytest.mark.parametrize("limits", [{"max_known": 1}, {"max_known_length": 1}, {}])
@pytest.mark.parametrize("scheme", ["words", "whitespace"])
@given(text=any_text, places=cuts)
def test_what_is_remembered_makes_no_difference(
    scheme: str, limits: dict[str, int], text: str, places: list[int]
) -> None:
    tokenizer = WordTokenizer.train([TEXT, " ".join(MARKS)], scheme, min_count=1)
    small = Encoder(
        Pipeline(scheme, False), lambda token, _: tokenizer.token_id(token) or UNKNOWN_ID, lookup_length=1, **limits
    )
    ids = [int(token) for chunk in small.encode([in_chunks(text, places)]) for token in chunk]
    assert ids == encoded(tokenizer, text)


def test_little_is_remembered_however_many_different_words_there_are() -> None:
    asked = Counter[str]()

    def number(token: str, written: str) -> int:
        asked[token] += 1
        return len(token)

    reader = Encoder(Pipeline("words", False), number, max_known=100, lookup_length=100)
    ids = np.concatenate(list(reader.encode([(f"word{index} again " for index in range(1000))])))
    assert len(ids) == 2001
    assert 5 <= asked["again"] <= 20  # once for every time that all was forgotten


@pytest.mark.parametrize("text", ["x" * 1_000_000, "\n" * 1_000_000 + "x", "\t" * 1_000_000, "\u00ad" * 1_000_000])
@pytest.mark.parametrize("by_line", [False, True])
def test_a_text_without_spaces_or_without_words_is_not_gathered(text: str, by_line: bool) -> None:
    chunks = [text[begin : begin + 1000] for begin in range(0, len(text), 1000)]
    assert max(map(len, whole_pretokens(chunks, by_line))) <= MAX_PRETOKEN_LENGTH + 2000


PEAK = """
import re, sys
from pathlib import Path
from nextword.text.corpus import read_corpus
from nextword.text.held_out import split_corpus
from nextword.text.tokenizer import WordTokenizer
for path in sys.argv[1:]:
    train, valid = split_corpus(read_corpus([Path(path)]).documents, 0.05)
    tokenizer, ids, _ = WordTokenizer.train_and_encode(train)
    tokens = len(ids) + sum(map(len, tokenizer.encode_documents(valid)))
    print(tokens, re.search("VmHWM:[^0-9]*([0-9]+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's peak there")
def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    paragraph = " ".join(f"word{index * index % 9973} and," for index in range(5000)) + "\n\n"
    repetitions = (100, 500)
    paths = [tmp_path / f"{repeated}.txt" for repeated in repetitions]  # 7 and 34 MB
    for path, repeated in zip(paths, repetitions, strict=True):
        path.write_text(paragraph * repeated)
    done = subprocess.run([sys.executable, "-c", PEAK, *paths], capture_output=True, text=True, check=True)
    results = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    ends = 2 * 300  # of the 300 stretches held out, which are cut out of paragraphs as long as these
    assert [tokens for tokens, _ in results] == [15_001 * repeated + ends for repeated in repetitions]
    megabytes_more = (results[1][1] - results[0][1]) / 1000
    assert megabytes_more < 15, results
