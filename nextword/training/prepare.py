"""From text and a plan to all that a run needs for its first step: words, ids, the network with its first weights."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from nextword.config import NetworkConfig, RunConfig, TrainConfig
from nextword.errors import CorpusError, UsageError
from nextword.model.device import find_device, keep_freed_memory, product_format, product_speed
from nextword.model.language_model import RecurrentLanguageModel
from nextword.model.loss import WordSampler
from nextword.storage.checkpoint import check_words
from nextword.text.corpus import Document, Passage, read_corpus, watched
from nextword.text.held_out import split_corpus
from nextword.text.sources import is_pipe, source_name
from nextword.text.token_file import TokenFile, count_ids
from nextword.text.tokenizer import LearnedVocabulary, WordTokenizer
from nextword.text.vocabulary import END_ID, UNKNOWN_ID
from nextword.training.distributed import ProcessGroup
from nextword.training.events import Emit, Reading
from nextword.training.initialization import initialize, take_over
from nextword.training.plan import Plan
from nextword.training.recipe import Budget, choose_network, choose_training, sample_size

_MIN_TOKENS = 50  # fewer cannot be cut into windows that teach anything
_FEW_TOKENS = 5000  # fewer teach hardly anything to a network that knows nothing yet
_ENGLISH_SHARE = 2 / 3  # of the words of a text that goes on from the English model unasked
_SAMPLED_TOKENS = 1_000_000  # of the text, to see how many of its words a model knows
_MAX_FILES = 10_000  # files of the corpus noted in a resume file


@dataclass(frozen=True)
class EncodedCorpus:
    """The text as ids, and what became of it."""

    digest: str  # of the corpus
    documents: int  # how many have text
    files: dict[str, list[int]]  # by path: size and time of each when it was read
    tokenizer: WordTokenizer
    training: TokenFile
    validation: TokenFile
    notes: list[str]

    @property
    def unknown_rate(self) -> float:
        """Share of the validation tokens that are the unknown word."""
        return int(count_ids(self.validation.ids, len(self.tokenizer))[UNKNOWN_ID]) / max(len(self.validation), 1)


@dataclass(frozen=True)
class Setup:
    """All that a run needs for its first step."""

    plan: Plan
    text: EncodedCorpus
    config: RunConfig
    model: RecurrentLanguageModel  # on its device
    device: torch.device
    dtype: torch.dtype  # number format of the matrix products
    sampler: WordSampler | None  # draws the words that the output layer scores; None where all of them are
    notes: list[str]  # what was passed over or adapted, one sentence each


def prepare(plan: Plan, group: ProcessGroup, emit: Emit) -> Setup:
    """Read the text, choose what is left open, and make the network.

    Raises:
        CorpusError: The text cannot be read, is too little, or is not the same in all processes.
        UsageError: The device is not there, there are too few streams for the processes, or words that no checkpoint
            could hold.
        StorageError: The temporary folder is full or not writable.
    """
    _check_pipes(plan, group)
    plan, text = encode_corpus(plan, emit)
    config, notes = _fit_batch(plan.config, len(text.training))
    _check_shared(group, config, text)
    device = find_device(config.device)
    dtype = _number_format(plan, device, group)
    counts = count_ids(text.training.ids, len(text.tokenizer))
    config = choose_training(config, plan.model_config, len(text.training), plan.source is not None)
    network = plan.model_config
    if not isinstance(network, NetworkConfig):
        tokens, paragraphs = len(text.training), max(1, int(counts[END_ID]))
        speed = group.from_first(product_speed(dtype, device)) * group.size if config.minutes else math.inf
        budget = Budget(tokens, len(text.tokenizer), tokens / paragraphs, speed)
        network = choose_network(network, config, budget, plan.source is not None)
    check_words(text.tokenizer)
    torch.manual_seed(config.seed)
    keep_freed_memory()
    model = RecurrentLanguageModel(network, len(text.tokenizer))
    if plan.source is None and plan.point is None:  # a resumed run's weights come from its file
        initialize(model, text.training.ids, counts)
    model.to(device)
    if plan.source is not None:
        take_over(model, plan.source.tensors, text.training.ids, counts, dtype)
    sample = sample_size(config, len(text.tokenizer))
    sampler = WordSampler(torch.from_numpy(counts).to(device), sample) if sample else None
    model.sparse = bool(sample) and group.size == 1 and len(text.tokenizer) >= model.sparse_from
    return Setup(plan, text, config, model, device, dtype, sampler, text.notes + notes)


def _check_pipes(plan: Plan, group: ProcessGroup) -> None:
    """Refuse to read a pipe twice: the second who does finds nothing."""
    hint, valid = "Keep it in a file, and name that.", plan.valid or []
    for path in filter(is_pipe, [*plan.corpus, *valid]):
        if path in plan.corpus and path in valid:
            raise UsageError(f"{source_name(path)} cannot be read twice, to learn from and to validate on", hint)
        if group.size > 1:
            raise UsageError(f"{source_name(path)} cannot be read by {group.size} processes", hint)


def encode_corpus(plan: Plan, emit: Emit) -> tuple[Plan, EncodedCorpus]:
    """Check the text, hold a part out, learn the vocabulary from the rest, turn both into ids: all in a stream.

    Returns:
        `plan`, its source settled where the text decides it; the text.
    """
    encoding, progress = plan.config.encoding, _reading(emit, "checking")
    formats = plan.config.for_scheme(plan.config.tokenizer)
    corpus = read_corpus(plan.corpus, encoding, progress, formats=formats)
    notes, files = corpus.notes, _files(corpus.documents)
    if plan.valid is None:
        train_texts, valid_texts = split_corpus(corpus.documents, plan.config.valid_fraction)
    else:
        held_out = read_corpus(plan.valid, encoding, progress, formats=formats)
        notes += held_out.notes
        train_texts = [document.whole for document in corpus.documents]
        valid_texts = [document.whole for document in held_out.documents]
    plan, note = _settle_source(plan, train_texts)
    notes += [note] if note else []
    tokenizer, training, missed = _learn_or_encode(plan, train_texts, emit)
    validation = TokenFile(tokenizer.encode_documents(valid_texts))
    if len(training) < _MIN_TOKENS:
        raise CorpusError(
            f"{source_name(plan.corpus[0])} leaves {len(training)} words to learn from; the least is {_MIN_TOKENS}",
            "Name more text; from some ten thousand words on, predictions begin to make sense.",
        )
    if len(tokenizer) <= END_ID + 1:
        raise CorpusError(
            f"no word in {source_name(plan.corpus[0])} occurs often enough to be learned",
            "Keep rare words: --min-count 1",
        )
    if len(training) < _FEW_TOKENS and plan.source is None:
        notes.append(f"{len(training):,} words are very few: some ten thousand begin to make sense.")
    if missed:
        notes.append(
            "There are more different words than are counted at once: rare ones were forgotten on the way. "
            f"A word may have been met up to {missed:,} times more often than was counted."
        )
    documents = sum(not document.is_blank for document in corpus.documents)
    return plan, EncodedCorpus(corpus.digest, documents, files, tokenizer, training, validation, notes)


def _settle_source(plan: Plan, texts: Sequence[Passage]) -> tuple[Plan, str]:
    """What is to be done with these texts where they decide what to begin from, and a sentence that says why."""
    if plan.source is None or plan.from_nothing is None:
        return plan, plan.note
    share = known_share(plan.source.tokenizer, texts)
    if share < _ENGLISH_SHARE:
        return plan.from_nothing, f"Begins from nothing, as the English model knows {share:.0%} of the text's words."
    return (
        plan,
        f"Begins from the English model, as it knows {share:.0%} of the text's words; --from none: from nothing.",
    )


def known_share(tokenizer: WordTokenizer, texts: Sequence[Passage]) -> float:
    """Share of the words of `texts`, or of the first million, marks left out, that are in the vocabulary."""
    counts: NDArray[np.int64] = np.zeros(len(tokenizer), np.int64)
    for ids in tokenizer.encode_documents(texts):
        counts += count_ids(ids, len(tokenizer))
        if counts.sum() > _SAMPLED_TOKENS:
            break
    known = int(counts[[*map(tokenizer.is_word, tokenizer.words)]].sum())
    return known / max(1, known + int(counts[UNKNOWN_ID]))


def _files(documents: Sequence[Document]) -> dict[str, list[int]]:
    """Size and time of the documents' files, if they are not too many: only to say which changed, when the text did."""
    noted = {}
    for document in [document for document in documents[:_MAX_FILES] if not is_pipe(document.path)]:
        with contextlib.suppress(OSError):  # it is gone by now
            stat = document.path.stat()
            noted[str(document.path.resolve())] = [stat.st_size, stat.st_mtime_ns]
    return noted


def _learn_or_encode(plan: Plan, texts: Sequence[Passage], emit: Emit) -> LearnedVocabulary:
    """The words of a new run are learned; one that starts from another network has that one's and what is new."""
    config, read = plan.config, watched(texts, _reading(emit, "reading"))
    if plan.point is not None:
        tokenizer, missed = plan.point.tokenizer, 0
    elif plan.source is not None:
        tokenizer, missed = plan.source.tokenizer.extended(read, config.vocab_size, config.smallest_count)
    else:
        return WordTokenizer.train_and_encode(
            read,
            scheme=config.tokenizer,  # what the options call the tokenizer
            cased=config.cased,
            vocab_size=config.vocab_size,
            min_count=config.smallest_count,
            on_progress=_reading(emit, "encoding"),
        )
    ids = TokenFile(tokenizer.encode_documents(watched(texts, _reading(emit, "encoding"))))
    return LearnedVocabulary(tokenizer, ids, missed)


def _reading(emit: Emit, phase: str) -> Callable[[int, int], None]:
    return lambda done, total: emit(Reading(phase, done, total))


def _fit_batch(config: TrainConfig, tokens: int) -> tuple[TrainConfig, list[str]]:
    """Fewer streams where there is too little text to fill them with a window each."""
    largest = max(1, tokens // (config.bptt + 1))
    if config.batch_size <= largest:
        return config, []
    smaller = replace(config, batch_size=largest, bptt=min(config.bptt, tokens // largest - 1))
    return smaller, [f"The text is short: {smaller.batch_size} streams side by side instead of {config.batch_size}."]


def _check_shared(group: ProcessGroup, config: TrainConfig, text: EncodedCorpus) -> None:
    """Refuse what cannot be split: too few streams, or texts that are not the same for every process."""
    if config.batch_size < group.size:
        reason = f"batch_size is {config.batch_size}, too few streams for {group.size} processes"
        raise UsageError(reason, "Start fewer processes, or read more streams at once: --batch-size")
    ours = float(int(text.digest[:12], 16))  # exact in 53 bits
    if group.from_first(ours) != ours:
        raise CorpusError("this process has read another text than the first one", "Give all machines the same files.")


def _number_format(plan: Plan, device: torch.device, group: ProcessGroup) -> torch.dtype:
    """The format asked for; a resumed run keeps the one it found best on the same kind of device."""
    name = plan.config.precision
    before = plan.point and plan.point.facts.environment
    if name == "auto" and before and before.device == str(device):
        name = before.precision
    fast = product_format(name, device) == torch.bfloat16
    return torch.bfloat16 if group.from_first(fast) else torch.float32
