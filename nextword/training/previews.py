"""What a model suggests at a few places of the held-out text, to watch it learn, and one to try it on afterwards."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from nextword.inference.predictor import Predictor
from nextword.text.detokenizer import detokenize
from nextword.text.tokenizer import END_ID, UNKNOWN_ID, WordTokenizer
from nextword.training.events import Preview

_PREVIEWS = 4
_PREVIEW_WORDS = 8
_PREVIEW_TEXT = 1_000_000  # tokens of the text that places are looked for in
_EXAMPLE_WORDS = 4
_MAX_EXAMPLE_LENGTH = 60  # characters
_MAX_EXAMPLES = 1_000  # paragraphs among whose beginnings one is chosen


def make_previews(predictor: Predictor, ids: NDArray[np.int32]) -> list[Preview]:
    """What the model suggests after the first words of a few paragraphs, spread over the validation text, (N,).

    The very engine that users get makes the suggestions.
    """
    text = ids[:_PREVIEW_TEXT]
    starts = _paragraph_starts(text)
    ends = np.concatenate([starts[1:], [len(text) + 1]]) - 1
    long_enough = starts[ends - starts > _PREVIEW_WORDS]
    chosen = long_enough[:: max(1, len(long_enough) // _PREVIEWS)][:_PREVIEWS]
    previews = []
    for begin in chosen:
        context = detokenize(predictor.tokenizer, text[begin : begin + _PREVIEW_WORDS].tolist())
        previews.append(Preview(context, predictor.predict(context, k=3)))
    return previews


def example(tokenizer: WordTokenizer, ids: NDArray[np.int32]) -> str:
    """How a paragraph of the validation text begins, (N,): plain words that a user may type to try the model.

    As long as can be, and of those the one whose words are the most frequent. Where no paragraph begins with a plain
    word, other tokens will do, and where it begins with no known one at all it is empty.
    """
    text = ids[:_PREVIEW_TEXT]
    beginnings = [text[start : start + _EXAMPLE_WORDS].tolist() for start in _paragraph_starts(text)[:_MAX_EXAMPLES]]
    return _likeliest(tokenizer, beginnings, _is_plain) or _likeliest(tokenizer, beginnings, str.isprintable)


def _likeliest(tokenizer: WordTokenizer, beginnings: list[list[int]], suits: Callable[[str], bool]) -> str:
    """The best of `beginnings`, each as far as its tokens are known and suit."""
    best, best_rank = "", (0, 0)
    for beginning in beginnings:
        known = takewhile(lambda token: token not in (END_ID, UNKNOWN_ID) and suits(tokenizer.words[token]), beginning)
        tokens = list(known)
        rank = len(tokens), -max(tokens, default=0)  # the vocabulary begins with its most frequent words
        if rank > best_rank and any(tokenizer.is_word(tokenizer.words[token]) for token in tokens):
            written = detokenize(tokenizer, tokens)
            if len(written) <= _MAX_EXAMPLE_LENGTH:
                best, best_rank = written, rank
    return best


def _is_plain(word: str) -> bool:
    """Whether `word` begins with a letter and has only letters, their marks, and what may stand between them."""
    return word[:1].isalpha() and all(
        character.isalpha() or character in "'\u2019-\u200c\u200d" or unicodedata.category(character).startswith("M")
        for character in word
    )


def _paragraph_starts(text: NDArray[np.int32]) -> NDArray[np.intp]:
    """The places in `text` where paragraphs begin, (N,) to (paragraphs,)."""
    return np.flatnonzero(np.concatenate([[True], text[:-1] == END_ID]))
