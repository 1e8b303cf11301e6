"""A text made ready to be measured with a model, and what is measured at each of its tokens.

Three figures: the surprisal of the token, its rank in the vocabulary, and how many of its letters are typed before it
is among the suggestions (`keystrokes`). Words outside the vocabulary that may be suggested, because they are known as
too rare for it or were learned while reading, count for the letters; for all else they are `<unk>`.

Letters in shapes: n places in the text, N tokens of it, H hidden size of the last layer, V words in the vocabulary, U
words outside it that may be suggested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.config import AdaptConfig
from nextword.errors import CorpusError
from nextword.evaluation.keystrokes import Keyboard, keys_needed
from nextword.evaluation.reader import Figures, ReadingLimits, TextReader, chunked, known_ids
from nextword.inference.adaptation import Adaptation
from nextword.inference.session import new_word
from nextword.inference.word_index import rare_share
from nextword.model.language_model import RecurrentLanguageModel
from nextword.text.encoder import Text
from nextword.text.token_file import TokenFile
from nextword.text.tokenizer import UNKNOWN_ID, Token, WordTokenizer

_MIN_PROBABILITY = 1e-38  # about the smallest 32-bit float


@dataclass(frozen=True)
class EvaluationText:
    """A text and the model that it is measured with.

    Attributes:
        model: Reads it.
        ids: (N,) `<unk>` for every word outside the vocabulary.
        words: (N,) the same, where words outside the vocabulary that may be suggested are counted on from its last.
        rare: How many of those are too rare for the vocabulary: the first ones.
        extra: U, the rare ones and those that are learned while reading.
        keyboard: For V + U words.
        begin: How many of the first tokens are read and not measured, where the model adapts.
    """

    model: RecurrentLanguageModel
    ids: NDArray[np.int32]
    words: NDArray[np.int32]
    rare: int
    extra: int
    keyboard: Keyboard
    begin: int = 0

    @property
    def unknown_rate(self) -> float:
        """Share of the tokens measured that are outside the vocabulary."""
        return float(np.mean(self.ids[self.begin :] == UNKNOWN_ID))

    def reader(self, limits: ReadingLimits, advance: Callable[[int], None]) -> TextReader:
        """What reads the text and gives for every token what `metric` does."""
        return TextReader(self.model, self.words, chunked(self.model, self.metric, limits), limits, advance)

    def metric(self, logits: Tensor, words: Tensor) -> Tensor:
        """(n, 3) surprisal in nats, rank, and letters typed before the word is suggested.

        Args:
            logits: (n, V).
            words: (n,) targets, as in `words`.
        """
        tokens = known_ids(words, logits.shape[1])
        share = math.log(rare_share(self.extra))
        extra = (logits[:, UNKNOWN_ID, None] + share).expand(-1, self.extra)
        typed = self.keyboard.letters_typed(likelier(torch.cat([logits, extra], 1), words), words)
        return torch.cat([surprisal(logits, tokens), rank(logits, tokens), typed[:, None]], 1)

    def adapting(self, adapt: AdaptConfig, limits: ReadingLimits, advance: Callable[[int], None]) -> Iterator[Figures]:
        """The same three figures as a session expects the text that learns from it, place after place.

        Args:
            adapt: What it remembers.
            limits: How much is held at one time.
            advance: Called with the number of tokens read since the last call.

        Yields:
            Those of the next places, from `begin` on.
        """
        weight, bias = self.model.output.weight.detach().cpu(), self.model.output.bias.detach().cpu()
        limits = replace(limits, chunk=limits.hidden_chunk)
        memory = Adaptation.fresh(weight.shape[1], adapt.window, adapt.words)
        size, done = len(bias) + self.extra, 0
        for figures in TextReader(self.model, self.words, lambda hidden, _: hidden, limits, advance).stream():
            chunk = figures.astype(np.float32)
            for first in range(0, len(chunk), limits.distributions):
                hidden = chunk[first : first + limits.distributions]
                words = self.words[done : done + len(hidden)]
                model = torch.addmm(bias, torch.from_numpy(hidden), weight.t()).softmax(1).numpy()
                expected = None if done + len(hidden) <= self.begin else np.empty((len(hidden), size), np.float32)
                memory = memory.after(hidden, model, words, size, expected)
                if expected is not None:
                    counted = slice(max(0, self.begin - done), None)
                    yield self._figures(self._with_rare(torch.from_numpy(expected[counted])), words[counted])
                done += len(hidden)

    def _with_rare(self, expected: Tensor) -> Tensor:
        """(n, V + U) distributions, in which the rare words have their share of what is left to `<unk>`."""
        if self.rare:
            unknown, size = expected[:, UNKNOWN_ID, None], len(self.model.output.bias)
            expected[:, size : size + self.rare] += unknown * rare_share(self.rare)
            unknown -= unknown * rare_share(1)
        return expected

    def _figures(self, expected: Tensor, targets: NDArray[np.int32]) -> Figures:
        """(n, 3) what `metric` gives, from (n, V + U) distributions and what came, (n,) as in `words`."""
        words, size = torch.from_numpy(targets.astype(np.int64)), len(self.model.output.bias)
        typed = self.keyboard.letters_typed(likelier(expected, words), words)
        typed[expected.gather(1, words[:, None])[:, 0] == 0] = torch.inf  # a new word not met before
        vocabulary = expected[:, :size].clone()
        vocabulary[:, UNKNOWN_ID] += expected[:, size:].sum(1)
        tokens = known_ids(words, size)
        nats = -vocabulary.gather(1, tokens[:, None]).clamp(min=_MIN_PROBABILITY).log()
        return torch.cat([nats, rank(vocabulary, tokens), typed[:, None]], 1).double().numpy()


def read_text(
    model: RecurrentLanguageModel,
    tokenizer: WordTokenizer,
    texts: Sequence[Text],
    adapting: bool = False,
    past: Sequence[Text] = (),
) -> EvaluationText:
    """The documents `texts`, one after the other, ready to be measured; arguments as those of `evaluate`.

    Raises:
        CorpusError: There is no token in them, or in a past that is named.
    """
    ids, begin = encode(tokenizer, texts), 0
    if past:
        before = encode(tokenizer, past)
        ids, begin = np.concatenate([before, ids]), len(before)
    extra, words = _beyond_vocabulary(tokenizer, [*past, *texts], ids, learn=adapting)
    device = torch.device("cpu") if adapting else model.output.bias.device
    return EvaluationText(model, ids, words, len(tokenizer.rare), len(extra), Keyboard(tokenizer, device, extra), begin)


def _beyond_vocabulary(
    tokenizer: WordTokenizer, texts: Sequence[Text], ids: NDArray[np.int32], learn: bool
) -> tuple[list[str], NDArray[np.int32]]:
    """The words outside the vocabulary that may be suggested, and `ids` with theirs, counted on from its last.

    Args:
        tokenizer: Knows the words too rare for the vocabulary.
        texts: What `ids` are of.
        ids: (N,) the text.
        learn: Whether words of the text that a session would learn are among them, after the rare ones.
    """
    size = len(tokenizer)
    numbers = {tokenizer.normalize(form): size + index for index, form in enumerate(tokenizer.rare)}
    words = ids.copy()
    for place, token in enumerate(written(tokenizer, texts) if numbers or learn else ()):
        if token.token_id == UNKNOWN_ID:
            word = tokenizer.normalize(token.word)
            if learn and new_word(token.word, tokenizer):
                numbers.setdefault(word, size + len(numbers))
            words[place] = numbers.get(word, UNKNOWN_ID)
    return list(numbers), words


def encode(tokenizer: WordTokenizer, texts: Sequence[Text]) -> NDArray[np.int32]:
    """(N,) ids of all texts, one after the other.

    Raises:
        CorpusError: There is no token in them.
    """
    ids = TokenFile(tokenizer.encode_documents(texts)).ids
    if not len(ids):
        raise CorpusError("there is no word in the text", "Name a text of one word or more.")
    return ids


def written(tokenizer: WordTokenizer, texts: Sequence[Text]) -> Iterator[Token]:
    """The tokens of all texts as they are written; one text at a time is held in memory."""
    wholes = (text if isinstance(text, str) else "".join(text) for text in texts)
    return chain.from_iterable(map(tokenizer.written, wholes))


def keys_without_help(tokenizer: WordTokenizer, texts: Sequence[Text]) -> Iterator[int]:
    """Keys that every token costs who types the texts without help (`keystrokes`)."""
    return map(keys_needed, written(tokenizer, texts))


def surprisal(logits: Tensor, targets: Tensor) -> Tensor:
    """(n, 1) minus the log-probability, in nats, of the targets: their cross-entropy.

    Args:
        logits: (n, V).
        targets: (n,) ids.
    """
    return logits.logsumexp(1, keepdim=True) - logits.gather(1, targets[:, None])


def likelier(scores: Tensor, targets: Tensor) -> Tensor:
    """(n, V) whether each word of the vocabulary is likelier than the target; equals in order of their ids."""
    of_target = scores.gather(1, targets[:, None])
    found, equal = scores > of_target, scores == of_target
    if int(torch.count_nonzero(equal)) > len(scores):
        found |= equal & (torch.arange(scores.shape[1], device=scores.device) < targets[:, None])
    return found


def rank(scores: Tensor, targets: Tensor) -> Tensor:
    """(n, 1) place of the targets in the order of the distribution, 1 for the first."""
    return likelier(scores, targets).sum(1, keepdim=True) + 1
