"""Why this word? Every earlier word, or sentence, is taken out of the text, and what that changes is seen.

The rest of the text is read anew without it, so nothing is approximated: where leaving "France" out makes "French"
eight times less likely, "French" owes "France" three bits. The bits of several words need not add up to those of all
of them: words say the same thing twice, or something only together (Li, Monroe and Jurafsky 2016, "Understanding
neural networks through representation erasure"). All shortened texts are read side by side, and what they begin with
is read once.

Letters in shapes: P parts, S suggestions, H a layer's hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.config import WhyConfig
from nextword.errors import UsageError
from nextword.inference.engine import Engine
from nextword.inference.lstm import MAX_HELD_SCORES, Array, LSTMState, log_softmax
from nextword.inference.outlook import Outlook
from nextword.text.detokenizer import Detokenizer
from nextword.text.sentences import sentence_starts
from nextword.text.tokenizer import END, END_ID, Encoded

if TYPE_CHECKING:
    from nextword.inference.session import Session


class Part(NamedTuple):
    """What is taken out at once."""

    text: str  # as people write it
    position: int  # of its first token in the text, from 1


@dataclass(frozen=True)
class Influence:
    """What one suggestion owes to each part of the text before it.

    Attributes:
        word: The suggestion, as people write it.
        log2: Base-two logarithm of its probability after the whole text.
        bits: (P,) by how much that is more than without each part; negative where the part speaks against the word.
    """

    word: str
    log2: float
    bits: NDArray[np.float64]


def why_likeliest(engine: Engine, text: str, config: WhyConfig) -> tuple[list[Part], list[Influence], list[str]]:
    """The parts of `text`, what each of the likeliest next words owes to them, and the words that are unknown.

    Raises:
        UsageError: The text has no words, or the word asked about is not in the vocabulary.
    """
    encoded = engine.tokenizer.encode(text)
    if all(token_id == END_ID for token_id in encoded.ids):
        raise UsageError("there are no words in the text that could be taken out", "Try: nextword why 'I speak fluent'")
    parts, states = _taken_out(engine, engine.initial_state, encoded, config)
    if config.word is not None:
        words = [config.word]
    else:
        expected = engine.distribution(states.rows(0))
        position = engine.tokenizer.position(encoded)
        words = [one.word for one in Outlook(engine, expected, position).top(config.k)]
    return parts, _influences(engine, states, words), encoded.unknown


def why_suggested(session: Session, k: int) -> tuple[list[Part], list[Influence]] | None:
    """What each of the `k` words that a session suggests owes to the words read last.

    The last part is what the session has learned from them: by how much that makes the word likelier than the model
    alone does: infinitely, for a word outside the vocabulary. None where `Session.recent` knows no words.
    """
    recent = session.recent()
    if recent is None:
        return None
    engine, suggestions = session.engine, session.suggest(k)
    known = [one.word for one in suggestions if engine.tokenizer.known_id(one.word) is not None]
    parts, states = _taken_out(engine, *recent, WhyConfig())
    alone = {influence.word: influence for influence in _influences(engine, states, known)}
    nothing = np.zeros(len(parts))
    explained = []
    for suggestion in suggestions:
        of_model = alone.get(suggestion.word)
        bits = of_model.bits if of_model else nothing
        learned = suggestion.log2 - (of_model.log2 if of_model else -math.inf)
        explained.append(Influence(suggestion.word, suggestion.log2, np.append(bits, learned)))
    return [*parts, Part("what was learned", 0)], explained


def _taken_out(engine: Engine, state: LSTMState, encoded: Encoded, config: WhyConfig) -> tuple[list[Part], LSTMState]:
    """The parts of a text, and what remembers it with each of them taken out.

    Args:
        engine: The model.
        state: Before the text.
        encoded: The text, of one word or more.
        config: How long the parts are and how many.

    Returns:
        P parts; (P + 1, H) the states after the whole text and after the text without each part.
    """
    before = max(0, len(encoded.ids) - config.last)
    ids, written = encoded.ids[before:], _written(engine, encoded)[before:]
    tokens = engine.tokenizer.tokens(encoded)[before:]
    by_sentence = config.by == "sentence"
    starts = sentence_starts(tokens, engine.tokenizer.abbreviations) if by_sentence else [True] * len(ids)
    begins = [place for place, start in enumerate(starts) if start or place == 0]
    spans = list(zip(begins, [*begins[1:], len(ids)], strict=True))
    parts = [Part("".join(written[begin:end]).strip() or END, before + begin + 1) for begin, end in spans]
    texts = [ids, *(ids[:begin] + ids[end:] for begin, end in spans)]
    return parts, engine.network.read_batch(texts, engine.read(encoded.ids[:before], state))


def _influences(engine: Engine, states: LSTMState, words: Sequence[str]) -> list[Influence]:
    """What each of `words` owes to the parts with which `states` were reached, as `_taken_out` gives them."""
    log2 = _log2(engine, states.hidden[-1], [_token_id(engine, word) for word in words])
    return [
        Influence(word, float(whole), whole - without)
        for word, whole, without in zip(words, log2[0], log2[1:].T, strict=True)
    ]


def _token_id(engine: Engine, word: str) -> int:
    """The id of a word of the vocabulary."""
    token_id = engine.tokenizer.known_id(word)
    if token_id is None:
        raise UsageError(f"{word!r} is not in the vocabulary", "Ask for the likeliest words: leave --word out")
    return token_id


def _written(engine: Engine, encoded: Encoded) -> list[str]:
    """What each token adds to the text as people write it, spaces included; together they are the text."""
    detokenizer = Detokenizer(engine.tokenizer)
    return [detokenizer.add(token_id, encoded.unknown_words.get(place)) for place, token_id in enumerate(encoded.ids)]


def _log2(engine: Engine, shown: Array, targets: Sequence[int]) -> NDArray[np.float64]:
    """(P + 1, S) base-two logarithms of the probabilities of `targets`, by what the last layer shows, (P + 1, H)."""
    rows = max(1, MAX_HELD_SCORES // len(engine.tokenizer))
    found = []
    for begin in range(0, len(shown), rows):
        found.append(log_softmax(engine.network.logits(shown[begin : begin + rows]))[:, targets])
    log2: NDArray[np.float64] = np.concatenate(found) / math.log(2)
    return log2
