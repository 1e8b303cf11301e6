"""The memory in use: a text that comes in chunks, and the LSTM's state carried from each to the next.

"I grew up in France." "My parents had a bakery." "I still speak fluent ...": each chunk is read once, and what
was said chunks ago still counts. A session also learns from what it reads (`cache.py`): words that came lately come
again, new names among them.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

import numpy as np

from nextword.config import AdaptConfig
from nextword.inference.cache import CacheMemory, Ids, Keys, cosine_similarity, interpolate, quantize_keys
from nextword.inference.engine import Engine
from nextword.inference.lstm import Array, LSTMState
from nextword.inference.outlook import Outlook, Prediction
from nextword.inference.word_index import NewWord
from nextword.text.pipeline import without_surrogates
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, Encoded, WordTokenizer

MAX_TAIL_LENGTH = 2_000  # characters of the text kept
MAX_UNDO_WORDS = 20_000  # words that `undo` takes back, or the last text, however long it is
MAX_NEW_WORDS = 4_000  # with more, those no longer remembered are dropped
MAX_CHUNK_WORDS = 1_024  # words read at once, so that a long text takes little memory
_MAX_UNDO_STEPS = 1_000  # texts that `undo` takes back


class Snapshot(NamedTuple):
    """Where a session has got to; a few kilobytes, never changed in place, so going back is free.

    Attributes:
        state: Hidden and cell state of every layer.
        memory: The words read and their contexts, up to `end`; what follows belongs to later snapshots.
        end: How many words had been put into `memory`.
        position: Where in a sentence.
        words_seen: Tokens read, `<eos>` not counted.
        tail: The end of the text read.
        new_words: Those outside the vocabulary; the first has the id that follows the vocabulary's last.
        forgotten: Ids of words that are forgotten, and how many words had been read then.
    """

    state: LSTMState
    memory: CacheMemory
    end: int = 0
    position: SentencePosition = SentencePosition()
    words_seen: int = 0
    tail: str = ""
    new_words: tuple[NewWord, ...] = ()
    forgotten: tuple[tuple[int, int], ...] = ()

    def remember(self, chunk: Encoded, contexts: Array, tokenizer: WordTokenizer) -> Snapshot:
        """The same with the T words of `chunk` remembered, (T, H) `contexts` being the hidden states before them."""
        new_words = list(self.new_words)
        numbers = {new.word: number for number, new in enumerate(new_words, len(tokenizer))}
        words = np.asarray(chunk.ids, np.int32)
        for place, form in chunk.unknown_words.items():
            if new := new_word(form, tokenizer):
                if new.word not in numbers:
                    numbers[new.word] = len(tokenizer) + len(new_words)
                    new_words.append(new)
                words[place] = numbers[new.word]
        memory, end = self.memory.append(self.end, quantize_keys(contexts), words)
        return self._replace(memory=memory, end=end, new_words=tuple(new_words))

    def remembered(self) -> tuple[Keys, Ids]:
        """What is in the window and not forgotten: (m, H) keys of the contexts, and (m,) the words that followed."""
        keys, words = self.memory.last(self.end)
        if self.forgotten:
            places = np.arange(self.end - len(words), self.end)
            kept = np.ones(len(words), bool)
            for number, before in self.forgotten:
                kept &= (words != number) | (places >= before)
            keys, words = keys[kept], words[kept]
        return keys, words

    def compacted(self, vocabulary_size: int) -> Snapshot:
        """The same with a memory of its own, in which is nothing that is forgotten or too far back."""
        keys, words = self.remembered()
        is_new = words >= vocabulary_size
        kept = np.unique(words[is_new])
        renumbered = words.copy()
        renumbered[is_new] = vocabulary_size + np.searchsorted(kept, words[is_new])
        memory, end = CacheMemory(keys.shape[1], self.memory.window).append(0, keys, renumbered)
        new_words = tuple(self.new_words[number - vocabulary_size] for number in kept)
        return self._replace(memory=memory, end=end, new_words=new_words, forgotten=())


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
        max_new_words: How many words outside the vocabulary are kept, if not more are in the window.
    """

    def __init__(
        self,
        engine: Engine,
        adapt: AdaptConfig | None = None,
        max_undo_words: int = MAX_UNDO_WORDS,
        max_new_words: int = MAX_NEW_WORDS,
    ) -> None:
        self.engine = engine
        self.adapt = adapt
        self._max_undo_words, self._max_new_words = max_undo_words, max_new_words
        self._snapshot = self._beginning()
        self._earlier: deque[Snapshot] = deque(maxlen=_MAX_UNDO_STEPS)
        self._outlook: tuple[Snapshot, Outlook] | None = None

    def _beginning(self) -> Snapshot:
        state = self.engine.initial_state
        return Snapshot(state, CacheMemory(len(state.hidden[-1]), self.adapt.window if self.adapt else 0))

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
        if len(after.new_words) > max(self._max_new_words, 2 * after.memory.window):
            after = after.compacted(len(tokenizer))
        contexts = np.concatenate([snapshot.state.hidden[-1][None], outputs[:-1]])
        return after.remember(chunk, contexts, tokenizer)

    def outlook(self) -> Outlook:
        """What is expected next: by the model, and by what the session has learned."""
        if self._outlook is None or self._outlook[0] is not self._snapshot:
            now = self._snapshot
            expected, new_words = self.engine.distribution(now.state), now.new_words if self.adapt else ()
            if self.adapt:
                expected = np.concatenate([expected, np.zeros(len(new_words), np.float32)])
                keys, words = now.remembered()
                expected = interpolate(expected, cosine_similarity(keys, now.state.hidden[-1]), words, self.adapt)
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
        while self._earlier[-1].end - self._earlier[0].end > self._max_undo_words:
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
        reachable = [one for one in self._earlier if one.memory is not snapshot.memory or one.end <= snapshot.end]
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
        tokenizer, (_, words) = self.engine.tokenizer, self._snapshot.remembered()
        new, known = [], []
        for number, count in Counter(words.tolist()).most_common():
            if number >= len(tokenizer):
                form = self._snapshot.new_words[number - len(tokenizer)].form
                new.append(LearnedWord(form, count, True))
            elif tokenizer.is_word(tokenizer.words[number]):
                known.append(LearnedWord(tokenizer.surface(number), count, False))
        return new + known

    def forget(self, word: str) -> bool:
        """Forget that `word` was read, until it is read again; False if it is not remembered. `undo` brings it back.

        The text's tail begins after its last place then. What the LSTM's state holds of it fades with what is read.
        """
        now, tokenizer = self._snapshot, self.engine.tokenizer
        normalized = tokenizer.normalize(word)
        new_numbers = {new.word: number for number, new in enumerate(now.new_words, len(tokenizer))}
        number = new_numbers.get(normalized, tokenizer.token_id(normalized))
        if number is None or number not in now.remembered()[1]:
            return False
        self._push_undo(now)
        others = tuple(entry for entry in now.forgotten if entry[0] != number)
        pieces = now.tail.split(" ")
        places = [place for place, piece in enumerate(pieces, 1) if normalized in tokenizer.normalize(piece)]
        tail = " ".join(pieces[max(places, default=0) :])
        self._snapshot = now._replace(forgotten=(*others, (number, now.end)), tail=tail)
        return True


def _from(encoded: Encoded, begin: int) -> Encoded:
    """What was encoded from place `begin` on."""
    unknown_words = {place - begin: form for place, form in encoded.unknown_words.items() if place >= begin}
    return Encoded(encoded.ids[begin:], unknown_words)
