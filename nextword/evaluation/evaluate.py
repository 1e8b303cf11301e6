"""How well a model predicts a text: every token of it predicted and counted, the state carried from start to end.

`perplexity` is what training watches, `evaluate` what `nextword eval` shows, `score` what `nextword score` lists token
by token; all three see the same figures. Several documents are read as one text, one after the other: the memory goes
on from each to the next, as it does in training.

One LSTM reads word after word and leaves most of a processor idle. So a long text is cut into parts that are read
side by side, and every part but the first begins with a warm-up: the 512 words before it are read, not counted, until
its state is practically the one that reading from the start would have left. On trained models the perplexity differs
by less than 1e-5 of itself from that of one long stream. Every token is predicted and counted exactly once.

Knows the torch model and the tokenizer; knows nothing of files or screens.

Letters in shapes: T steps, B streams, H hidden size of the last layer, V words in the vocabulary, N tokens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.config import AdaptConfig
from nextword.errors import CorpusError, UsageError
from nextword.evaluation.keystrokes import Keyboard, keys_needed, keys_used
from nextword.inference.cache import cosine_similarity, interpolate, quantize_keys
from nextword.inference.predictor import RARE_SHARE
from nextword.inference.session import new_word
from nextword.model.language_model import LayerState, LSTMLanguageModel
from nextword.storage.checkpoint import Checkpoint
from nextword.text.encoder import Text
from nextword.text.token_file import TokenFile
from nextword.text.tokenizer import END_ID, UNKNOWN_ID, Token, WordTokenizer

Progress = Callable[[int, int], None]  # tokens read so far, tokens in all
Measure = Callable[[Tensor, Tensor], Tensor]  # (n, V) scores and (n,) ids of the words that came -> (n, K) figures
Observe = Callable[[Tensor, Tensor], Tensor]  # (n, H) what the last layer shows and the same ids -> (n, K) figures

_WARM_UP = 512  # words read before a part that does not begin the text
_MIN_PART = 4 * _WARM_UP  # with shorter parts, too much of the work would be warming up
_MAX_STREAMS = 32
_STRETCH = 2**17  # tokens whose figures are held at one time
_WINDOW = 2048  # words, of all streams together, read at once: the result does not depend on it, the memory does
_ADAPTING_STRETCH = 2**14  # as _STRETCH, where all that the last layer shows is held
_ADAPTING_BLOCK = 128  # words whose distributions are held at one time
_MIN_PROBABILITY = 1e-38
_SCORES = 2**22  # scores, words times vocabulary, held at one time


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text, over all its tokens, `<eos>` included.

    Attributes:
        tokens: How many were predicted.
        perplexity: exp of their mean cross-entropy in nats.
        bits_per_word: The same mean in bits a token.
        top1: Share of the tokens that were the likeliest of the whole vocabulary; likewise `top3`, `top5`, `top10`.
        keystroke_savings: Share of the keys that three suggestions save someone who types the text (`keystrokes`).
        unknown_rate: Share of the tokens that are outside the vocabulary.
        seconds: What all this took.
        tokens_per_second: Tokens by seconds.
    """

    tokens: int
    perplexity: float
    bits_per_word: float
    top1: float
    top3: float
    top5: float
    top10: float
    keystroke_savings: float
    unknown_rate: float
    seconds: float
    tokens_per_second: float


class Score(NamedTuple):
    """One token of a text and how the model expected it."""

    line: int  # in its document, from 1
    position: int  # in its line, from 1
    word: str  # as it is written; "<eos>" for the end of a paragraph
    surprisal: float  # bits
    rank: int  # 1 for the likeliest of the vocabulary; equals in order of their ids
    entropy: float  # bits of the whole distribution


def load_model(checkpoint: Checkpoint, device: str = "auto") -> LSTMLanguageModel:
    """The network of a checkpoint in torch, in evaluation mode.

    Args:
        checkpoint: A verified one.
        device: `cpu`, `cuda`, or `auto` for a GPU where there is one.

    Raises:
        UsageError: There is no such device.
    """
    available = torch.cuda.is_available()
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"the device is {device!r}; it must be auto, cpu or cuda", "Let it be chosen: --device auto")
    if device == "cuda" and not available:
        raise UsageError("there is no CUDA device on this machine", "Use the processor: --device cpu")
    model = LSTMLanguageModel(checkpoint.config, len(checkpoint.tokenizer))
    tensors = {name: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
    if checkpoint.config.tied:
        tensors["output.weight"] = tensors["embedding.weight"]
    model.load_state_dict(tensors)
    return model.to("cuda" if device != "cpu" and available else "cpu").eval()


def _quiet(done: int, total: int) -> None:
    """Shows no progress."""


def evaluate(
    model: LSTMLanguageModel,
    tokenizer: WordTokenizer,
    texts: Iterable[Text],
    on_progress: Progress = _quiet,
    adapt: AdaptConfig | None = None,
) -> Evaluation:
    """Predict every token of `texts` and say how well that went.

    Args:
        model: Any model, on any device.
        tokenizer: Its words.
        texts: The documents, as strings or in portions (iterated over several times).
        on_progress: Called now and then.
        adapt: How the model learns from the text while it reads it, as a session does; None: not at all. Words outside
            the vocabulary that it learns count for the keystrokes, as the rare ones of the tokenizer do in any case;
            for all else they are `<unk>` as ever.

    Raises:
        CorpusError: There is no token in the texts.
    """
    began = time.perf_counter()
    text = read_text(model, tokenizer, texts, adapt is not None)
    pieces = _measured_adapting(model, tokenizer, text, adapt, on_progress) if adapt else text.figures(on_progress)
    keys = keys_without_help(tokenizer, texts)
    metrics = Metrics()
    for figures in pieces:
        metrics.add(figures, np.fromiter(keys, np.int64, len(figures)))
    seconds = time.perf_counter() - began
    return Evaluation(
        tokens=metrics.tokens,
        perplexity=metrics.perplexity,
        bits_per_word=metrics.bits_per_word,
        top1=metrics.top(1),
        top3=metrics.top(3),
        top5=metrics.top(5),
        top10=metrics.top(10),
        keystroke_savings=metrics.keystroke_savings,
        unknown_rate=text.unknown_rate,
        seconds=seconds,
        tokens_per_second=metrics.tokens / seconds,
    )


class Metrics:
    """Sums over the tokens measured so far, and the figures of `Evaluation` that they give; one token or more.

    Attributes:
        tokens: How many have been added.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._nats = 0.0
        self._hits = dict.fromkeys((1, 3, 5, 10), 0)
        self._needed = self._used = 0

    def add(self, figures: NDArray[np.float64], keys: NDArray[np.int64]) -> None:
        """Count n tokens more.

        Args:
            figures: (n, 3) surprisal in nats, rank, and letters typed before the token is suggested.
            keys: (n,) keys that they cost without help.
        """
        surprisals, ranks, letters = figures.T
        self.tokens += len(figures)
        self._nats += float(surprisals.sum())
        for k in self._hits:
            self._hits[k] += int(np.count_nonzero(ranks <= k))
        self._needed += int(keys.sum())
        self._used += int(keys_used(keys, letters).sum())

    @property
    def perplexity(self) -> float:
        return _perplexity(self._nats, self.tokens)

    @property
    def bits_per_word(self) -> float:
        return self._nats / self.tokens / math.log(2)

    def top(self, k: int) -> float:
        """Share of the tokens that were among the k likeliest of the vocabulary; k is 1, 3, 5 or 10."""
        return self._hits[k] / self.tokens

    @property
    def keystroke_savings(self) -> float:
        return 1 - self._used / self._needed


@dataclass(frozen=True)
class EvaluationText:
    """A text as `evaluate` measures it with a model.

    Attributes:
        model: Reads it.
        ids: (N,) `<unk>` for every word outside the vocabulary.
        words: (N,) the same, where words outside the vocabulary that may be suggested are counted on from its last.
        more: How many of those there are.
        keyboard: For all of them.
    """

    model: LSTMLanguageModel
    ids: NDArray[np.int32]
    words: NDArray[np.int32]
    more: int
    keyboard: Keyboard

    @property
    def unknown_rate(self) -> float:
        """Share of the tokens that are outside the vocabulary."""
        return float(np.mean(self.ids == UNKNOWN_ID))

    def figures(self, on_progress: Progress = _quiet) -> Iterator[NDArray[np.float64]]:
        """What `Metrics.add` wants of every token, the state carried from start to end; see `measured`."""
        return measured(self.model, self.words, self.measure, on_progress)

    def measure(self, scores: Tensor, words: Tensor) -> Tensor:
        """(n, 3) surprisal in nats, rank, and letters typed before the word is suggested.

        Args:
            scores: (n, V) logits.
            words: (n,) what came, as in `words`.
        """
        tokens = _known(words, scores.shape[1])
        ranks = _rank(_likelier(scores, tokens))
        share = math.log(RARE_SHARE / max(1, self.more))
        more = (scores[:, UNKNOWN_ID, None] + share).expand(-1, self.more)
        typed = self.keyboard.letters_typed(_likelier(torch.cat([scores, more], 1), words), words)
        return torch.cat([surprisal(scores, tokens), ranks, typed[:, None]], 1)


def read_text(
    model: LSTMLanguageModel, tokenizer: WordTokenizer, texts: Iterable[Text], adapting: bool = False
) -> EvaluationText:
    """The documents `texts`, one after the other, ready to be measured; arguments as those of `evaluate`.

    Raises:
        CorpusError: There is no token in them.
    """
    ids = encode(tokenizer, texts)
    more, words = _beyond_vocabulary(tokenizer, texts, ids, learn=adapting)
    device = torch.device("cpu") if adapting else model.output.bias.device
    return EvaluationText(model, ids, words, len(more), Keyboard(tokenizer, device, more))


def keys_without_help(tokenizer: WordTokenizer, texts: Iterable[Text]) -> Iterator[int]:
    """Keys that every token costs who types the texts without help (`keystrokes`)."""
    return map(keys_needed, _written(tokenizer, texts))


def _known(words: Tensor, size: int) -> Tensor:
    """Ids with `<unk>` for every word outside a vocabulary of `size`."""
    return words.masked_fill(words >= size, UNKNOWN_ID)


def _beyond_vocabulary(
    tokenizer: WordTokenizer, texts: Iterable[Text], ids: NDArray[np.int32], learn: bool
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
    for place, token in enumerate(_written(tokenizer, texts) if numbers or learn else ()):
        if token.token_id == UNKNOWN_ID:
            word = tokenizer.normalize(token.word)
            if learn and new_word(token.word, tokenizer):
                numbers.setdefault(word, size + len(numbers))
            words[place] = numbers.get(word, UNKNOWN_ID)
    return list(numbers), words


def _measured_adapting(
    model: LSTMLanguageModel, tokenizer: WordTokenizer, text: EvaluationText, adapt: AdaptConfig, on_progress: Progress
) -> Iterator[NDArray[np.float64]]:
    """`EvaluationText.figures` with what was read before mixed into the model's distributions, place after place.

    Args:
        model: Any model, on any device.
        tokenizer: Its V words.
        text: What is read.
        adapt: How much what was read counts.
        on_progress: Called now and then.
    """
    size, rare, words, more = len(tokenizer), len(tokenizer.rare), text.words, text.more
    weight, bias = model.output.weight.detach().cpu(), model.output.bias.detach().cpu()
    past = quantize_keys(np.empty((0, weight.shape[1]), np.float32))  # of the window's words before the stretch
    done = 0
    for piece in _observed(model, words, lambda shown, _: shown, on_progress, _ADAPTING_STRETCH):
        shown = piece.astype(np.float32)
        keys = np.concatenate([past, quantize_keys(shown)])
        for begin in range(0, len(shown), _ADAPTING_BLOCK):
            block = shown[begin : begin + _ADAPTING_BLOCK]
            end = len(past) + begin + len(block)
            first = max(0, len(past) + begin - adapt.window)
            cosines = cosine_similarity(keys[first:end], block)
            expected = np.zeros((len(block), size + more), np.float32)
            expected[:, :size] = torch.addmm(bias, torch.from_numpy(block), weight.t()).softmax(1).numpy()
            rare_share = RARE_SHARE * expected[:, UNKNOWN_ID] if rare else np.zeros(len(block), np.float32)
            expected[:, size : size + rare] = rare_share[:, None] / max(1, rare)
            expected[:, UNKNOWN_ID] -= rare_share
            for row in range(len(block)):
                now = done + begin + row
                start = max(0, now - adapt.window)
                column = start - (done - len(past) + first)
                near = cosines[row, column : column + now - start]
                expected[row] = interpolate(expected[row], near, words[start:now], adapt)
            came = torch.from_numpy(words[done + begin : done + begin + len(block)].astype(np.int64))
            yield _figures_of(torch.from_numpy(expected), came, size, text.keyboard)
        done += len(shown)
        past = keys[max(0, len(keys) - adapt.window) :]


def _figures_of(expected: Tensor, words: Tensor, size: int, keyboard: Keyboard) -> NDArray[np.float64]:
    """(n, 3) surprisal in nats, rank and letters typed, from distributions over the vocabulary and words beyond it.

    Args:
        expected: (n, V + U) probabilities.
        words: (n,) what came.
        size: V.
        keyboard: For V + U words.
    """
    typed = keyboard.letters_typed(_likelier(expected, words), words)
    typed[expected.gather(1, words[:, None])[:, 0] == 0] = torch.inf  # a new word not met before
    vocabulary = expected[:, :size].clone()
    vocabulary[:, UNKNOWN_ID] += expected[:, size:].sum(1)
    tokens = _known(words, size)
    nats = -vocabulary.gather(1, tokens[:, None]).clamp(min=_MIN_PROBABILITY).log()
    return torch.cat([nats, _rank(_likelier(vocabulary, tokens)), typed[:, None]], 1).double().numpy()


def score(
    model: LSTMLanguageModel, tokenizer: WordTokenizer, texts: Iterable[Text], on_progress: Progress = _quiet
) -> Iterator[Score]:
    """Every token that `evaluate` counts, with its surprisal, its rank and the entropy of what was expected there.

    Entropy: Shannon 1948; surprisal as a measure of processing effort: Levy 2008, "Expectation-based syntactic
    comprehension". Memory grows with the text by its ids only.

    Args:
        model: Any model, on any device.
        tokenizer: Its words.
        texts: The documents, as strings or in portions (iterated over twice); lines are counted in each.
        on_progress: Called now and then.

    Raises:
        CorpusError: There is no token in the texts.
    """
    ids = encode(tokenizer, texts)

    def measure(scores: Tensor, targets: Tensor) -> Tensor:
        rank = _rank(_likelier(scores, targets))
        log_probabilities = scores.log_softmax(1)
        entropy = -(log_probabilities.exp() * log_probabilities).sum(1, keepdim=True)
        return torch.cat([surprisal(scores, targets), rank, entropy], 1)

    written = _written(tokenizer, texts)
    for figures in measured(model, ids, measure, on_progress):
        figures[:, ::2] /= math.log(2)
        tokens: Iterator[Token] = islice(written, len(figures))
        for token, (bits, rank, entropy) in zip(tokens, figures.tolist(), strict=True):
            yield Score(token.line, token.position, token.word, bits, int(rank), entropy)


def _written(tokenizer: WordTokenizer, texts: Iterable[Text]) -> Iterator[Token]:
    """The tokens of all texts as they are written; one text at a time is held in memory."""
    wholes = (text if isinstance(text, str) else "".join(text) for text in texts)
    return chain.from_iterable(map(tokenizer.written, wholes))


def encode(tokenizer: WordTokenizer, texts: Iterable[Text]) -> NDArray[np.int32]:
    """(N,) ids of all texts, one after the other.

    Raises:
        CorpusError: There is no token in them.
    """
    ids = TokenFile(tokenizer.encode_documents(texts)).ids
    if not len(ids):
        raise CorpusError("there is no word in the text", "Name a text of one word or more.")
    return ids


def _likelier(scores: Tensor, targets: Tensor) -> Tensor:
    """(n, V) whether each word of the vocabulary was likelier than the word that came; equals in order of their ids."""
    came = scores.gather(1, targets[:, None])
    likelier, equal = scores > came, scores == came
    if int(torch.count_nonzero(equal)) > len(scores):
        likelier |= equal & (torch.arange(scores.shape[1], device=scores.device) < targets[:, None])
    return likelier


def _rank(likelier: Tensor) -> Tensor:
    """(n, 1) place of the words that came in the order of the distribution, 1 for the first."""
    return likelier.sum(1, keepdim=True) + 1


def perplexity(model: LSTMLanguageModel, ids: NDArray[np.int32]) -> float:
    """exp of the mean cross-entropy of `ids`, in 32-bit arithmetic.

    The model starts as a fresh session does, having read one `<eos>`, so the first token is predicted and counted
    like all others; the state is carried to the last. Comparable with the literature's figures where the tokens are.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        ids: (N,) token ids, one or more.
    """
    return _perplexity(sum(float(figures.sum()) for figures in measured(model, ids, surprisal)), len(ids))


def _perplexity(nats: float, tokens: int) -> float:
    return math.exp(min(nats / tokens, 700.0))  # beyond that, no number


def surprisal(scores: Tensor, targets: Tensor) -> Tensor:
    """(n, 1) minus the log-probability, in nats, of the words that came: their cross-entropy.

    Args:
        scores: (n, V) logits.
        targets: (n,) ids of the words that came.
    """
    return scores.logsumexp(1, keepdim=True) - scores.gather(1, targets[:, None])


def measured(
    model: LSTMLanguageModel,
    ids: NDArray[np.int32],
    measure: Measure,
    on_progress: Progress = _quiet,
) -> Iterator[NDArray[np.float64]]:
    """Predict every token of a text and tell what `measure` makes of each.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        ids: (N,) token ids, one or more; those beyond the vocabulary are read as `<unk>`.
        measure: Called with the scores at some places, in no particular order, and the ids that came there.
        on_progress: Called now and then.

    Yields:
        (n, K) figures of the next n tokens, in the order of the text, over and over until all N are done.
    """
    return _observed(model, ids, scored(model, measure), on_progress, _STRETCH)


def scored(model: LSTMLanguageModel, measure: Measure) -> Observe:
    """What asks `measure` about a few places at a time, so that the scores of only a few exist at once."""
    weight, bias = model.output.weight, model.output.bias
    length = max(64, _SCORES // len(bias))

    def observe(shown: Tensor, targets: Tensor) -> Tensor:
        chunks = zip(torch.split(shown, length), torch.split(targets, length), strict=True)
        return torch.cat([measure(torch.addmm(bias, places, weight.t()), came) for places, came in chunks])

    return observe


def _observed(
    model: LSTMLanguageModel, ids: NDArray[np.int32], observe: Observe, on_progress: Progress, stretch: int
) -> Iterator[NDArray[np.float64]]:
    """Read a text and tell what `observe` makes of each token; see `measured`.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        ids: (N,) token ids, one or more; those beyond the vocabulary are read as `<unk>`.
        observe: Called with what the last layer shows at some places, in no particular order, and the ids that came.
        on_progress: Called now and then.
        stretch: How many tokens, about, are yielded at a time.
    """
    stretches = -(-len(ids) // stretch)
    streams = max(1, min(_MAX_STREAMS, len(ids) // max(1, stretches) // _MIN_PART))
    # A multiple of the streams: then only the last stretch has a stream that ends before the others do.
    length = -(-len(ids) // max(1, stretches * streams)) * streams
    state, before, done = model.initial_state(1), END_ID, 0

    def advance(tokens: int) -> None:
        nonlocal done
        done += tokens
        on_progress(done, len(ids))

    for begin in range(0, len(ids), max(1, length)):
        text = np.concatenate([[before], ids[begin : begin + length]]).astype(np.int64)
        training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                figures, state = _read_stretch(model, text, state, streams, observe, advance)
        finally:
            model.train(training)
        before = int(text[-1])
        yield figures


def _read_stretch(
    model: LSTMLanguageModel,
    text: NDArray[np.int64],
    state: list[LayerState],
    streams: int,
    observe: Observe,
    advance: Callable[[int], None],
) -> tuple[NDArray[np.float64], list[LayerState]]:
    """Read one stretch of a text as parts side by side.

    Args:
        model: In evaluation mode.
        text: (n + 1,) the token before the stretch and the stretch; ids beyond the vocabulary are read as `<unk>`.
        state: The state of one stream, before the first of them is read.
        streams: The number of parts B.
        observe: As in `_observed`.
        advance: Called with the number of tokens read since the last call.

    Returns:
        (n, K) figures; the state of one stream after the last token but one, if all parts are equally long.
    """
    device, size = model.output.bias.device, len(model.output.bias)
    count = len(text) - 1
    part = -(-count // streams)
    starts = np.arange(streams) * part
    padded = np.concatenate([text, np.full(streams * part - count, END_ID)])
    if streams > 1:
        warm = model.initial_state(streams - 1)
        for begin, end in _windows(-_WARM_UP, 0, streams):
            columns = padded[starts[1:] + np.arange(begin, end)[:, None]]
            _, warm = model(_known(torch.from_numpy(columns), size).to(device), warm)
        state = [
            (torch.cat([first[0], others[0]], 1), torch.cat([first[1], others[1]], 1))
            for first, others in zip(state, warm, strict=True)
        ]
    pieces = []
    for begin, end in _windows(0, part, streams):
        places = starts + np.arange(begin, end + 1)[:, None]
        columns = torch.from_numpy(padded[places]).to(device)  # (T + 1, B)
        shown, state = model(_known(columns[:-1], size), state)
        figures = observe(shown.flatten(0, 1), columns[1:].flatten())
        pieces.append(figures.reshape(end - begin, streams, -1).cpu())  # (T, B, K)
        advance(int(np.count_nonzero(places[1:] <= count)))
    table = torch.cat(pieces).transpose(0, 1).flatten(0, 1)[:count]  # part after part: the order of the text
    return table.double().numpy(), [(hidden[:, -1:], cell[:, -1:]) for hidden, cell in state]


def _windows(begin: int, end: int, streams: int) -> Iterator[tuple[int, int]]:
    """The steps from `begin` to `end` cut into windows of at most `_WINDOW` words."""
    length = max(1, _WINDOW // streams)
    for first in range(begin, end, length):
        yield first, min(first + length, end)
