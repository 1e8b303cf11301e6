"""The memory in use: a text that comes in chunks, and the LSTM's state carried from each to the next.

"I grew up in France." "My parents had a bakery." "I still speak fluent ...": each chunk is read once, and what
was said chunks ago still counts. A session also learns from what it reads (`adaptation.py`): words that came lately
come again, new names among them, and so does what its writer is used to saying.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from nextword.config import AdaptConfig
from nextword.inference.adaptation import Adaptation
from nextword.inference.cache import Ids
from nextword.inference.engine import Engine
from nextword.inference.lexicon import Lexicon
from nextword.inference.lstm import MAX_HELD_SCORES, Array, LSTMState, softmax
from nextword.inference.outlook import Outlook, Prediction
from nextword.inference.word_index import NewWord
from nextword.text.pipeline import without_surrogates
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, UNKNOWN_ID, Encoded, WordTokenizer

MAX_TAIL_LENGTH = 2_000  # characters of the text kept
MAX_UNDO_WORDS = 20_000  # words that `undo` takes back, or the last text, however long it is
MAX_CHUNK_WORDS = 1_024  # words read at once, so that a long text takes little memory
MAX_STUDIED_WORDS = 10_000  # words of a past that the network reads, the last of it
_MAX_UNDO_STEPS = 1_000  # texts that `undo` takes back
_MAX_BLOCK_WORDS = 64  # words whose distributions are held at once, and that are joined to the near memory together
_MAX_PIECE_LENGTH = 1 << 20  # characters of a past that are cut into words at once


class Snapshot(NamedTuple):
    """Where a session has got to; a few kilobytes, never changed in place, so going back is free.

    Attributes:
        state: Hidden and cell state of every layer.
        memory: What was learned from the words read.
        new_words: Those outside the vocabulary; the first has the number that follows the vocabulary's last. It only
            grows, and so may have some of later snapshots.
        position: Where in a sentence.
        words_seen: Tokens read, `<eos>` not counted.
        tail: The end of the text read.
    """

    state: LSTMState
    memory: Adaptation
    new_words: Lexicon
    position: SentencePosition = SentencePosition()
    words_seen: int = 0
    tail: str = ""

    def numbered(self, encoded: Encoded, tokenizer: WordTokenizer) -> Ids:
        """(n,) the numbers of a text's words, the new ones among them."""
        words = np.asarray(encoded.ids, np.int32)
        known: dict[str, int] = {}
        for place, form in encoded.unknown_words.items():
            if form not in known:
                new = new_word(form, tokenizer)
                known[form] = len(tokenizer) + self.new_words.add(new) if new else UNKNOWN_ID
            words[place] = known[form]
        return words


def new_word(form: str, tokenizer: WordTokenizer) -> NewWord | None:
    """What a session remembers of a word as it is written; None where the vocabulary has it, or it is not one."""
    word = tokenizer.normalize(form)
    learnable = tokenizer.is_learnable(word) and tokenizer.is_learnable(form)
    return NewWord(word, form) if learnable and tokenizer.token_id(word) is None else None


class LearnedWord(NamedTuple):
    """A word that a session has learned from the text it read."""

    word: str  # as people write it
    times: int
    new: bool  # whether it is outside the vocabulary


class Session:
    """Reads text chunk by chunk and suggests what comes next.

    A fresh session has read one `<eos>`, as if a paragraph had just ended. Chunks are joined as by a space: feeding
    two gives what feeding both at once gives.

    Args:
        engine: The model to read and suggest with.
        adapt: How the session learns from what it reads; None: it does not.
        max_undo_words: How many words `undo` takes back, if they are not all of one text.

    Attributes:
        note: What is to be said about a session just opened; empty: nothing.
    """

    def __init__(
        self,
        engine: Engine,
        adapt: AdaptConfig | None = None,
        max_undo_words: int = MAX_UNDO_WORDS,
    ) -> None:
        self.engine = engine
        self.adapt = adapt
        self.note = ""
        self._max_undo_words = max_undo_words
        self._snapshot = self._beginning()
        self._earlier: deque[Snapshot] = deque(maxlen=_MAX_UNDO_STEPS)
        self._outlook: tuple[Snapshot, Outlook] | None = None
        self._expected: tuple[LSTMState, Array] | None = None

    def _beginning(self) -> Snapshot:
        state, adapt = self.engine.initial_state, self.adapt
        memory = Adaptation.fresh(len(state.hidden[-1]), adapt.window if adapt else 0, adapt.words if adapt else 0)
        return Snapshot(state, memory, Lexicon())

    @property
    def snapshot(self) -> Snapshot:
        """Where the session is; `restore` brings it back there."""
        return self._snapshot

    @property
    def state(self) -> LSTMState:
        """Hidden and cell state of every layer after the last word read."""
        return self._snapshot.state

    @property
    def words_seen(self) -> int:
        """How many tokens were read since the beginning or the last reset, `<eos>` not counted."""
        return self._snapshot.words_seen

    def feed(self, text: str, chunk_words: int = MAX_CHUNK_WORDS) -> list[str]:
        """Read `text` on from where the session is.

        Args:
            text: Any text.
            chunk_words: How many words are read at once; the fewer, the less memory that takes.

        Returns:
            The words of `text` that are not in the vocabulary, each once.
        """
        encoded = self.engine.tokenizer.encode(text)
        now = self._snapshot
        tail = f"{now.tail} {text}" if now.tail else text
        after = now._replace(tail=without_surrogates(tail[-MAX_TAIL_LENGTH:]))
        for chunk in encoded.chunks(chunk_words):
            after = self._after(after, chunk)
        self._push_undo(now)
        self._snapshot = after
        return encoded.unknown

    def _after(self, snapshot: Snapshot, chunk: Encoded) -> Snapshot:
        """The snapshot after `snapshot` and a chunk of text."""
        if not chunk.ids:
            return snapshot
        tokenizer = self.engine.tokenizer
        outputs, state = self.engine.network.read(chunk.ids, snapshot.state)
        position = tokenizer.position(chunk, snapshot.position)
        seen = snapshot.words_seen + sum(token_id != END_ID for token_id in chunk.ids)
        after = snapshot._replace(state=state, position=position, words_seen=seen)
        if not self.adapt:
            return after
        contexts = np.concatenate([snapshot.state.hidden[-1][None], outputs[:-1]])
        words = after.numbered(chunk, tokenizer)
        size, memory = len(tokenizer) + len(after.new_words), after.memory
        length = max(1, min(_MAX_BLOCK_WORDS, MAX_HELD_SCORES // len(tokenizer)))
        for begin in range(0, len(words), length):
            block = contexts[begin : begin + length]
            if len(words) == 1:  # what was expected there has mostly been shown
                expected = self._distribution(snapshot.state)[None]
            else:
                expected = softmax(self.engine.network.logits(block))
            memory = memory.after(block, expected, words[begin : begin + length], size)
        return after._replace(memory=memory)

    def _distribution(self, state: LSTMState) -> Array:
        """(V,) what the model alone expects after `state`; that of the last one asked for is kept."""
        if self._expected is None or self._expected[0] is not state:
            self._expected = state, self.engine.distribution(state)
        return self._expected[1]

    def study(self, text: Iterable[str]) -> int:
        """Read what its writer wrote before: all of it is remembered, and the last 10,000 words are read as by `feed`.

        Args:
            text: In chunks, cut anywhere.

        Returns:
            How many words there were.
        """
        now, count = self._snapshot, 0
        past, pending = now, Encoded()
        for piece in _pieces(text):
            encoded = self.engine.tokenizer.encode(piece)
            count += sum(token_id != END_ID for token_id in encoded.ids)
            pending = _joined(pending, encoded)
            spare = len(pending.ids) - MAX_STUDIED_WORDS
            if self.adapt and spare > 0:
                words = past.numbered(pending, self.engine.tokenizer)[:spare]
                past = past._replace(memory=past.memory.with_past(words).trimmed())
                pending = _from(pending, spare)
            tail = (past.tail + piece)[-MAX_TAIL_LENGTH:]
            past = past._replace(tail=without_surrogates(tail))
        seen = past.words_seen + count - sum(token_id != END_ID for token_id in pending.ids)
        past = past._replace(words_seen=seen)
        for chunk in pending.chunks(MAX_CHUNK_WORDS):
            past = self._after(past, chunk)
        self._push_undo(now)
        self._snapshot = past
        return count

    def outlook(self) -> Outlook:
        """What is expected next: by the model, and by what the session has learned."""
        if self._outlook is None or self._outlook[0] is not self._snapshot:
            now = self._snapshot
            expected = self._distribution(now.state)
            if self.adapt:
                size = len(expected) + len(now.new_words)
                expected = now.memory.expected(now.state.hidden[-1], expected, size)
            new_words = now.new_words if self.adapt else Lexicon()
            self._outlook = now, Outlook(self.engine, expected, now.position, new_words, now.state)
        return self._outlook[1]

    def suggest(
        self, k: int = 5, punctuation: bool = False, prefix: str = "", forgive: bool = True
    ) -> list[Prediction]:
        """The `k` most likely next words, the likeliest first; arguments and errors as those of `Outlook.top`.

        The letters of `prefix` are not read: the state stays as it is.
        """
        return self.outlook().top(k, punctuation, prefix, forgive=forgive)

    def undo(self) -> bool:
        """Go back to before the last `feed`, `forget` or `reset`; False if there is nothing to take back."""
        if not self._earlier:
            return False
        self._snapshot = self._earlier.pop()
        return True

    def _push_undo(self, snapshot: Snapshot) -> None:
        """Let `undo` lead back to `snapshot`; what is many thousands of words back is given up, with its memory."""
        self._earlier.append(snapshot)
        while self._earlier[-1].memory.end - self._earlier[0].memory.end > self._max_undo_words:
            self._earlier.popleft()

    def reset(self) -> None:
        """Forget everything read; `undo` brings it back."""
        self._push_undo(self._snapshot)
        self._snapshot = self._beginning()

    def restore(self, snapshot: Snapshot) -> None:
        """Be where the session was at `snapshot`, as if nothing had come after it; `undo` does not lead back.

        What is read from there takes the place of what came after `snapshot` before, so that later ones of the same
        text can no longer be gone to, by `undo` either.
        """
        self._snapshot = snapshot
        log, end = snapshot.memory.log, snapshot.memory.end
        reachable = [one for one in self._earlier if one.memory.log is not log or one.memory.end <= end]
        self._earlier = deque(reachable, maxlen=_MAX_UNDO_STEPS)

    def recent(self) -> tuple[LSTMState, Encoded] | None:
        """An earlier state, and the words read since, up to a few hundred: reading them leads to where the session is.

        The state is the earliest, of those that `undo` leads to and the beginning, from which the end of the tail does
        that: what was fed in chunks may be other words when read at once. None where there is none, as in a session
        just opened.
        """
        now, tail = self._snapshot, self.engine.tokenizer.encode(self._snapshot.tail)
        places = [place for place, token_id in enumerate(tail.ids) if token_id != END_ID]
        for earlier in (self._beginning(), *self._earlier):
            count = now.words_seen - earlier.words_seen
            if 0 < count <= len(places):
                since = _from(tail, places[-count])
                reached = self.engine.read(since.ids, earlier.state)
                if all(np.allclose(*pair, atol=1e-4) for pair in zip(reached.hidden, now.state.hidden, strict=True)):
                    return earlier.state, since
        return None

    def learned(self) -> list[LearnedWord]:
        """The words remembered: the new ones first, then those of the vocabulary, the most frequent of each first."""
        tokenizer, words = self.engine.tokenizer, self._snapshot.memory.words()
        numbers, firsts, counts = np.unique(words, return_index=True, return_counts=True)
        order = np.lexsort((firsts, -counts))
        new, known = [], []
        for number, count in zip(numbers[order].tolist(), counts[order].tolist(), strict=True):
            if number >= len(tokenizer):
                new.append(LearnedWord(self._snapshot.new_words[number - len(tokenizer)].form, count, True))
            elif tokenizer.is_word(tokenizer.words[number]):
                known.append(LearnedWord(tokenizer.surface(number), count, False))
        return new + known

    def forget(self, word: str) -> bool:
        """Forget that `word` was read, until it is read again; False if it is not remembered. `undo` brings it back.

        The text's tail begins after its last place then. What the LSTM's state holds of it fades with what is read.
        """
        now, tokenizer = self._snapshot, self.engine.tokenizer
        normalized = tokenizer.normalize(word)
        number = tokenizer.token_id(normalized)
        if number is None and (new := now.new_words.number(normalized)) is not None:
            number = len(tokenizer) + new
        if number is None or number not in now.memory.words():
            return False
        self._push_undo(now)
        pieces = now.tail.split(" ")
        places = [place for place, piece in enumerate(pieces, 1) if normalized in tokenizer.normalize(piece)]
        tail = " ".join(pieces[max(places, default=0) :])
        self._snapshot = now._replace(memory=now.memory.without(number), tail=tail)
        return True


def _pieces(text: Iterable[str]) -> Iterator[str]:
    """A text in larger pieces, cut after white space where there is some."""
    held = ""
    for chunk in text:
        held += chunk
        if len(held) > _MAX_PIECE_LENGTH:
            cut = max(held.rfind("\n"), held.rfind(" ")) + 1 or len(held)
            yield held[:cut]
            held = held[cut:]
    yield held


def _joined(one: Encoded, other: Encoded) -> Encoded:
    """A text and what comes after it."""
    unknown_words = {place + len(one.ids): form for place, form in other.unknown_words.items()}
    return Encoded(one.ids + other.ids, one.unknown_words | unknown_words)


def _from(encoded: Encoded, begin: int) -> Encoded:
    """What was encoded from place `begin` on."""
    unknown_words = {place - begin: form for place, form in encoded.unknown_words.items() if place >= begin}
    return Encoded(encoded.ids[begin:], unknown_words)
