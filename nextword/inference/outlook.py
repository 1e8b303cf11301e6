"""What comes next: the probabilities of all words at one place of a text, and the words or phrases to suggest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nextword.errors import UsageError
from nextword.inference.beam_search import BeamSearch
from nextword.inference.engine import Engine
from nextword.inference.lexicon import Lexicon
from nextword.inference.lstm import Array, LSTMState, at_temperature
from nextword.inference.ranking import Ranked, Ranking
from nextword.text.casing import capitalized_like
from nextword.text.detokenizer import Detokenizer
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID


@dataclass(frozen=True)
class Prediction:
    """A word that may come next.

    Attributes:
        word: As people write it: usual casing, capitalized where a sentence starts.
        probability: From 0 to 1, of the model's full distribution over its vocabulary.
    """

    word: str
    probability: float

    @property
    def log2(self) -> float:
        """Base-two logarithm of the probability: minus the word's surprisal in bits."""
        return math.log2(self.probability) if self.probability > 0 else -math.inf


@dataclass(frozen=True)
class Outlook:
    """What is expected next at one place of a text.

    Attributes:
        engine: The model that expects it.
        distribution: (V + U,) probabilities of the vocabulary and of `new_words`.
        position: Where in a sentence the next word stands.
        new_words: Words outside the vocabulary that may come, too; those of probability 0, or without one, may not.
        state: (H,) after what was read; `phrases` go on from it, `top` does without.
    """

    engine: Engine
    distribution: Array
    position: SentencePosition
    new_words: Lexicon = field(default_factory=Lexicon)
    state: LSTMState | None = None

    def top(
        self,
        k: int = 5,
        punctuation: bool = False,
        prefix: str = "",
        temperature: float = 1.0,
        forgive: bool = True,
    ) -> list[Prediction]:
        """The `k` most likely words, the likeliest first; equals in order of their ids.

        The unknown word and `<eos>` are never among them. The words that were too rare for the vocabulary
        (`rare_share`) are suggested where letters of them are typed. A word that is typed in full comes after
        all others. Words that look the same are one, as likely as both together.

        Letters typed are evidence: words that begin with them, and with `forgive` those for which they may have been
        typed with a slip or without an apostrophe or accent, in the order of their probability times that of the
        letters (`slips`). So those that begin with the very letters come first, unless they are far less likely.

        Args:
            k: How many; fewer come back only where there are fewer.
            punctuation: Whether punctuation marks count as words.
            prefix: The letters typed of the word. What is suggested is written as they are: with a capital or in
                capitals only. Without regard to case unless the model is cased.
            temperature: Of the distribution; see `at_temperature`.
            forgive: Whether words are suggested that do not begin with the very letters.

        Raises:
            UsageError: `k` is less than 1.
        """
        check_count(k)
        ranking = self._ranking(at_temperature(self.distribution, temperature), k, prefix)
        ranked = ranking.as_typed(punctuation)
        if prefix and forgive:
            # Where enough words begin with the letters, none as rare as that comes before them for a slip.
            ranked = ranked + ranking.forgiven(rare=len(ranked) < k)
        # Only with a prefix can a word be typed in full; whoever has done that wants to see the others.
        return sorted(self._merged(ranked, prefix), key=lambda prediction: prediction.word == prefix)[:k]

    def _ranking(self, distribution: Array, k: int, prefix: str) -> Ranking:
        return Ranking(self.engine, distribution, self.new_words, self.position.at_start, k, prefix)

    def _merged(self, ranked: Sequence[Ranked], prefix: str) -> list[Prediction]:
        """Words as they are shown, the likeliest first; those shown as one are one, as likely as both together."""
        words: dict[str, Ranked] = {}
        for one in ranked:
            word = self._as_typed(one.form, prefix)
            before = words.get(word, Ranked(0, one.number, word, 0))
            number = min(before.number, one.number)
            words[word] = Ranked(before.score + one.score, number, word, before.probability + one.probability)
        order = sorted(words.values(), key=lambda one: (-one.score, one.score < one.probability, one.number, one.form))
        return [Prediction(one.form, one.probability) for one in order]

    def correction(self, word: str) -> str | None:
        """What was probably meant by a word that no one writes; None where nothing is, or where it is written.

        A word outside the vocabulary counts as written where it is more likely than the other with slips.
        """
        tokenizer = self.engine.tokenizer
        letters = tokenizer.normalize(word)
        if tokenizer.token_id(letters) is not None or not tokenizer.is_learnable(letters):
            return None
        ranking = self._ranking(self.distribution, 1, word)
        best = max(ranking.forgiven(whole=True), key=lambda one: (one.score, -one.number), default=None)
        if best is None or best.score <= sum(one.score for one in ranking.typed()):
            return None
        return self._as_typed(best.form, word)

    def phrases(
        self, words: int, k: int = 5, punctuation: bool = False, prefix: str = "", temperature: float = 1.0
    ) -> list[Prediction]:
        """The `k` most likely phrases to come next with their joint probabilities, the likeliest first.

        A phrase has `words` words, or fewer where its sentence ends: with a full stop or another mark, which it then
        shows, or with the paragraph; that the sentence ends there is part of its probability. Between words there may
        be a mark, which does not count as a word. No word is outside the vocabulary. The other arguments are those of
        `top`: `punctuation` and `prefix` are for the first word, `temperature` is for all.

        Raises:
            ValueError: The outlook has no state to go on from.
        """
        index = self.engine.index
        found = self._search(index.candidates(prefix, punctuation), words, k, prefix, temperature)
        if prefix and len(found) < k:
            spelled_like = index.spelled_like(self.engine.tokenizer.normalize(prefix))
            if len(spelled_like):
                found += self._search(spelled_like, words, k - len(found), prefix, temperature)
        return found

    def _search(
        self, candidates: NDArray[np.intp], words: int, k: int, prefix: str, temperature: float
    ) -> list[Prediction]:
        """The `k` most likely phrases that begin with one of `candidates`; see `phrases`."""
        if self.state is None:
            raise ValueError("phrases need the state after what was read")
        first = np.zeros(len(self.engine.tokenizer), np.float32)
        first[candidates] = at_temperature(self.distribution, temperature)[candidates]
        search = BeamSearch(self.engine, words, k, temperature)
        totals: dict[str, float] = {}
        for phrase in search.run(first, self.state, self.position):
            written = self._written(phrase.ids, prefix)
            totals[written] = totals.get(written, 0.0) + math.exp(phrase.log_probability)
        return [Prediction(*one) for one in sorted(totals.items(), key=lambda item: -item[1])]

    def _written(self, ids: Sequence[int], prefix: str) -> str:
        """A phrase as people write it, its first word with the capitals that the letters typed have."""
        writer = Detokenizer(self.engine.tokenizer, self.position)
        first, *others = (writer.add(token_id) for token_id in ids if token_id != END_ID)
        return self._as_typed(first, prefix) + "".join(others)

    def _as_typed(self, form: str, prefix: str) -> str:
        """`form` with the capitals of the letters typed, where the model leaves case to the user."""
        return form if self.engine.tokenizer.cased else capitalized_like(prefix, form)


def check_count(k: int) -> None:
    """Raise `UsageError` if `k` words cannot be suggested."""
    if k < 1:
        raise UsageError(f"the number of suggestions is {k}; it must be 1 or more", "Try -k 5")
