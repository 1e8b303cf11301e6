"""The memory in use: a text that comes in pieces, and the LSTM's state carried from each to the next.

"I grew up in France." "My parents had a bakery." "I still speak fluent ...": each piece is read once, and what
was said pieces ago still counts. Knows no screen.
"""

from __future__ import annotations

from typing import NamedTuple

from nextword.lstm import LSTMState
from nextword.predictor import Prediction, Predictor
from nextword.tokenizer import END_ID, SentencePosition


class _Moment(NamedTuple):
    """Everything a session remembers; a few kilobytes, never changed in place, so going back is free."""

    state: LSTMState
    position: SentencePosition
    words_seen: int


class Session:
    """Reads text piece by piece and suggests what comes next.

    A fresh session has read one `<eos>`, as if a paragraph had just ended. Pieces are joined as by a space: feeding
    two pieces gives what feeding both at once gives.

    Args:
        predictor: The model to read and suggest with.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._moment = self._beginning()
        self._earlier: list[_Moment] = []

    def _beginning(self) -> _Moment:
        return _Moment(self._predictor.initial_state, SentencePosition(), 0)

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
        ids, unknown = self._predictor.tokenizer.encode(text)
        state, position, seen = self._moment
        for token_id in ids:
            position = position.after(self._predictor.tokenizer.words[token_id])
        self._earlier.append(self._moment)
        self._moment = _Moment(
            self._predictor.read(ids, state), position, seen + sum(token_id != END_ID for token_id in ids)
        )
        return unknown

    def suggest(self, k: int = 5, punctuation: bool = False) -> list[Prediction]:
        """The `k` most likely next words, the likeliest first; see `Predictor.top`.

        Raises:
            UsageError: `k` is less than 1.
        """
        distribution = self._predictor.distribution(self.state)
        return self._predictor.top(distribution, k, self._moment.position.at_start, punctuation)

    def undo(self) -> bool:
        """Go back to before the last `feed` or `reset`; False if there is nothing to take back."""
        if not self._earlier:
            return False
        self._moment = self._earlier.pop()
        return True

    def reset(self) -> None:
        """Forget everything read; `undo` brings it back."""
        self._earlier.append(self._moment)
        self._moment = self._beginning()
