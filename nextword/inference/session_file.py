"""What a session's file holds, and how much of it a session can go on from.

    hidden.*, cell.*   (H,) float32, the LSTM's state, layer by layer
    memory.words       (n,) int32, the words remembered, each the number of its line in the next
    memory.lexicon     (b,) uint8, those words in UTF-8, a line each: of the vocabulary's, or as they were written
    memory.keys        (m, H) int8, the direction of the last layer's hidden state before each of the last m words
    memory.weights     (L, E) float64, how much each expert counts
    memory.usual       (V,) float32, the mean of the model's distributions; (0,) where none was taken
    format             "nextword-session/2"
    checkpoint         digest and path of the checkpoint it was made with, as JSON
    session            position in the sentence, words seen, the text's tail, how many distributions were taken, how
                       many words the network has read, and how far the weights are trusted, as JSON

It holds what the session remembers and nothing that it has forgotten. With another checkpoint, which may have other
words, the words, the weights and the trust hold, and the rest begins anew. In the first version `memory.words` were
numbers of the vocabulary's words, after which came `new_words`, and as many as keys; there were no lexicon, weights and
mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.inference.adaptation import Adaptation
from nextword.inference.cache import Ids
from nextword.inference.lexicon import Lexicon
from nextword.inference.lstm import LSTMState
from nextword.inference.session import MAX_TAIL_LENGTH, Session, Snapshot, new_word
from nextword.text.sentences import OTHER, SentencePosition, kind_of
from nextword.text.tokenizer import UNKNOWN_ID, WordTokenizer
from nextword.text.vocabulary import MAX_NEW_WORD_LENGTH

FORMAT = "nextword-session/2"
EARLIER = "nextword-session/1"
MAX_REMEMBERED = 1_250_001  # words; the largest AdaptConfig.words, and what is spared the trouble of dropping it
MAX_WINDOW = 100_000  # contexts; the largest AdaptConfig.window
_MAX_LEXICON = 1 << 26  # bytes of the different words among those remembered
_MAX_COUNT = 2**53  # the largest count that all readers of JSON hold exactly
_MAX_HIDDEN = 1.001  # an output gate times a tanh, so 1, and what rounding may add
_MAX_WEIGHT = 1e6
_FACTS = {"position", "words_seen", "tail", "samples", "read", "trust"}

Tensors = dict[str, NDArray[Any]]


def largest_tensors(session: Session) -> int:
    """Bytes of the tensors that a file of a session with this model may have."""
    state_bytes = sum(values.nbytes for values in _state_tensors(session.state).values())
    keys = MAX_WINDOW * len(session.state.hidden[-1])
    others = session.snapshot.memory.weights.nbytes + 4 * len(session.engine.tokenizer)
    return state_bytes + keys + 4 * MAX_REMEMBERED + _MAX_LEXICON + others


def stored(session: Session) -> tuple[Tensors, dict[str, Any]]:
    """The tensors of the file, and the facts."""
    snapshot, tokenizer = session.snapshot, session.engine.tokenizer
    memory = snapshot.memory
    numbers, words = np.unique(memory.words(), return_inverse=True)
    lexicon = [
        tokenizer.words[number] if number < len(tokenizer) else snapshot.new_words[number - len(tokenizer)].form
        for number in numbers.tolist()
    ]
    tensors: Tensors = {
        "memory.keys": memory.near.last(memory.end)[0],
        "memory.words": words.astype(np.int32).reshape(-1),
        "memory.lexicon": np.frombuffer("\n".join(lexicon).encode(), np.uint8),
        "memory.weights": memory.weights,
        "memory.usual": np.empty(0, np.float32) if memory.usual is None else memory.usual,
        **_state_tensors(snapshot.state),
    }
    facts = {
        "position": {name: value for name, value in snapshot.position._asdict().items() if name != "label" or value},
        "words_seen": snapshot.words_seen,
        "tail": snapshot.tail,
        "samples": memory.samples,
        "read": memory.read,
        "trust": memory.trust,
    }
    return tensors, facts


def restored(session: Session, facts: Any, tensors: Tensors, same: bool) -> Snapshot:
    """The snapshot that a file holds.

    Args:
        session: A fresh one, with the model to go on with.
        facts: What the file says.
        tensors: What it holds.
        same: Whether it was made with that model.

    Raises:
        ValueError, KeyError, TypeError: It is no file of such a session.
    """
    tokenizer = session.engine.tokenizer
    _demand(isinstance(facts, dict), "facts")
    if "new_words" in facts:
        tensors, facts = _of_first_version(session, facts, tensors)
    _demand(facts.keys() == _FACTS, "facts")
    _check_tensors(tensors, session, same)
    position, tail = SentencePosition(**facts["position"]), facts["tail"]
    flags = position.at_start, position.quoted, position.label
    _demand(all(type(flag) is bool for flag in flags), "place in the sentence")
    _demand(_can_be_previous(position.previous, tokenizer) or not same, "previous word")
    _demand(isinstance(tail, str) and len(tail) <= MAX_TAIL_LENGTH, "text's tail")
    counts = [facts[name] for name in ("words_seen", "samples", "read")]
    _demand(all(type(count) is int and 0 <= count <= _MAX_COUNT for count in counts), "counts")
    trust = facts["trust"]
    _demand(type(trust) is float and 0 < trust < 1, "trust")
    new_words = Lexicon()
    words = _numbers(tensors, tokenizer, new_words)
    snapshot = session.snapshot._replace(new_words=new_words, words_seen=facts["words_seen"], tail=tail)
    keys, weights = tensors["memory.keys"], tensors["memory.weights"]
    if not same:
        return snapshot._replace(memory=_memory(session, keys[:0], words)._replace(weights=weights, trust=trust))
    usual = tensors["memory.usual"]
    _demand((len(usual) > 0) == (facts["samples"] > 0), "count of distributions")
    memory = (
        _memory(session, keys, words)
        ._replace(weights=weights, trust=trust, usual=usual if len(usual) else None)
        ._replace(samples=facts["samples"], read=facts["read"])
        .with_inverse()
    )
    layers = range(len(session.state.hidden))
    state = LSTMState(*(tuple(tensors[f"{kind}.{layer}"] for layer in layers) for kind in LSTMState._fields))
    return snapshot._replace(state=state, memory=memory, position=position)


def _memory(session: Session, keys: NDArray[np.int8], words: Ids) -> Adaptation:
    """What was learned from (n,) words, of the last of which there are (m, H) keys."""
    adapt = session.adapt
    window, limit = (adapt.window, adapt.words) if adapt else (len(keys), MAX_REMEMBERED)
    return Adaptation.fresh(len(session.state.hidden[-1]), window, limit).holding(
        keys, words[len(words) - len(keys) :], words
    )


def _of_first_version(session: Session, facts: dict[str, Any], tensors: Tensors) -> tuple[Tensors, dict[str, Any]]:
    """The tensors and the facts of a file of the first version as this one has them."""
    words, new_words = tensors["memory.words"], facts["new_words"]
    _demand(isinstance(new_words, list) and all(isinstance(new, str) for new in new_words), "new words")
    _demand(all(len(new) <= MAX_NEW_WORD_LENGTH and new.isprintable() for new in new_words), "new words")
    lexicon = [*session.engine.tokenizer.words, *new_words]
    added: Tensors = {
        "memory.lexicon": np.frombuffer("\n".join(lexicon).encode(), np.uint8),
        "memory.weights": session.snapshot.memory.weights,
        "memory.usual": np.empty(0, np.float32),
    }
    _demand(words.shape == tensors["memory.keys"].shape[:1], "count of keys")
    others = {name: value for name, value in facts.items() if name != "new_words"}
    return tensors | added, {**others, "samples": 0, "read": 0, "trust": session.snapshot.memory.trust}


def _numbers(tensors: Tensors, tokenizer: WordTokenizer, new_words: Lexicon) -> Ids:
    """The words remembered as this vocabulary numbers them; what it would not remember is `<unk>`."""
    places = tensors["memory.words"]
    lexicon = bytes(tensors["memory.lexicon"]).decode().split("\n") if places.size else []
    _demand(places.size == 0 or (places.min() >= 0 and places.max() < len(lexicon)), "words remembered")
    used = set(np.unique(places).tolist())
    numbers = [_number(word, tokenizer, new_words) if place in used else 0 for place, word in enumerate(lexicon)]
    return np.asarray(numbers, np.int32)[places] if numbers else places


def _number(form: str, tokenizer: WordTokenizer, new_words: Lexicon) -> int:
    for word in (form, tokenizer.normalize(form)):
        if (known := tokenizer.token_id(word)) is not None:
            return known
    new = new_word(form, tokenizer)
    return len(tokenizer) + new_words.add(new) if new else UNKNOWN_ID


def _state_tensors(state: LSTMState) -> Tensors:
    kinds = state._asdict().items()
    return {f"{kind}.{layer}": values for kind, layers in kinds for layer, values in enumerate(layers)}


def _can_be_previous(token: Any, tokenizer: WordTokenizer) -> bool:
    """Whether the position in a sentence can be one after `token`; earlier versions kept ordinary words, too."""
    if not isinstance(token, str):
        return False
    followed = len(token) <= MAX_NEW_WORD_LENGTH and kind_of(token, tokenizer.abbreviations) != OTHER
    return token == "" or tokenizer.token_id(token) is not None or followed


def _check_tensors(tensors: Tensors, session: Session, same: bool) -> None:
    """Raise `ValueError` or `KeyError` unless such a session is written as such.

    Args:
        tensors: What a file holds.
        session: With the model to go on with.
        same: Whether the file was made with that; else its state and keys are not looked at.
    """
    fresh = session.snapshot
    count = min(len(tensors["memory.words"]), MAX_REMEMBERED)
    expected: dict[str, tuple[Sequence[int], Any]] = {
        "memory.words": ((count,), np.int32),
        "memory.lexicon": ((min(tensors["memory.lexicon"].size, _MAX_LEXICON),), np.uint8),
        "memory.weights": (fresh.memory.weights.shape, np.float64),
    }
    if same:
        means = len(session.engine.tokenizer) if tensors["memory.usual"].size else 0
        expected |= {name: (values.shape, np.float32) for name, values in _state_tensors(fresh.state).items()}
        expected["memory.keys"] = ((min(len(tensors["memory.keys"]), count), len(fresh.state.hidden[-1])), np.int8)
        expected["memory.usual"] = ((means,), np.float32)
        _demand(tensors.keys() == expected.keys(), "names of tensors")
    for name, (shape, dtype) in expected.items():
        _demand(tensors[name].shape == tuple(shape) and tensors[name].dtype == dtype, f"shape or type of {name}")
        # Hidden states beyond what a network can give might overflow in what follows.
        limit = _MAX_HIDDEN if name.startswith(("hidden", "memory.usual")) else np.inf
        _demand(bool(np.all(np.isfinite(tensors[name]) & (np.abs(tensors[name]) <= limit))), f"values of {name}")
    weights = tensors["memory.weights"]
    _demand(bool(np.all((weights > 0) & (weights <= _MAX_WEIGHT))), "weights")
    _demand(not same or bool(np.all(tensors["memory.usual"] >= 0)), "mean distribution")


def _demand(right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"wrong {what}")
