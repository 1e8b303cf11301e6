"""The memory in use: a text that comes in pieces, and the LSTM's state carried from each to the next.

"I grew up in France." "My parents had a bakery." "I still speak fluent ...": each piece is read once, and what
was said pieces ago still counts. A session also learns from what it reads (`adaptation.py`): words that came lately
come again, new names among them. Knows no screen and no files.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

import numpy as np

from nextword.config import AdaptConfig
from nextword.inference.cache import CacheMemory, Ids, Keys, cosine_similarity, interpolate, quantize_keys
from nextword.inference.lstm import Array, LSTMState
from nextword.inference.predictor import NewWord, Prediction, Predictor
from nextword.text.pipeline import SURROGATE
from nextword.text.tokenizer import END_ID, Encoded, SentencePosition, WordTokenizer

MAX_TAIL_LENGTH = 2_000  # characters of the text kept
_MAX_UNDONE, _MAX_WORDS_UNDONE = 1_000, 20_000  # texts and words that `undo` takes back, at least the last text
_MAX_NEW_WORDS = 4_000  # with more, those no longer remembered are dropped
_PORTION = 1_024  # words read before what was shown for them is put away, so that a long text takes little memory


class Snapshot(NamedTuple):
    """Where a session has got to; a few kilobytes, never changed in place, so going back is free.

    Attributes:
        state: Hidden and cell state of every layer.
        memory: The words read and what was shown before each, up to `end`; what follows belongs to later snapshots.
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
    """Reads text piece by piece and suggests what comes next.

    A fresh session has read one `<eos>`, as if a paragraph had just ended. Pieces are joined as by a space: feeding
    two pieces gives what feeding both at once gives.

    Args:
        predictor: The model to read and suggest with.
        adapt: How the session learns from what it reads; None: it does not.
    """

    def __init__(self, predictor: Predictor, adapt: AdaptConfig | None = None) -> None:
        self._predictor = predictor
        self.adapt = adapt
        self._snapshot = self._beginning()
        self._earlier: deque[Snapshot] = deque(maxlen=_MAX_UNDONE)
        self._expected: tuple[Snapshot, Array] | None = None

    def _beginning(self) -> Snapshot:
        state = self._predictor.initial_state
        return Snapshot(state, *self.memory_of(quantize_keys(state.hidden[-1][None])[:0], np.empty(0, np.int32)))

    def memory_of(self, keys: Keys, words: Ids) -> tuple[CacheMemory, int]:
        """A memory of (m,) words and of (m, H) what was shown before each, for a `Snapshot`; and m, its `end`.

        A session that does not adapt keeps it as it is.
        """
        return CacheMemory(keys.shape[1], self.adapt.window if self.adapt else len(words)).append(0, keys, words)

    @property
    def predictor(self) -> Predictor:
        """The model that reads and suggests."""
        return self._predictor

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

    def feed(self, text: str) -> list[str]:
        """Read `text` on from where the session is.

        Returns:
            The words of `text` that are not in the vocabulary, each once.
        """
        encoded = self._predictor.tokenizer.encode(text)
        now = self._snapshot
        tail = f"{now.tail} {text}" if now.tail else text
        after = now._replace(tail=SURROGATE.sub("\ufffd", tail[-MAX_TAIL_LENGTH:]))
        for portion in encoded.chunks(_PORTION):
            after = self._after(after, portion)
        self._push_undo(now)
        self._snapshot = after
        return encoded.unknown

    def _push_undo(self, snapshot: Snapshot) -> None:
        """Let `undo` lead back to `snapshot`; what is many thousands of words back is given up, with its memory."""
        self._earlier.append(snapshot)
        while self._earlier[-1].end - self._earlier[0].end > _MAX_WORDS_UNDONE:
            self._earlier.popleft()

    def _after(self, snapshot: Snapshot, encoded: Encoded) -> Snapshot:
        """The snapshot after `snapshot` and a portion of text."""
        if not encoded.ids:
            return snapshot
        shown, state = self._predictor.network.read(encoded.ids, snapshot.state)
        words = self._predictor.tokenizer.words
        position = snapshot.position.after_all(words[token_id] for token_id in encoded.ids)
        seen = snapshot.words_seen + sum(token_id != END_ID for token_id in encoded.ids)
        after = snapshot._replace(state=state, position=position, words_seen=seen)
        if not self.adapt:
            return after
        return self._remembering(after, encoded, np.concatenate([snapshot.state.hidden[-1][None], shown[:-1]]))

    def _remembering(self, snapshot: Snapshot, encoded: Encoded, before: Array) -> Snapshot:
        """`snapshot` with the T words just read remembered, and (T, H) what was shown before each."""
        tokenizer = self._predictor.tokenizer
        if len(snapshot.new_words) > max(_MAX_NEW_WORDS, 2 * snapshot.memory.window):
            snapshot = self.compacted(snapshot)
        new_words = list(snapshot.new_words)
        numbers = {new.word: index for index, new in enumerate(new_words, len(tokenizer))}
        words = np.asarray(encoded.ids, np.int32)
        for place, form in encoded.unknown_words.items():
            if new := new_word(form, tokenizer):
                if new.word not in numbers:
                    numbers[new.word] = len(tokenizer) + len(new_words)
                    new_words.append(new)
                words[place] = numbers[new.word]
        memory, end = snapshot.memory.append(snapshot.end, quantize_keys(before), words)
        return snapshot._replace(memory=memory, end=end, new_words=tuple(new_words))

    def compacted(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` with a memory of its own, in which is nothing that is forgotten or too far back."""
        keys, words = self._remembered(snapshot)
        size = len(self._predictor.tokenizer)
        kept = np.unique(words[words >= size])
        renumbered = words.copy()
        renumbered[words >= size] = size + np.searchsorted(kept, words[words >= size])
        memory, end = self.memory_of(keys, renumbered)
        new_words = tuple(snapshot.new_words[number - size] for number in kept)
        return snapshot._replace(memory=memory, end=end, new_words=new_words, forgotten=())

    def _remembered(self, snapshot: Snapshot) -> tuple[Keys, Ids]:
        """What is remembered and not forgotten: (m, H) what was shown before each word, and (m,) the words."""
        keys, words = snapshot.memory.last(snapshot.end)
        if snapshot.forgotten:
            places = np.arange(snapshot.end - len(words), snapshot.end)
            kept = np.ones(len(words), bool)
            for number, before in snapshot.forgotten:
                kept &= (words != number) | (places >= before)
            keys, words = keys[kept], words[kept]
        return keys, words

    def distribution(self) -> Array:
        """(V + U,) probability of every word to come next: of the vocabulary, then of the new words met."""
        if self._expected is None or self._expected[0] is not self._snapshot:
            now = self._snapshot
            expected = self._predictor.distribution(now.state)
            if self.adapt:
                expected = np.concatenate([expected, np.zeros(len(now.new_words), np.float32)])
                keys, words = self._remembered(now)
                expected = interpolate(expected, cosine_similarity(keys, now.state.hidden[-1]), words, self.adapt)
            self._expected = now, expected
        return self._expected[1]

    def suggest(self, k: int = 5, punctuation: bool = False, prefix: str = "") -> list[Prediction]:
        """The `k` most likely next words, the likeliest first; see `Predictor.top`.

        Args:
            k: How many.
            punctuation: Whether punctuation marks count as words.
            prefix: The letters typed of the next word. They are not read: the state stays as it is.

        Raises:
            UsageError: `k` is less than 1.
        """
        now = self._snapshot
        new_words = now.new_words if self.adapt else ()
        return self._predictor.top(self.distribution(), k, now.position.at_start, punctuation, prefix, new_words)

    def undo(self) -> bool:
        """Go back to before the last `feed`, `forget` or `reset`; False if there is nothing to take back."""
        if not self._earlier:
            return False
        self._snapshot = self._earlier.pop()
        return True

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
        self._earlier = deque(reachable, maxlen=_MAX_UNDONE)

    def recent(self) -> tuple[LSTMState, Encoded] | None:
        """The words read last and the state before them: reading them from there leads to where the session is.

        As many as are sure to be known, from 1 to a few hundred; None if none are, as in a session just opened.
        """
        now, encoded = self._snapshot, self._predictor.tokenizer.encode(self._snapshot.tail)
        words = [place for place, token_id in enumerate(encoded.ids) if token_id != END_ID]
        for earlier in (self._beginning(), *self._earlier):
            count = now.words_seen - earlier.words_seen
            if 0 < count <= len(words):
                begin = words[-count]
                ids = encoded.ids[begin:]
                reached = self._predictor.read(ids, earlier.state)
                if all(np.allclose(*pair, atol=1e-4) for pair in zip(reached.hidden, now.state.hidden, strict=True)):
                    unknown_words = {
                        place - begin: form for place, form in encoded.unknown_words.items() if place >= begin
                    }
                    return earlier.state, Encoded(ids, unknown_words)
        return None

    def learned(self) -> list[LearnedWord]:
        """The words remembered: the new ones first, then those of the vocabulary, the most frequent of each first."""
        _, words = self._remembered(self._snapshot)
        tokenizer, new_words = self._predictor.tokenizer, self._snapshot.new_words
        learned = []
        for number, count in Counter(words.tolist()).most_common():
            new = number - len(tokenizer)
            if new >= 0:
                learned.append(LearnedWord(new_words[new].form, count, True))
            elif tokenizer.is_word(tokenizer.words[number]):
                learned.append(LearnedWord(tokenizer.surface(number), count, False))
        return sorted(learned, key=lambda word: not word.new)

    def forget(self, word: str) -> bool:
        """Forget that `word` was read, until it is read again; False if it is not remembered. `undo` brings it back.

        The text's tail begins after its last place then. What the LSTM's state holds of it fades with what is read.
        """
        now, tokenizer = self._snapshot, self._predictor.tokenizer
        normalized = tokenizer.normalize(word)
        number = next(
            (index for index, new in enumerate(now.new_words, len(tokenizer)) if new.word == normalized),
            tokenizer.token_id(normalized),
        )
        if number is None or number not in self._remembered(now)[1]:
            return False
        self._push_undo(now)
        others = tuple(entry for entry in now.forgotten if entry[0] != number)
        pieces = now.tail.split(" ")
        places = [place for place, piece in enumerate(pieces) if normalized in tokenizer.normalize(piece)]
        tail = " ".join(pieces[places[-1] + 1 :] if places else pieces)
        self._snapshot = now._replace(forgotten=(*others, (number, now.end)), tail=tail)
        return True
