"""Learning a vocabulary from text of any size, which is read once and encoded on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nextword.text.abbreviations import learn_abbreviations
from nextword.text.casing import FormsByPlace
from nextword.text.divided import Divided
from nextword.text.encoder import Encoder, Text
from nextword.text.pipeline import Pipeline
from nextword.text.rules import RULES, VERSION
from nextword.text.spool import spool
from nextword.text.token_file import TokenFile, read_ids, write_ids
from nextword.text.vocabulary import MAX_FORMS, MAX_RARE_WORDS, UNKNOWN_ID, FormCounts, Vocabulary, is_learnable


def learn_words(
    texts: Iterable[Text],
    scheme: str,
    cased: bool,
    vocab_size: int,
    min_count: int,
    on_progress: Callable[[int, int], None] | None = None,
    max_forms: int = MAX_FORMS,
    version: int = VERSION,
) -> tuple[Vocabulary, TokenFile, int]:
    """The vocabulary of texts, their ids, and how many times at most a word was met and not counted.

    Every word gets a provisional number, written to a temporary file, and the numbers become ids when all words are
    counted.
    """
    counts = FormCounts(vocab_size, max_forms)
    with spool() as file:
        _count(texts, Pipeline(scheme, cased, version=version), cased, counts, file)
        words, rare = counts.vocabulary(vocab_size, min_count, MAX_RARE_WORDS)
        rare = [word for word in rare if is_learnable(word, RULES[version].emoji)]
        resolve = counts.resolver([*words, *rare])
        abbreviations = None if cased else learn_abbreviations(lambda: resolve.settled(read_ids(file)), counts)
        forms = None if abbreviations is None else FormsByPlace([*words, *rare], counts, set(abbreviations))

        def ids() -> Iterator[NDArray[np.int32]]:
            done = 0
            for numbers in resolve.settled(read_ids(file)):
                resolved = resolve.ids(numbers)
                if forms:
                    forms.count(numbers, resolved)
                done += len(numbers)
                if on_progress:
                    on_progress(done, counts.tokens)
                resolved[resolved >= len(words)] = UNKNOWN_ID
                yield resolved

        token_file = TokenFile(ids())
    surface_forms = forms.most_frequent(counts) if forms else {}
    rare_forms = [surface_forms.pop(word, word) for word in rare]
    learned = Vocabulary(words, scheme, cased, surface_forms, rare_forms, version, abbreviations)
    return learned, token_file, counts.missed


def _count(texts: Iterable[Text], pipeline: Pipeline, cased: bool, counts: FormCounts, file: IO[bytes]) -> None:
    """Count the words of `texts` and write the number of each to `file`."""
    folded = pipeline.folded

    def number(token: str, written: str) -> int:
        return counts.number(token, token if cased else folded(written))

    def read_divided(divided: Divided) -> list[int]:
        readings = [[(token, token if cased else folded(text)) for token, text in one] for one in divided.readings]
        return counts.divided(readings)

    encoder = Encoder(pipeline, number, read_divided)
    for numbers in encoder.encode(texts):
        write_ids(file, [numbers])
        if counts.count(numbers):
            encoder.forget()
