"""Training: from text to a checkpoint.

The path is `train` -> `_prepare` (text, words, ids, network) -> `_Run.go` (windows, steps, validations) ->
`save_checkpoint`. It prints nothing; who wants to watch passes a function that takes the events of `events.py`.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nextword import __version__
from nextword.checkpoint import SUFFIX, Checkpoint, save_checkpoint
from nextword.config import ModelConfig, TrainConfig
from nextword.corpus import Corpus, default_corpus, read_corpus, split_corpus, watched
from nextword.data import TokenFile, Window, batchify, count_ids, window_count, windows
from nextword.errors import CorpusError, DivergedError, OutOfMemoryError, StorageError, UsageError
from nextword.evaluation import perplexity
from nextword.events import Event, Finished, Prepared, Preview, Reading, Step, Validation
from nextword.initialization import initialize, keep_topics
from nextword.model import LayerState, LSTMLanguageModel
from nextword.predictor import Predictor
from nextword.tokenizer import END_ID, UNKNOWN_ID, WordTokenizer

Paths = str | Path | Sequence[str | Path]

LEAST_TOKENS = 50  # fewer cannot be cut into windows that teach anything
_PREVIEWS = 4
_PREVIEW_WORDS = 8
_WARM_UP = 0.02  # of the schedule, in which the learning rate rises
_CONSTANT_UNTIL = 0.4  # of the schedule; from there on the learning rate falls
_SPEED_WINDOW = 20  # steps that the speed shown is averaged over


def train(
    corpus: Paths | None = None,
    model_config: ModelConfig | None = None,
    train_config: TrainConfig | None = None,
    *,
    valid: Paths | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Path:
    """Learn a language model from text and save it.

    The weights start from what counting the text tells (`initialization`) and are learned by truncated
    back-propagation through time. After every epoch the held-out text is predicted, and the model is saved when it
    did so better than ever before.

    Args:
        corpus: Files and folders of text; None for the text that ships with nextword.
        model_config: What the network is; None for the defaults.
        train_config: How it is trained, under which name and in which folder it is saved; None for the defaults.
        valid: Text to validate on; None to hold out a part of the corpus.
        on_event: Called with every event of `nextword.events`, in order.

    Returns:
        The checkpoint's path.

    Raises:
        UsageError: A checkpoint of that name exists and `force` is off, or the device is not there.
        CorpusError: The text cannot be read or is too little.
        StorageError: The folder cannot be written.
        DivergedError: The loss is no longer a finite number; the last good checkpoint is kept.
        OutOfMemoryError: The network or its window does not fit in memory.
    """
    model_config = model_config or ModelConfig()
    train_config = train_config or TrainConfig()
    paths = _as_paths(corpus) if corpus is not None else [default_corpus()]
    path = _output_path(paths, train_config)
    try:
        emit = on_event or (lambda event: None)
        data = _prepare(paths, _as_paths(valid) if valid is not None else None, train_config, emit)
        return _Run(data, path, model_config, train_config, emit).go()
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error).lower():
            hint = f"Read fewer streams at once: --batch-size {max(1, train_config.batch_size // 2)}"
            raise OutOfMemoryError("there is not enough memory for a network of this size", hint) from error
        raise


def _as_paths(paths: Paths) -> list[Path]:
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


def _output_path(paths: list[Path], config: TrainConfig) -> Path:
    """Where the checkpoint goes; everything that would keep it from being written is found out now."""
    folder = Path(config.out)
    path = folder / ((config.name or paths[0].resolve().stem or "corpus") + SUFFIX)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder {folder} cannot be made: {error.strerror}"
        raise StorageError(reason, "Choose another one: --out DIR") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"the folder {folder} cannot be written to", "Choose another one: --out DIR")
    if path.is_dir():
        raise StorageError(f"{path} is a folder", "Choose another name: --name NAME")
    if path.exists() and not config.force:
        raise UsageError(f"{path} exists already", "Replace it with --force, or choose another name: --name NAME")
    return path


@dataclass(frozen=True)
class _Data:
    """Text on its way into the network."""

    corpus: Corpus
    tokenizer: WordTokenizer
    training: TokenFile
    validation: TokenFile
    notes: list[str]

    @property
    def unknown_rate(self) -> float:
        """Share of the validation tokens that are the unknown word."""
        return int(count_ids(self.validation.ids, len(self.tokenizer))[UNKNOWN_ID]) / max(len(self.validation), 1)


def _prepare(paths: list[Path], valid: list[Path] | None, config: TrainConfig, emit: Callable[[Event], None]) -> _Data:
    """Check the text, hold a part out, learn the vocabulary from the rest, turn both into ids: all in a stream."""

    def progress(phase: str) -> Callable[[int, int], None]:
        return lambda done, total: emit(Reading(phase, done, total))

    corpus = read_corpus(paths, config.encoding, progress("checking"))
    skipped = list(corpus.skipped)
    if valid is None:
        train_texts, valid_texts = split_corpus(corpus.documents, config.valid_fraction)
    else:
        held_out = read_corpus(valid, config.encoding, progress("checking"))
        skipped += held_out.skipped
        train_texts = [document.whole for document in corpus.documents]
        valid_texts = [document.whole for document in held_out.documents]
    try:
        tokenizer, training, missed = WordTokenizer.train_and_encode(
            watched(train_texts, progress("reading")),
            config.tokenizer,
            config.cased,
            config.vocab_size,
            config.smallest_count,
            progress("encoding"),
        )
        validation = TokenFile(tokenizer.encode_documents(valid_texts))
    except OSError as error:
        reason = f"the ids of the text cannot be written to {tempfile.gettempdir()}: {error.strerror}"
        raise StorageError(reason, "Make room there, or name another folder: TMPDIR=FOLDER nextword train") from error
    if len(training) < LEAST_TOKENS:
        raise CorpusError(
            f"{paths[0]} leaves {len(training)} words to learn from; the least is {LEAST_TOKENS}",
            "Name more text; from some ten thousand words on, predictions begin to make sense.",
        )
    if len(tokenizer) <= END_ID + 1:
        raise CorpusError(f"no word in {paths[0]} occurs often enough to be learned", "Keep rare words: --min-count 1")
    notes = [f"Passed over: {'; '.join(skipped)}."] if skipped else []
    if missed:
        notes.append(
            "There are more different words than are counted at once: rare ones were forgotten on the way. "
            f"A word may have been met up to {missed:,} times more often than was counted."
        )
    return _Data(corpus, tokenizer, training, validation, notes)


class _Run:
    """One training run: the network, where in the schedule it is, and what it has reached.

    Args:
        data: The prepared text.
        path: Where the checkpoint goes.
        model_config: What the network is.
        config: How it is trained.
        emit: Takes the events.
    """

    def __init__(
        self, data: _Data, path: Path, model_config: ModelConfig, config: TrainConfig, emit: Callable[[Event], None]
    ) -> None:
        self.data, self.path, self.model_config, self.emit = data, path, model_config, emit
        self.config, notes = _fit_batch(config, len(data.training))
        self.notes = data.notes + notes
        torch.manual_seed(config.seed)
        _keep_freed_memory()
        self.device = _device(config.device)
        self.dtype = _product_format(config.precision, self.device)
        self.model = LSTMLanguageModel(model_config, len(data.tokenizer))
        initialize(self.model, data.training.ids)
        self.model.to(self.device)
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.SGD(self.parameters, lr=config.lr)
        self.windows_per_epoch = window_count(len(data.training), self.config.batch_size, self.config.bptt)
        self.total_steps = config.max_steps or config.epochs * self.windows_per_epoch
        self.step = 0
        self.validated_at = 0
        self.tokens = 0
        self.best = math.inf
        self.began = time.perf_counter()

    def go(self) -> Path:
        """Train to the end of the schedule and return the checkpoint's path."""
        self.emit(self._prepared())
        recent: list[tuple[float, int]] = [(self.seconds, 0)]
        for state, window in self._all_windows():
            loss, lr = self._learn(state, window)
            recent = [*recent, (self.seconds, self.tokens)][-_SPEED_WINDOW - 1 :]
            speed = (recent[-1][1] - recent[0][1]) / max(recent[-1][0] - recent[0][0], 1e-9)
            self.emit(Step(self.step, self.progress, self.tokens, loss, lr, speed, self._seconds_left()))
            if self.step % self.windows_per_epoch == 0:
                self._validate()
                recent = [(self.seconds, self.tokens)]
        if self.validated_at < self.step:
            self._validate()
        self.emit(Finished(self.path, self.best, self.step, self.tokens, self.seconds))
        return self.path

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self.began

    @property
    def progress(self) -> float:
        """How much of the schedule is done, 0 to 1: of the steps, or of the minutes where those were given."""
        done = self.step / self.total_steps
        if self.config.minutes is None:
            return min(1.0, done)
        elapsed = self.seconds / (60 * self.config.minutes)
        return min(1.0, max(elapsed, done) if self.config.max_steps else elapsed)

    def _seconds_left(self) -> float:
        return self.seconds * (1 - self.progress) / max(self.progress, 1e-9)

    def _all_windows(self) -> Iterator[tuple[list[LayerState] | None, Window]]:
        """Every window of every epoch until the schedule ends, with the state its streams are in."""
        while self.progress < 1:
            self.state: list[LayerState] | None = None
            streams = batchify(self.data.training.ids, self.config.batch_size)
            for window in windows(streams, self.config.bptt):
                if self.progress >= 1:
                    return
                yield self.state, window

    def _learn(self, state: list[LayerState] | None, window: Window) -> tuple[float, float]:
        """One step of gradient descent; returns the loss before it and the learning rate."""
        lr = self.config.lr * _schedule(self.progress)
        inputs = torch.from_numpy(window.inputs).to(self.device)
        targets = torch.from_numpy(window.targets).to(self.device)
        loss, self.state = self.model.loss(inputs, targets, state, self.dtype)
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()
        self._check_finite(value, f"the loss of step {self.step + 1}")
        keep_topics(self.model, self.progress)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.tokens += inputs.numel()
        return value, lr

    def _check_finite(self, value: float, name: str) -> None:
        """Raise `DivergedError` for a number that shows that the weights are lost."""
        if not math.isfinite(value):
            kept = f"; the best model so far is in {self.path}" if self.best < math.inf else ""
            raise DivergedError(f"{name} is {value}{kept}", f"Learn more slowly: --lr {self.config.lr / 2:g}")

    def _validate(self) -> None:
        """Predict the held-out text; save the model if it never did so better."""
        self.validated_at = self.step
        value = perplexity(self.model, self.data.validation.ids)
        self._check_finite(value, "the validation perplexity")
        best = value < self.best
        checkpoint = self._checkpoint(value)
        if best:
            self.best = value
            save_checkpoint(self.path, checkpoint)
        previews = _previews(Predictor(checkpoint), self.data.validation.ids)
        self.emit(Validation(self.step, self.progress, value, best, self.seconds, previews))

    def _checkpoint(self, valid_perplexity: float) -> Checkpoint:
        """The model as it is now, with its story."""
        # A tied output matrix is in the state_dict twice, under both names; the file holds it once.
        names = self.model_config.parameter_shapes(len(self.data.tokenizer))
        state = self.model.state_dict()
        tensors = {name: state[name].float().cpu().numpy() for name in names}
        training = {
            "corpus": self.path.name.removesuffix(SUFFIX),
            "corpus_sha256": self.data.corpus.digest,
            "documents": len(self.data.corpus.documents),
            "training_tokens": len(self.data.training),
            "validation_tokens": len(self.data.validation),
            "unknown_rate": self.data.unknown_rate,
            "tokens_seen": self.tokens,
            "steps": self.step,
            "validation_perplexity": valid_perplexity,
            "precision": _name(self.dtype),
            "settings": {k: v for k, v in asdict(self.config).items() if k not in ("name", "out", "force")},
            "versions": {"nextword": __version__, "torch": torch.__version__, "python": platform.python_version()},
        }
        return Checkpoint(self.model_config, self.data.tokenizer, tensors, training)

    def _prepared(self) -> Prepared:
        return Prepared(
            path=self.path,
            documents=len(self.data.corpus.documents),
            training_tokens=len(self.data.training),
            validation_tokens=len(self.data.validation),
            vocabulary_size=len(self.data.tokenizer),
            unknown_rate=self.data.unknown_rate,
            parameters=sum(parameter.numel() for parameter in self.parameters),
            device=str(self.device),
            precision=_name(self.dtype),
            notes=self.notes,
        )


def _keep_freed_memory() -> None:
    """Ask the C library to keep freed memory for the next window, where it is glibc.

    Every window needs the same few megabytes anew; given back to the system each time, their page faults take a tenth
    of the training time.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            tune = ctypes.CDLL("libc.so.6").mallopt
            trim_threshold, mmap_threshold = -1, -3  # malloc.h
            tune(mmap_threshold, 32 * 2**20)
            tune(trim_threshold, 2**31 - 1)


def _schedule(progress: float) -> float:
    """Share of the highest learning rate: a short warm-up, a stretch of all of it, then falling linearly to zero."""
    return min(1.0, 0.1 + progress / _WARM_UP, (1 - progress) / (1 - _CONSTANT_UNTIL))


def _fit_batch(config: TrainConfig, tokens: int) -> tuple[TrainConfig, list[str]]:
    """Fewer streams where there is too little text to fill them with a window each."""
    largest = max(1, tokens // (config.bptt + 1))
    if config.batch_size <= largest:
        return config, []
    smaller = replace(config, batch_size=largest, bptt=min(config.bptt, tokens // largest - 1))
    return smaller, [f"The text is short: {smaller.batch_size} streams side by side instead of {config.batch_size}."]


def _device(name: str) -> torch.device:
    """The device asked for; `auto` takes a GPU where there is one."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("there is no CUDA device on this machine", "Train on the processor: --device cpu")
    return torch.device("cuda" if name != "cpu" and available else "cpu")


def _product_format(name: str, device: torch.device) -> torch.dtype:
    """Number format of the matrix products; `auto` takes bf16 where the hardware multiplies it much faster."""
    if name != "auto":
        return torch.bfloat16 if name == "bf16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    # Hardware with bf16 instructions is 3 to 8 times as fast with them, hardware without several times slower: a
    # look at the clock tells the two apart on the busiest machine.
    return (
        torch.bfloat16
        if _seconds_of_product(torch.float32) > 1.5 * _seconds_of_product(torch.bfloat16)
        else torch.float32
    )


def _seconds_of_product(dtype: torch.dtype) -> float:
    """The shortest of a few times that a matrix product of typical size takes."""
    left, right = torch.ones(512, 512, dtype=dtype), torch.ones(512, 2048, dtype=dtype)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        torch.mm(left, right)
        times.append(time.perf_counter() - began)
    return min(times)


def _name(dtype: torch.dtype) -> str:
    return "bf16" if dtype == torch.bfloat16 else "fp32"


def _previews(predictor: Predictor, ids: NDArray[np.int32]) -> list[Preview]:
    """What the model suggests after the first words of a few paragraphs, spread over the validation text.

    The very engine that users get makes the suggestions.
    """
    text = ids[:1_000_000]
    starts = np.flatnonzero(np.concatenate([[True], text[:-1] == END_ID]))
    ends = np.concatenate([starts[1:], [len(text) + 1]]) - 1
    long_enough = starts[ends - starts > _PREVIEW_WORDS]
    chosen = long_enough[:: max(1, len(long_enough) // _PREVIEWS)][:_PREVIEWS]
    previews = []
    for begin in chosen:
        context = predictor.tokenizer.detokenize(int(token) for token in text[begin : begin + _PREVIEW_WORDS])
        previews.append(Preview(context, predictor.predict(context, k=3)))
    return previews
