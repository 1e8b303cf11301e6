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
from nextword.inference.cache import Ids, Keys, Memory, alike, keys_of, mixed
from nextword.inference.lstm import Array, LSTMState
from nextword.inference.predictor import NewWord, Prediction, Predictor
from nextword.text.encoder import SURROGATE
from nextword.text.tokenizer import END_ID, Encoded, SentencePosition, WordTokenizer

LONGEST_TAIL = 2_000  # characters of the text kept
_MOST_UNDONE, _MOST_WORDS_UNDONE = 1_000, 20_000  # texts and words that `undo` takes back, at least the last text
_MOST_NEW_WORDS = 4_000  # with more, those no longer remembered are dropped
_PORTION = 1_024  # words read before what was shown for them is put away, so that a long text takes little memory


class Moment(NamedTuple):
    """Where a session has got to; a few kilobytes, never changed in place, so going back is free.

    Attributes:
        state: Hidden and cell state of every layer.
        memory: The words read and what was shown before each, up to `end`; what follows belongs to later moments.
        end: How many words had been put into `memory`.
        position: Where in a sentence.
        words_seen: Tokens read, `<eos>` not counted.
        tail: The end of the text read.
        new_words: Those outside the vocabulary; the first has the id that follows the vocabulary's last.
        forgotten: Ids of words that are forgotten, and how many words had been read then.
    """

    state: LSTMState
    memory: Memory
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
        self._moment = self._beginning()
        self._earlier: deque[Moment] = deque(maxlen=_MOST_UNDONE)
        self._expected: tuple[Moment, Array] | None = None

    def _beginning(self) -> Moment:
        state = self._predictor.initial_state
        return Moment(state, *self.memory_of(keys_of(state.hidden[-1][None])[:0], np.empty(0, np.int32)))

    def memory_of(self, keys: Keys, words: Ids) -> tuple[Memory, int]:
        """A memory of (m,) words and of (m, H) what was shown before each, for a `Moment`; and m, its `end`.

        A session that does not adapt keeps it as it is.
        """
        return Memory(keys.shape[1], self.adapt.window if self.adapt else len(words)).append(0, keys, words)

    @property
    def predictor(self) -> Predictor:
        """The model that reads and suggests."""
        return self._predictor

    @property
    def moment(self) -> Moment:
        """Where the session is; `go_to` brings it back there."""
        return self._moment

    @property
    def state(self) -> LSTMState:
        """Hidden and cell state of every layer after the last word read."""
        return self._moment.state

    @property
    def words_seen(self) -> int:
        """How many tokens were read since the beginning or the last reset, `<eos>` not counted."""
        return self._moment.words_seen

    def feed(self, text: str) -> list[str]:
        """Read `text` on from where the session is.

        Returns:
            The words of `text` that are not in the vocabulary, each once.
        """
        encoded = self._predictor.tokenizer.encode(text)
        now = self._moment
        tail = f"{now.tail} {text}" if now.tail else text
        after = now._replace(tail=SURROGATE.sub("\ufffd", tail[-LONGEST_TAIL:]))
        for portion in encoded.portions(_PORTION):
            after = self._after(after, portion)
        self._leave(now)
        self._moment = after
        return encoded.unknown

    def _leave(self, moment: Moment) -> None:
        """Let `undo` lead back to `moment`; what is many thousands of words back is given up, with its memory."""
        self._earlier.append(moment)
        while self._earlier[-1].end - self._earlier[0].end > _MOST_WORDS_UNDONE:
            self._earlier.popleft()

    def _after(self, moment: Moment, encoded: Encoded) -> Moment:
        """The moment after `moment` and a portion of text."""
        if not encoded.ids:
            return moment
        shown, state = self._predictor.network.read(encoded.ids, moment.state)
        words = self._predictor.tokenizer.words
        position = moment.position.after_all(words[token_id] for token_id in encoded.ids)
        seen = moment.words_seen + sum(token_id != END_ID for token_id in encoded.ids)
        after = moment._replace(state=state, position=position, words_seen=seen)
        if not self.adapt:
            return after
        return self._remembering(after, encoded, np.concatenate([moment.state.hidden[-1][None], shown[:-1]]))

    def _remembering(self, moment: Moment, encoded: Encoded, before: Array) -> Moment:
        """`moment` with the T words just read remembered, and (T, H) what was shown before each."""
        tokenizer = self._predictor.tokenizer
        if len(moment.new_words) > max(_MOST_NEW_WORDS, 2 * moment.memory.window):
            moment = self.tidied(moment)
        new_words = list(moment.new_words)
        numbers = {new.word: index for index, new in enumerate(new_words, len(tokenizer))}
        words = np.asarray(encoded.ids, np.int32)
        for place, form in encoded.strange.items():
            if new := new_word(form, tokenizer):
                if new.word not in numbers:
                    numbers[new.word] = len(tokenizer) + len(new_words)
                    new_words.append(new)
                words[place] = numbers[new.word]
        memory, end = moment.memory.append(moment.end, keys_of(before), words)
        return moment._replace(memory=memory, end=end, new_words=tuple(new_words))

    def tidied(self, moment: Moment) -> Moment:
        """`moment` with a memory of its own, in which is nothing that is forgotten or too far back."""
        keys, words = self._remembered(moment)
        size = len(self._predictor.tokenizer)
        kept = np.unique(words[words >= size])
        renumbered = words.copy()
        renumbered[words >= size] = size + np.searchsorted(kept, words[words >= size])
        memory, end = self.memory_of(keys, renumbered)
        new_words = tuple(moment.new_words[number - size] for number in kept)
        return moment._replace(memory=memory, end=end, new_words=new_words, forgotten=())

    def _remembered(self, moment: Moment) -> tuple[Keys, Ids]:
        """What is remembered and not forgotten: (m, H) what was shown before each word, and (m,) the words."""
        keys, words = moment.memory.last(moment.end)
        if moment.forgotten:
            places = np.arange(moment.end - len(words), moment.end)
            kept = np.ones(len(words), bool)
            for number, before in moment.forgotten:
                kept &= (words != number) | (places >= before)
            keys, words = keys[kept], words[kept]
        return keys, words

    def distribution(self) -> Array:
        """(V + U,) probability of every word to come next: of the vocabulary, then of the new words met."""
        if self._expected is None or self._expected[0] is not self._moment:
            now = self._moment
            expected = self._predictor.distribution(now.state)
            if self.adapt:
                expected = np.concatenate([expected, np.zeros(len(now.new_words), np.float32)])
                keys, words = self._remembered(now)
                expected = mixed(expected, alike(keys, now.state.hidden[-1]), words, self.adapt)
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
        now = self._moment
        new_words = now.new_words if self.adapt else ()
        return self._predictor.top(self.distribution(), k, now.position.at_start, punctuation, prefix, new_words)

    def undo(self) -> bool:
        """Go back to before the last `feed`, `forget` or `reset`; False if there is nothing to take back."""
        if not self._earlier:
            return False
        self._moment = self._earlier.pop()
        return True

    def reset(self) -> None:
        """Forget everything read; `undo` brings it back."""
        self._leave(self._moment)
        self._moment = self._beginning()

    def go_to(self, moment: Moment) -> None:
        """Be where the session was at `moment`, as if nothing had come after it; `undo` does not lead back.

        What is read from there takes the place of what came after `moment` before, so that later moments of the same
        text can no longer be gone to, by `undo` either.
        """
        self._moment = moment
        reachable = [one for one in self._earlier if one.memory is not moment.memory or one.end <= moment.end]
        self._earlier = deque(reachable, maxlen=_MOST_UNDONE)

    def recent(self) -> tuple[LSTMState, Encoded] | None:
        """The words read last and the state before them: reading them from there leads to where the session is.

        As many as are sure to be known, from 1 to a few hundred; None if none are, as in a session just opened.
        """
        now, encoded = self._moment, self._predictor.tokenizer.encode(self._moment.tail)
        words = [place for place, token_id in enumerate(encoded.ids) if token_id != END_ID]
        for earlier in (self._beginning(), *self._earlier):
            count = now.words_seen - earlier.words_seen
            if 0 < count <= len(words):
                begin = words[-count]
                ids = encoded.ids[begin:]
                reached = self._predictor.read(ids, earlier.state)
                if all(np.allclose(*pair, atol=1e-4) for pair in zip(reached.hidden, now.state.hidden, strict=True)):
                    strange = {place - begin: form for place, form in encoded.strange.items() if place >= begin}
                    return earlier.state, Encoded(ids, strange)
        return None

    def learned(self) -> list[LearnedWord]:
        """The words remembered: the new ones first, then those of the vocabulary, the most frequent of each first."""
        _, words = self._remembered(self._moment)
        tokenizer, new_words = self._predictor.tokenizer, self._moment.new_words
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
        now, tokenizer = self._moment, self._predictor.tokenizer
        normalized = tokenizer.normalize(word)
        number = next(
            (index for index, new in enumerate(now.new_words, len(tokenizer)) if new.word == normalized),
            tokenizer.token_id(normalized),
        )
        if number is None or number not in self._remembered(now)[1]:
            return False
        self._leave(now)
        others = tuple(entry for entry in now.forgotten if entry[0] != number)
        pieces = now.tail.split(" ")
        places = [place for place, piece in enumerate(pieces) if normalized in tokenizer.normalize(piece)]
        tail = " ".join(pieces[places[-1] + 1 :] if places else pieces)
        self._moment = now._replace(forgotten=(*others, (number, now.end)), tail=tail)
        return True
