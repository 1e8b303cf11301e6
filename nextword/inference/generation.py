"""Text that goes on by itself: words drawn one after the other, read as they are drawn, and written as people do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nextword.config import GenerateConfig
from nextword.inference.engine import Engine
from nextword.inference.lstm import Array, at_temperature
from nextword.inference.session import Session
from nextword.text.detokenizer import Detokenizer
from nextword.text.tokenizer import END_ID, UNKNOWN_ID

_MAX_TOKENS_PER_WORD = 20  # tokens drawn for every word asked for: a text of nothing but marks ends, too


def nucleus(distribution: Array, top_p: float) -> NDArray[np.intp]:
    """Ids of the likeliest words that hold `top_p` of the probability, the likeliest first, and no word more.

    Nucleus sampling draws from these (Holtzman et al. 2020, section 3.1, equation 2).

    Args:
        distribution: (V,) probabilities; they need not sum to one.
        top_p: Share of their sum, above 0; 1 for all words whose probability is not zero.
    """
    order = np.argsort(-distribution, kind="stable")
    reached = np.cumsum(distribution[order], dtype=np.float64)
    size = int(np.searchsorted(reached, top_p * reached[-1])) + 1
    return order[: min(size, int(np.count_nonzero(distribution)))]


class Sampler:
    """Goes on with a text by drawing from the model's distribution.

    `<unk>` is never drawn, and no paragraph is empty. The same seed gives the same text.

    Args:
        engine: The model.
        text: What was written so far.
        config: How many words, and how they are drawn.

    Attributes:
        unknown: The words of `text` outside the vocabulary.
        seed: What the random numbers come from; where `config` has none, it is drawn.
    """

    def __init__(self, engine: Engine, text: str, config: GenerateConfig) -> None:
        session = Session(engine)
        self.unknown = session.feed(text)
        self.seed: int = config.seed if config.seed is not None else int(np.random.default_rng().integers(2**32))
        self._engine, self._config, self._state = engine, config, session.state
        joined = not text or text[-1].isspace()
        self._writer = Detokenizer(engine.tokenizer, session.snapshot.position, joined)

    def __iter__(self) -> Iterator[str]:
        """The continuation, token by token as it is to be written: a space before most words, and line ends."""
        random = np.random.default_rng(self.seed)
        tokenizer, words_left = self._engine.tokenizer, self._config.words
        for _ in range(_MAX_TOKENS_PER_WORD * words_left):
            token_id = self._draw(random)
            yield self._writer.add(token_id)
            words_left -= tokenizer.is_word(tokenizer.words[token_id])
            if not words_left:
                return
            self._state = self._engine.read([token_id], self._state)

    def _draw(self, random: np.random.Generator) -> int:
        """An id drawn from the nucleus."""
        distribution = at_temperature(self._engine.distribution(self._state), self._config.temperature)
        distribution[UNKNOWN_ID] = 0
        if not self._writer.position.previous:  # a paragraph begins
            distribution[END_ID] = 0
        choices = nucleus(distribution, self._config.top_p)
        reached = np.cumsum(distribution[choices], dtype=np.float64)
        place = int(np.searchsorted(reached, random.random() * reached[-1], side="right"))
        return int(choices[min(place, len(choices) - 1)])
