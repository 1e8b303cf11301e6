"""What `predict` is asked and what it answers: after one text, or after thousands side by side.

`predict_batch` gives what a session for each text would give, with matrix products that serve all texts at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nextword.config import PredictConfig
from nextword.inference.engine import Engine
from nextword.inference.lstm import MAX_HELD_SCORES
from nextword.inference.outlook import Outlook, Prediction
from nextword.inference.session import Session
from nextword.text.tokenizer import WordTokenizer

MAX_BATCH_SIZE = 1024  # texts read side by side; their states are a few kilobytes each
_MAX_TOKENS_READ = 2_048  # tokens; of what came before them, rounding leaves nothing in a memory
_MAX_LENGTH_READ = 1 << 15  # characters in which the tokens to read are looked for


def end_of(text: str, tokenizer: WordTokenizer) -> str:
    """What is read of a text: all of it, or its last 2,048 tokens; of no more than 32,768 characters, from a space on.

    A line of nothing but backslashes, each of them a token, is then answered in a fraction of a second, as any other.
    """
    if len(text) > _MAX_LENGTH_READ:
        text = text[-_MAX_LENGTH_READ:].partition(" ")[2] or text[-_MAX_LENGTH_READ:]
    return tokenizer.ending(text, _MAX_TOKENS_READ)


class Answer(NamedTuple):
    """What comes next, after one text."""

    text: str
    predictions: list[Prediction]
    unknown: list[str]  # words of the text that are not in the vocabulary
    read: int  # characters of its end that were read: all, unless it is very long


def in_session(session: Session, text: str, config: PredictConfig) -> Answer:
    """Read `text` on from where `session` is, and answer; an unfinished last word (`complete`) is not read.

    Of a very long text only the end is read; see `end_of`.
    """
    tokenizer = session.engine.tokenizer
    end = end_of(text, tokenizer)
    complete, prefix = _split(tokenizer, end, config)
    unknown = session.feed(complete)
    return Answer(text, _predictions(session.outlook(), prefix, config), unknown, len(end))


def predict_batch(
    engine: Engine,
    texts: Sequence[str],
    config: PredictConfig,
    batch_size: int = MAX_BATCH_SIZE,
    max_scores: int = MAX_HELD_SCORES,
) -> Iterator[Answer]:
    """Answer for each of `texts`, in order, as a fresh session that does not adapt would: to about 1e-7.

    Of a very long text only the end is read; see `end_of`.

    Args:
        engine: The model.
        texts: Any number of them.
        config: What is asked.
        batch_size: How many texts are read side by side.
        max_scores: How many probabilities are held at once, those of one text at least.
    """
    for begin in range(0, len(texts), batch_size):
        yield from _batch(engine, texts[begin : begin + batch_size], config, max_scores)


def _batch(engine: Engine, texts: Sequence[str], config: PredictConfig, max_scores: int) -> Iterator[Answer]:
    tokenizer = engine.tokenizer
    ends = [end_of(text, tokenizer) for text in texts]
    completes, prefixes = zip(*(_split(tokenizer, end, config) for end in ends), strict=True)
    encoded = tokenizer.encode_many(completes)
    states = engine.network.read_batch([text.ids for text in encoded], engine.initial_state)
    rows = max(1, max_scores // len(tokenizer))
    for place, (text, prefix) in enumerate(zip(texts, prefixes, strict=True)):
        row = place % rows
        if row == 0:
            distributions = engine.distribution(states.rows(slice(place, place + rows)))
        position = tokenizer.position(encoded[place])
        outlook = Outlook(engine, distributions[row], position, state=states.rows(place))
        yield Answer(text, _predictions(outlook, prefix, config), encoded[place].unknown, len(ends[place]))


def _split(tokenizer: WordTokenizer, text: str, config: PredictConfig) -> tuple[str, str]:
    """What is to be read of a text, and the letters of its last word, if that is to be completed."""
    return tokenizer.split_unfinished(text) if config.complete else (text, "")


def _predictions(outlook: Outlook, prefix: str, config: PredictConfig) -> list[Prediction]:
    """The words or phrases that are likeliest next."""
    asked = (config.k, config.punctuation, prefix, config.temperature)
    return outlook.phrases(config.words, *asked) if config.words > 1 else outlook.top(*asked)
