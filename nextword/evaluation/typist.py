"""How many keys the suggestions save someone who slips, and someone who takes phrases: a typist, simulated key by key.

The typist is that of `keystrokes`, sees what the live prompt suggests at every key, and takes a word as soon as it is
among three, with its space. What is new:

- Slips. At each letter of a word the typist slips with a certain probability, from a seed: presses a neighboring key,
  leaves the letter out (and has typed the next one), types it twice, or types the next one before it, each as often as
  the others where it is possible. He looks at the suggestions then. If the word is among them, he takes it; else he
  takes back what is wrong, a backspace for each letter, and types on. Without help, every slip is taken back so. Keys
  are those pressed, backspaces too: KSPC of Soukoreff and MacKenzie (2003, "Metrics for text entry research",
  equation 2), with the errors corrected at once.
- Phrases. Where the first suggestion is shown with words after it (`inference/phrases.py`) and all of them come, the
  typist takes all with one key and the space after them. Of a phrase that is only partly right he takes the first word.

Savings = 1 - keys used / keys needed without help, by the same typist with the same slips.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nextword.config import TypistConfig
from nextword.evaluation.evaluation_text import written
from nextword.evaluation.keystrokes import SUGGESTIONS, keys_needed
from nextword.inference.outlook import Prediction
from nextword.inference.phrases import worth_showing
from nextword.inference.session import Session
from nextword.inference.slips import NEIGHBORS
from nextword.model.streams import Progress, counting
from nextword.text.encoder import Text
from nextword.text.tokenizer import END_ID, Token


@dataclass(frozen=True)
class TypingSavings:
    """Share of the keys saved by suggestions; each None where it was not asked for.

    Attributes:
        savings_exact: With slips, where only words are suggested that begin with the very letters.
        savings_forgiving: With slips, where they are forgiven.
        savings_words: Without phrases, as far as slips were asked for with them.
        savings_phrases: With phrases.
    """

    savings_exact: float | None = None
    savings_forgiving: float | None = None
    savings_words: float | None = None
    savings_phrases: float | None = None


class Slip(NamedTuple):
    """What goes wrong at a letter."""

    keys: str  # typed in the place of it
    backspaces: int
    right: int  # how many of the letters are right that stand there after these


def type_text(
    session: Session, texts: Sequence[Text], config: TypistConfig, on_progress: Progress | None = None
) -> TypingSavings:
    """Type `texts` with what `session` suggests; it reads them.

    Args:
        session: What suggests.
        texts: The documents, as strings or in passages.
        config: How often the typist slips, and whether he takes phrases.
        on_progress: Called now and then.
    """
    tokens = list(written(session.engine.tokenizer, texts))
    advance = counting(len(tokens), on_progress)
    chance = random.Random(config.seed)
    needed = exact = forgiving = phrases = taken = 0
    for place, token in enumerate(tokens):
        typing = _Typing(session, token, list(_slips(token.word, config.slips, chance)), tokens[place + 1 :][:10])
        by_hand = keys_needed(token) + sum(
            len(slip.keys) + slip.backspaces - slip.right for slip in typing.slips if slip
        )
        needed += by_hand
        exact += typing.keys(forgive=False)[0] if config.slips else 0
        forgiving += typing.keys(forgive=True)[0]
        if config.phrases and not taken:
            keys, words = typing.keys(forgive=True, phrases=True)
            phrases, taken = phrases + keys, words
        taken = max(0, taken - 1)
        session.feed("\n\n" if token.token_id == END_ID else token.word)
        advance(1)
    return TypingSavings(
        savings_exact=1 - exact / needed if config.slips else None,
        savings_forgiving=1 - forgiving / needed if config.slips else None,
        savings_words=1 - forgiving / needed if config.phrases else None,
        savings_phrases=1 - phrases / needed if config.phrases else None,
    )


def _slips(word: str, rate: float, chance: random.Random) -> Iterator[Slip | None]:
    """What goes wrong at each letter of a word; None where nothing does."""
    for place, letter in enumerate(word):
        slips = []
        if chance.random() < rate and letter.isalpha():
            following = word[place + 1 : place + 2]
            slips = [Slip(letter * 2, 1, 1)]
            if around := sorted(NEIGHBORS.get(letter.lower(), ())):
                slips.append(Slip(chance.choice(around), 1, 0))
            if following and following != letter:
                slips += [Slip(following, 1, 0), Slip(following + letter, 2, 0)]
        yield chance.choice(slips) if slips else None


class _Typing:
    """One token being typed.

    Args:
        session: Has read what comes before it.
        token: The token.
        slips: For each of its letters.
        following: Those after it.
    """

    def __init__(
        self, session: Session, token: Token, slips: Sequence[Slip | None], following: Sequence[Token]
    ) -> None:
        self._session, self._token, self._following = session, token, following
        self._normalize = session.engine.tokenizer.normalize
        self._suggest = lru_cache(maxsize=None)(self._suggestions)
        self.slips = slips if session.engine.tokenizer.is_word(self._normalize(token.word)) else []

    def keys_by_hand(self) -> int:
        """How many keys are pressed without help."""
        slipped = sum(len(slip.keys) + slip.backspaces - slip.right for slip in self.slips if slip)
        return keys_needed(self._token) + slipped

    def keys(self, forgive: bool, phrases: bool = False) -> tuple[int, int]:
        """How many keys are pressed, and how many tokens are typed with them."""
        word = self._token.word
        keys = stand = 0
        corrected = -1  # the letter at which a slip was taken back
        while self.slips and stand < len(word):
            suggestions = self._suggest(word[:stand], forgive)
            if self._offered(suggestions):
                words = self._phrase(suggestions, word[:stand]) if phrases else 1
                return keys + 1, words
            slip = self.slips[stand] if stand > corrected else None
            if slip is None:
                keys, stand = keys + 1, stand + 1
                continue
            corrected = stand
            keys += len(slip.keys)
            if self._offered(self._suggest(word[:stand] + slip.keys, forgive)):
                return keys + 1, 1
            keys, stand = keys + slip.backspaces, stand + slip.right
        return keys + keys_needed(self._token) - len(word) if self.slips else keys_needed(self._token), 1

    def _suggestions(self, letters: str, forgive: bool) -> list[Prediction]:
        return self._session.suggest(SUGGESTIONS, prefix=letters, forgive=forgive)

    def _offered(self, suggestions: Sequence[Prediction]) -> bool:
        return any(self._is(one, self._token) for one in suggestions)

    def _is(self, suggestion: Prediction, token: Token) -> bool:
        return self._normalize(suggestion.word) == self._normalize(token.word)

    def _phrase(self, suggestions: Sequence[Prediction], letters: str) -> int:
        """How many tokens the phrase shown has, if they are those that come; else 1."""
        if not self._is(suggestions[0], self._token):
            return 1
        tokens = [self._token, *self._following]
        phrase = worth_showing(self._session, suggestions, letters)
        if len(phrase) > len(tokens):
            return 1
        joined = all(token.spaced for token in tokens[: len(phrase) - 1])
        right = joined and all(self._is(one, token) for one, token in zip(phrase, tokens, strict=False))
        return len(phrase) if right else 1
