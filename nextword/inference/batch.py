"""What `predict` is asked and what it answers: after one text, or after thousands side by side.

`predict_batch` gives what a session for each text would give, with matrix products that serve all texts at once. Knows
predictor and sessions; no screen and no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nextword.config import PredictConfig
from nextword.inference.generation import phrases
from nextword.inference.lstm import Array, LSTMState
from nextword.inference.predictor import NewWord, Prediction, Predictor, at_temperature
from nextword.inference.session import Session
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import WordTokenizer

_MAX_TEXTS = 1024  # read side by side; their states are a few kilobytes each
_MAX_TOKENS = 2_048  # of one text are read; of what came before them, rounding leaves nothing in a memory
_MAX_LENGTH = 1 << 15  # characters of one text are looked at for them
_MAX_SCORES = 1 << 23  # held at once: a row of the vocabulary's length for each text


def end_of(text: str, tokenizer: WordTokenizer) -> str:
    """What is read of a text: all of it, or its last 2,048 tokens; of no more than 32,768 characters, from a space on.

    A line of nothing but backslashes, each of them a token, is then answered in a fraction of a second, as any other.
    """
    if len(text) > _MAX_LENGTH:
        text = text[-_MAX_LENGTH:].partition(" ")[2] or text[-_MAX_LENGTH:]
    return tokenizer.ending(text, _MAX_TOKENS)


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
    predictor = session.predictor
    end = end_of(text, predictor.tokenizer)
    text_read, prefix = _split(predictor, end, config)
    unknown = session.feed(text_read)
    now = session.snapshot
    new_words = now.new_words if session.adapt else ()
    predictions = _predictions(predictor, now.state, now.position, session.distribution(), prefix, config, new_words)
    return Answer(text, predictions, unknown, len(end))


def predict_batch(predictor: Predictor, texts: Sequence[str], config: PredictConfig) -> Iterator[Answer]:
    """Answer for each of `texts`, in order, as a fresh session that does not adapt would: to about 1e-7.

    Of a very long text only the end is read; see `end_of`.
    """
    for begin in range(0, len(texts), _MAX_TEXTS):
        yield from _batch(predictor, texts[begin : begin + _MAX_TEXTS], config)


def _batch(predictor: Predictor, texts: Sequence[str], config: PredictConfig) -> Iterator[Answer]:
    ends = [end_of(text, predictor.tokenizer) for text in texts]
    split = [_split(predictor, end, config) for end in ends]
    encoded = predictor.tokenizer.encode_many([text_read for text_read, _ in split])
    states = predictor.network.read_batch([text.ids for text in encoded], predictor.initial_state)
    words = predictor.tokenizer.words
    rows = max(1, _MAX_SCORES // len(predictor.tokenizer))
    for place, text in enumerate(texts):
        row = place % rows
        if row == 0:
            expected = predictor.distribution(states.rows(slice(place, place + rows)))
        position = SentencePosition().after_all(words[token_id] for token_id in encoded[place].ids)
        prefix = split[place][1]
        predictions = _predictions(predictor, states.rows(place), position, expected[row], prefix, config)
        yield Answer(text, predictions, encoded[place].unknown, len(ends[place]))


def _split(predictor: Predictor, text: str, config: PredictConfig) -> tuple[str, str]:
    """What is to be read of a text, and the letters of its last word, if that is to be completed."""
    return predictor.tokenizer.split_unfinished(text) if config.complete else (text, "")


def _predictions(
    predictor: Predictor,
    state: LSTMState,
    position: SentencePosition,
    distribution: Array,
    prefix: str,
    config: PredictConfig,
    new_words: Sequence[NewWord] = (),
) -> list[Prediction]:
    """The words or phrases that are likeliest after what was read."""
    k, punctuation, temperature = config.k, config.punctuation, config.temperature
    if config.words > 1:
        return phrases(
            predictor, state, position, config.words, k, punctuation, prefix, temperature, first=distribution
        )
    expected = at_temperature(distribution, temperature)
    return predictor.top(expected, k, position.at_start, punctuation, prefix, new_words)
