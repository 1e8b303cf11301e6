"""Text that goes on by itself: words drawn at random, and the likeliest phrases of a few words.

`Sampler` draws one word after the other (`generate`), `phrases` searches (`predict --words`); both read what they
choose, and write it as people do. Knows probabilities, states and words; no screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.config import GenerateConfig
from nextword.inference.lstm import Array, LSTMState
from nextword.inference.predictor import Prediction, Predictor, at_temperature
from nextword.text.detokenizer import Detokenizer
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, UNKNOWN_ID

_MAX_TOKENS = 20  # for every word asked for: a text of nothing but marks ends, too
_WIDTH = 32  # beginnings of phrases followed at least
_MAX_SCORES = 1 << 23  # held at once: the vocabulary's length for each of them


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
        predictor: The model.
        text: What was written so far.
        config: How many words, and how they are drawn.

    Attributes:
        unknown: The words of `text` outside the vocabulary.
        seed: What the random numbers come from; where `config` has none, it is drawn.
    """

    def __init__(self, predictor: Predictor, text: str, config: GenerateConfig) -> None:
        session = predictor.session()
        self.unknown = session.feed(text)
        self.seed: int = config.seed if config.seed is not None else int(np.random.default_rng().integers(2**32))
        self._predictor, self._config, self._state = predictor, config, session.state
        joined = not text or text[-1].isspace()
        self._writer = Detokenizer(predictor.tokenizer, session.snapshot.position, joined)

    def __iter__(self) -> Iterator[str]:
        """The continuation, token by token as it is to be written: a space before most words, and line ends."""
        random = np.random.default_rng(self.seed)
        tokenizer, words_left = self._predictor.tokenizer, self._config.words
        for _ in range(_MAX_TOKENS * words_left):
            token_id = self._draw(random)
            yield self._writer.add(token_id)
            words_left -= tokenizer.is_word(tokenizer.words[token_id])
            if not words_left:
                return
            self._state = self._predictor.read([token_id], self._state)

    def _draw(self, random: np.random.Generator) -> int:
        """An id drawn from the nucleus."""
        distribution = at_temperature(self._predictor.distribution(self._state), self._config.temperature)
        distribution[UNKNOWN_ID] = 0
        if not self._writer.position.previous:  # a paragraph begins
            distribution[END_ID] = 0
        choices = nucleus(distribution, self._config.top_p)
        reached = np.cumsum(distribution[choices], dtype=np.float64)
        place = int(np.searchsorted(reached, random.random() * reached[-1], side="right"))
        return int(choices[min(place, len(choices) - 1)])


class _Beginning(NamedTuple):
    """The beginning of a phrase."""

    ids: tuple[int, ...]
    words: int
    position: SentencePosition
    log_probability: float


def phrases(
    predictor: Predictor,
    state: LSTMState,
    position: SentencePosition,
    words: int,
    k: int = 5,
    punctuation: bool = False,
    prefix: str = "",
    temperature: float = 1.0,
    first: Array | None = None,
) -> list[Prediction]:
    """The `k` most likely phrases to come next with their joint probabilities, the likeliest first, by beam search.

    A phrase has `words` words, or fewer where its sentence ends: with a full stop or another mark, which it then
    shows, or with the paragraph; that the sentence ends there is part of its probability. Between words there may be
    a mark, which does not count as a word. The unknown word is in none. The search follows the 32 likeliest
    beginnings (or 2k, if that is more and memory allows), all of them with one matrix product a step.

    Args:
        predictor: The model.
        state: (H,) what was read.
        position: Where in a sentence that ends.
        words: How many words a phrase may have.
        k: How many phrases.
        punctuation: Whether a phrase may begin with a mark.
        prefix: The letters typed of the first word.
        temperature: Of all distributions; see `at_temperature`.
        first: (V,) or longer: probabilities of the first word, where they are not the model's own.
    """
    width = min(max(_WIDTH, 2 * k), max(_WIDTH, _MAX_SCORES // len(predictor.tokenizer)))
    search = _BeamSearch(predictor, words, temperature, width)
    if first is None:
        first = predictor.distribution(state)
    distribution = np.zeros((1, len(predictor.tokenizer)), np.float32)
    candidates = predictor.candidates(prefix, punctuation)
    distribution[0, candidates] = at_temperature(first, temperature)[candidates]
    search.extend([_Beginning((), 0, position, 0.0)], distribution)
    states = state.rows(None)
    while search.open and not search.is_settled(k):
        states = predictor.network.step(
            [beginning.ids[-1] for beginning in search.open],
            states.rows(search.parents),
        )
        search.extend(search.open, search.distributions(states))
    best = sorted(search.finished, key=lambda phrase: -phrase.log_probability)[:k]
    return [
        Prediction(_written(predictor, phrase.ids, position, prefix), math.exp(phrase.log_probability))
        for phrase in best
    ]


class _BeamSearch:
    """The beginnings followed, the phrases found."""

    def __init__(self, predictor: Predictor, words: int, temperature: float, width: int) -> None:
        self._predictor, self._words, self._temperature, self._width = predictor, words, temperature, width
        self.finished: list[_Beginning] = []
        self.open: list[_Beginning] = []
        self.parents: list[int] = []  # place among those extended last, for each of `open`

    def is_settled(self, k: int) -> bool:
        """Whether no beginning can still become one of the `k` best: probabilities only fall."""
        if len(self.finished) < k:
            return False
        kth = sorted((phrase.log_probability for phrase in self.finished), reverse=True)[k - 1]
        return kth >= max(beginning.log_probability for beginning in self.open)

    def distributions(self, states: LSTMState) -> Array:
        """(B, V) probabilities of what may come after each of `open`."""
        distributions = at_temperature(self._predictor.distribution(states), self._temperature)
        distributions[:, UNKNOWN_ID] = 0
        tokenizer = self._predictor.tokenizer
        for row, beginning in enumerate(self.open):
            if not tokenizer.is_word(tokenizer.words[beginning.ids[-1]]):  # after a mark comes a word
                distributions[row, self._predictor.marks] = 0
        return distributions

    def extend(self, beginnings: list[_Beginning], distributions: Array) -> None:
        """Take the likeliest ways to go on with `beginnings`, (B, V) probabilities, as `open` and `finished`."""
        with np.errstate(divide="ignore"):
            totals = np.log(distributions) + np.asarray([[b.log_probability] for b in beginnings], np.float32)
        flat = totals.ravel()
        best = np.argpartition(-flat, min(self._width, flat.size) - 1)[: self._width]
        tokenizer = self._predictor.tokenizer
        self.open, self.parents = [], []
        for place in sorted(best[flat[best] > -np.inf].tolist(), key=lambda place: (-flat[place], place)):
            parent, token_id = divmod(place, distributions.shape[1])
            before, token = beginnings[parent], tokenizer.words[token_id]
            extended = _Beginning(
                (*before.ids, token_id),
                before.words + tokenizer.is_word(token),
                before.position.after(token),
                float(flat[place]),
            )
            if token_id == END_ID or extended.position.closed or extended.words == self._words:
                self.finished.append(extended)
            else:
                self.open.append(extended)
                self.parents.append(parent)


def _written(predictor: Predictor, ids: tuple[int, ...], position: SentencePosition, prefix: str) -> str:
    """A phrase as people write it, its first word with the capitals that the letters typed have."""
    writer = Detokenizer(predictor.tokenizer, position)
    first, *others = (writer.add(token_id) for token_id in ids if token_id != END_ID)
    return predictor.as_typed(first, prefix) + "".join(others)
