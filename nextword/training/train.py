"""Training: from text to a checkpoint.

The path is `train` -> `_prepare` (text, words, ids, network) -> `_Run.go` (windows, steps, validations) ->
`save_checkpoint`. A run that is stopped leaves a resume file, and goes on from it as if it had not been stopped. It
prints nothing; who wants to watch passes a function that takes the events of `events.py`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import platform
import shlex
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nextword.about import __version__
from nextword.config import ModelConfig, TrainConfig
from nextword.errors import (
    CorpusError,
    DivergedError,
    Interrupted,
    NextwordError,
    OutOfMemoryError,
    ProcessLostError,
    UsageError,
)
from nextword.evaluation.evaluate import perplexity
from nextword.inference.predictor import Predictor
from nextword.model.device import find_device, format_name, keep_freed_memory, product_format, product_speed
from nextword.model.language_model import LayerState, RecurrentLanguageModel
from nextword.model.loss import WordSampler
from nextword.signals import DeferredSignals
from nextword.storage.atomic import exclusive_lock
from nextword.storage.checkpoint import Checkpoint, check_words, load_checkpoint, save_checkpoint
from nextword.storage.locations import SUFFIX
from nextword.text.corpus import Corpus, read_corpus
from nextword.text.detokenizer import detokenize
from nextword.text.held_out import split_corpus
from nextword.text.token_file import TokenFile, count_ids
from nextword.text.tokenizer import END_ID, UNKNOWN_ID, WordTokenizer
from nextword.training.batches import Window, batchify, window_count, windows
from nextword.training.distributed import ProcessGroup
from nextword.training.events import Event, Finished, Prepared, Preview, Reading, Step, Validation
from nextword.training.initialization import initialize, keep_topics, take_over
from nextword.training.optimizer import ClippedSGD
from nextword.training.plan import Plan, begun, changed, resumed, started_from
from nextword.training.recipe import Budget, choose, sample_size
from nextword.training.resume import ResumePoint, capture, reached, restore, resume_path, save_resume_point
from nextword.training.schedule import Schedule, Validations

Paths = str | Path | Sequence[str | Path]

MIN_TOKENS = 50  # fewer cannot be cut into windows that teach anything
_PREVIEWS = 4
_PREVIEW_WORDS = 8
_WARM_UP = 0.02  # of the schedule, in which the learning rate rises
_CONSTANT_UNTIL = 0.4  # of the schedule; from there on the learning rate falls
_SPARSE_FROM = 20_000  # words, from where on gradients of the rows in use cost less than those of all rows
_LOST = 50.0  # nats a word: more than guessing among all words of all languages costs
_SPEED_WINDOW = 20  # steps that the speed shown is averaged over
_SAVE_EVERY = 300.0  # seconds between two resume files, while the run goes on
_SAVE_RATIO = 200  # times as long as it takes to write one, at least: half a percent of the time
_MAX_FILES = 10_000  # of the corpus are noted in a resume file
_SAMPLE_AT, _SAMPLE = 1, 2048  # after this step, as many held-out words are predicted to see how long all of them take


def train(
    corpus: Paths | None = None,
    model_config: ModelConfig | None = None,
    train_config: TrainConfig | None = None,
    *,
    valid: Paths | None = None,
    start_from: str | Path | None = None,
    resume: bool = False,
    asked: Collection[str] | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Path:
    """Learn a language model from text and save it.

    The weights start from what counting the text tells (`initialization`) and are learned by truncated
    back-propagation through time. After every epoch, and more often where epochs are long, the held-out text is
    predicted, and the model is saved when it did so better than ever before.

    While it learns, a first SIGINT or SIGTERM ends the run after the step it is in, with a resume file. One is also
    written every few minutes. With `resume` the run goes on from there: on the same machine and version with the very
    bits that it would have had without the stop.

    Args:
        corpus: Files and folders of text; None for the text that ships with nextword, or that the resumed run reads.
        model_config: What the network is; None for what suits the text and the time, or what the resumed run has.
        train_config: How it is trained, under which name and in which folder it is saved; None for what suits the
            text, or what the resumed run has.
        valid: Text to validate on; None to hold out a part of the corpus.
        start_from: Checkpoint whose network and words to start with: known words keep their vectors, the text's own
            are added. The learning rate is lower then, unless it is among `asked`.
        resume: Go on with the unfinished run of that name, or of that corpus; without either with the last one.
        asked: Names of the fields of both configs that the user has set, which a resumed run or the network started
            from must agree with; None for those that are not at their defaults. Only the dropouts of a network, and
            `epochs`, `max_steps` and `minutes` of a run may change. A new run keeps them, and its other fields are
            chosen by `recipe`; with None it keeps all fields of the configs it is given.
        on_event: Called with every event of `nextword.training.events`, in order.

    Returns:
        The checkpoint's path.

    Raises:
        UsageError: A checkpoint or an unfinished run of that name exists and `force` is off; what was asked for is
            not what the resumed run or the network started from is; the device is not there.
        CorpusError: The text cannot be read, is too little, or is not the one that the resumed run began with.
        CheckpointError: There is nothing to resume or to start from, or it is damaged.
        StorageError: The folder cannot be written.
        LockedError: Another process trains under that name.
        DivergedError: The loss is no longer a finite number; the last good checkpoint is kept.
        OutOfMemoryError: The network or its window does not fit in memory.
        Interrupted: A signal ended the run; it can be resumed.
    """
    began = time.perf_counter()
    given = [config for config in (model_config, train_config) if config is not None]
    fixed = {item.name for config in given for item in fields(config)} if asked is None else asked
    model_config, config = model_config or ModelConfig(), train_config or TrainConfig()
    asked = changed(model_config, config) if asked is None else asked
    paths = _as_paths(corpus) if corpus is not None else None
    valid_paths = _as_paths(valid) if valid is not None else None
    group = ProcessGroup.join(config.device)
    emit = on_event if on_event and group.first else lambda event: None

    def own(path: Path) -> None:
        if group.first:
            held.enter_context(exclusive_lock(path, resume_path(path)))
        group.sum(0.0)  # the others go on when the first is the owner

    with contextlib.ExitStack() as held, _clear_errors(group, config):
        if resume and start_from is not None:
            raise UsageError("--resume goes on with a run and --from begins one", "Leave one of them out.")
        if resume:
            plan = resumed(paths, valid_paths, model_config, config, asked, own)
        else:
            plan = begun(paths, valid_paths, model_config, config, fixed, own)
        if start_from is not None:
            plan = started_from(load_checkpoint(Path(start_from)), plan, asked)
        data = _prepare(plan, emit)
        path = _Run(plan, data, emit, began, group).go()
        group.leave()
    return path


@contextlib.contextmanager
def _clear_errors(group: ProcessGroup, config: TrainConfig) -> Iterator[None]:
    """What torch raises becomes an error that says what mends it, and one process says it for all."""
    try:
        try:
            yield
        except (MemoryError, OSError, RuntimeError) as error:
            if group.is_loss(error):
                hint = "Start all of them again, with --resume if the run has left a resume file"
                raise ProcessLostError(f"another of the {group.size} training processes is gone", hint) from error
            if _is_shortage(error):
                fewer = f"--batch-size {max(1, config.batch_size // 2)}"
                hint = f"Read fewer streams at once, {fewer}, or make it smaller: --size small"
                raise OutOfMemoryError("there is not enough memory for a network of this size", hint) from error
            raise
    except NextwordError as error:
        error.silent = not group.speaks_first()
        if isinstance(error, Interrupted):  # in all processes at once
            group.leave()
        raise


def _is_shortage(error: Exception) -> bool:
    """Whether `error` is how Python, the system, torch, CUDA or oneDNN say that there is too little memory."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    said = str(error).lower()
    return isinstance(error, MemoryError) or "memory" in said or said == "could not create a primitive"


def _as_paths(paths: Paths) -> list[Path]:
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


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


def _prepare(plan: Plan, emit: Callable[[Event], None]) -> _Data:
    """Check the text, hold a part out, learn the vocabulary from the rest, turn both into ids: all in a stream."""
    config = plan.config

    def progress(phase: str) -> Callable[[int, int], None]:
        return lambda done, total: emit(Reading(phase, done, total))

    corpus = read_corpus(plan.paths, config.encoding, progress("checking"))
    skipped = list(corpus.skipped)
    if plan.valid is None:
        train_texts, valid_texts = split_corpus(corpus.documents, config.valid_fraction)
    else:
        held_out = read_corpus(plan.valid, config.encoding, progress("checking"))
        skipped += held_out.skipped
        train_texts = [document.whole for document in corpus.documents]
        valid_texts = [document.whole for document in held_out.documents]
    tokenizer, training, missed = plan.learn_words(train_texts, progress)
    validation = TokenFile(tokenizer.encode_documents(valid_texts))
    if len(training) < MIN_TOKENS:
        raise CorpusError(
            f"{plan.paths[0]} leaves {len(training)} words to learn from; the least is {MIN_TOKENS}",
            "Name more text; from some ten thousand words on, predictions begin to make sense.",
        )
    if len(tokenizer) <= END_ID + 1:
        raise CorpusError(
            f"no word in {plan.paths[0]} occurs often enough to be learned", "Keep rare words: --min-count 1"
        )
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
        plan: What it is to do.
        data: The prepared text.
        emit: Takes the events.
        began: When the run began, on the clock `time.perf_counter`.
        group: The processes it is shared out to.
    """

    def __init__(
        self, plan: Plan, data: _Data, emit: Callable[[Event], None], began: float, group: ProcessGroup
    ) -> None:
        self.plan, self.data, self.path, self.emit, self.began, self.group = plan, data, plan.path, emit, began, group
        config, notes = _fit_batch(plan.config, len(data.training))
        self.notes = data.notes + notes
        point = plan.point
        _check_shared(group, config, data)
        self.device = find_device(config.device)
        fast = product_format(self._precision(), self.device) == torch.bfloat16
        self.dtype = torch.bfloat16 if group.from_first(fast) else torch.float32
        self.counts = count_ids(data.training.ids, len(data.tokenizer))
        if point is None:
            plan = self.plan = self._chosen(replace(plan, config=config))
            config = plan.config
        self.config = config
        check_words(data.tokenizer)
        torch.manual_seed(config.seed)
        keep_freed_memory()
        self.model = RecurrentLanguageModel(plan.model_config, len(data.tokenizer))
        self.started_from = point.facts["started_from"] if point else plan.source and plan.source.digest
        if plan.source is not None:
            take_over(self.model, plan.source.tensors, data.training.ids)
        elif point is None:
            initialize(self.model, data.training.ids)
        self.model.to(self.device)
        self.parameters = list(self.model.parameters())
        self.optimizer = ClippedSGD(self.parameters, config.lr, config.clip)
        self.sampler = self._sampler()
        self.model.sparse = self.sampler is not None and group.size == 1 and len(data.tokenizer) >= _SPARSE_FROM
        self.columns = group.columns(config.batch_size)
        self.streams = batchify(data.training.ids, config.batch_size)[:, self.columns]
        self.windows_per_epoch = window_count(len(data.training), config.batch_size, config.bptt)
        steps = (
            config.max_steps if config.minutes else config.max_steps or (config.epochs or 1) * self.windows_per_epoch
        )
        self.schedule = Schedule(steps, config.minutes)
        self.validations = Validations(len(data.validation), config.minutes is not None)
        self.position = 0  # rows of the streams read in this epoch
        self.state: list[LayerState] | None = None
        self.tokens = 0
        self.best, self.best_digest = math.inf, ""
        self.save_cost, self.saving = 0.0, False
        self.signals, self.stopping = DeferredSignals(), 0
        if point is not None:
            self._restore(point)
        self.loss = group.loss(self.model, config.batch_size)
        self.saved_at = self.seconds

    def go(self) -> Path:
        """Train to the end of the schedule and return the checkpoint's path."""
        self.emit(self._prepared())
        resume_file = resume_path(self.path)
        if self.plan.point is None and self.group.first:
            resume_file.unlink(missing_ok=True)  # of the run that --force replaces
        with self.signals:
            self._validate_if_due()
            recent = [(self.seconds, self.tokens)]
            for window in self._all_windows():
                loss, lr = self._learn(window)
                self.schedule.measured(self.seconds - recent[-1][0])
                recent = [*recent, (self.seconds, self.tokens)][-_SPEED_WINDOW - 1 :]
                speed = (recent[-1][1] - recent[0][1]) / max(recent[-1][0] - recent[0][0], 1e-9)
                self.emit(Step(self.step, self.progress, self.tokens, loss, lr, speed, self._seconds_left()))
                if self.group.size == 1:
                    self.stopping = self.signals.received  # nobody else has to hear of it first
                if self.stopping:
                    self._stop()
                if self._validate_if_due() | self._save_if_due():
                    recent = [(self.seconds, self.tokens)]
        if self.group.first:
            resume_file.unlink(missing_ok=True)
        self.emit(Finished(self.path, self.best, self.step, self.tokens, self.seconds))
        return self.path

    @property
    def seconds(self) -> float:
        """Since the run began, without the time it lay still."""
        return time.perf_counter() - self.began

    @property
    def step(self) -> int:
        """Steps made."""
        return self.schedule.step

    @property
    def progress(self) -> float:
        """How much of the schedule is done, 0 to 1."""
        return self.schedule.progress

    def _seconds_left(self) -> float:
        if self.config.minutes is not None:
            return max(0.0, 60 * self.config.minutes - self.seconds) if self.progress < 1 else 0.0
        return self.seconds * (1 - self.progress) / max(self.progress, 1e-9)

    def _all_windows(self) -> Iterator[Window]:
        """Every window of every epoch until the schedule ends, from where the run is."""
        while self.progress < 1:
            for window in windows(self.streams[self.position :], self.config.bptt):
                yield window
                if self.progress >= 1:
                    return
            self.position, self.state = 0, None

    def _learn(self, window: Window) -> tuple[float, float]:
        """One step of gradient descent; returns the loss before it and the learning rate."""
        lr = self.config.lr * _schedule(self.progress)
        inputs = torch.from_numpy(window.inputs).to(self.device)
        targets = torch.from_numpy(window.targets).to(self.device)
        loss, self.state = self.loss(inputs, targets, self.state, self.dtype, self.sampler)
        loss.backward()  # type: ignore[no-untyped-call]
        value = self._agree(loss.item())
        self._check_learning(value, f"the loss of step {self.step + 1}")
        keep_topics(self.model, self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.schedule.advance()
        self.position += len(inputs)
        self.tokens += len(inputs) * self.config.batch_size
        return value, lr

    def _agree(self, loss: float) -> float:
        """Tell the other processes, and hear from them, all that must be the same for all; returns the mean loss.

        The first process plans the number of steps and decides when to write the resume file; a signal to any of them
        stops all.
        """
        first = self.group.first
        if first:
            self.schedule.plan(self.seconds, self._reserve())
        total, save = (self.schedule.total, self._save_is_due()) if first else (0, False)
        received = self.signals.received
        signals = [float(received == number) for number in (signal.SIGINT, signal.SIGTERM)]
        loss, interrupted, terminated, saves, steps = self.group.sum(loss, *signals, save, total)
        self.schedule.total = int(steps)
        self.stopping = signal.SIGINT if interrupted else signal.SIGTERM if terminated else 0
        self.saving = bool(saves)
        return loss / self.group.size

    def _check_learning(self, value: float, name: str) -> None:
        """Raise `DivergedError` for a cross-entropy, in nats a word, that shows that the weights are lost."""
        if not value < _LOST:
            kept = f"; the best model so far is in {self.path}" if self.best < math.inf else ""
            raise DivergedError(
                f"{name} is {value:g} nats a word{kept}", f"Learn more slowly: --lr {self.config.lr / 2:g}"
            )

    def _reserve(self) -> float:
        """Seconds that the validations still to come will take, when time limits the run."""
        if self.config.minutes is None:
            return 0.0
        if self.step == _SAMPLE_AT and not self.validations.cost:
            began = time.perf_counter()
            sample = self.data.validation.ids[:_SAMPLE]
            perplexity(self.model, sample)
            self.validations.cost = (time.perf_counter() - began) * len(self.data.validation) / len(sample)
        epochs_left = (self.schedule.total - self.step) / self.windows_per_epoch
        return self.validations.reserve(self.schedule, self._seconds_left(), epochs_left)

    def _validate_if_due(self) -> bool:
        """Predict the held-out text if it is time to; whether it was."""
        epoch_ended = self.position >= len(self.streams) - 1
        due = self.group.first and self.validations.due(self.schedule, self.tokens, epoch_ended, self.seconds)
        if due:
            began = time.perf_counter()
            self._validate()
            self.validations.done(self.schedule, self.tokens, time.perf_counter() - began)
        return due

    def _validate(self) -> None:
        """Predict the held-out text; save the model if it never did so better."""
        value = perplexity(self.model, self.data.validation.ids)
        self._check_learning(math.log(value), "the validation loss")
        best = value < self.best
        checkpoint = self._checkpoint(value)
        if best:
            self.best_digest = save_checkpoint(self.path, checkpoint)
            self.best = value
        previews = _previews(Predictor(checkpoint), self.data.validation.ids)
        self.emit(Validation(self.step, self.progress, value, best, self.seconds, previews))

    def _stop(self) -> None:
        """Leave all that is needed to go on, and the run."""
        self._save_resume_point()
        where = f"stopped after step {self.step:,}, {self.progress:.0%} of the way"
        reason = f"{where}; all of it is in {resume_path(self.path)}"
        raise Interrupted(reason, f"Go on with: {self._command(self.group.size)}", 128 + self.stopping)

    def _command(self, processes: int) -> str:
        """What the user types to go on with this run."""
        here = int(os.environ.get("LOCAL_WORLD_SIZE", processes)) if processes == self.group.size else processes
        launcher = "" if processes == 1 else f"torchrun --nproc-per-node {here} -m -- "
        out = "" if self.config.out == TrainConfig.out else f" --out {shlex.quote(self.config.out)}"
        return f"{launcher}nextword train --resume --name {shlex.quote(self.path.name.removesuffix(SUFFIX))}{out}"

    def _save_is_due(self) -> bool:
        """Whether to write the resume file, so that a process that is killed loses little."""
        return self.seconds - self.saved_at > max(_SAVE_EVERY, _SAVE_RATIO * self.save_cost)

    def _save_if_due(self) -> bool:
        """Write the resume file if all agreed to; whether they did."""
        due = self.saving and self.progress < 1
        if due:
            self._save_resume_point()
        return due

    def _save_resume_point(self) -> None:
        """Write the resume file; when this returns in one process, it is there for all."""
        began = time.perf_counter()
        tensors, facts = capture(self.model, self.optimizer, self.group.whole_state(self.state, self.config.batch_size))
        facts |= {
            "schedule": self.schedule.state(),
            "validations": self.validations.state(),
            "position": self.position,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "best": self.best if self.best < math.inf else None,
            "best_digest": self.best_digest,
            "corpus": [str(path.resolve()) for path in self.plan.paths],
            "valid": [str(path.resolve()) for path in self.plan.valid] if self.plan.valid else None,
            "files": _file_facts(self.data),
            "corpus_sha256": self.data.corpus.digest,
            "validation_sha256": _digest(self.data.validation.ids),
            "started_from": self.started_from,
            "processes": self.group.size,
            "surroundings": self._surroundings(),
        }
        if self.group.first:
            point = ResumePoint(self.plan.model_config, self.plan.config, self.data.tokenizer, tensors, facts)
            save_resume_point(resume_path(self.path), point)
        self.group.sum(0.0)
        self.saved_at, self.save_cost = self.seconds, time.perf_counter() - began

    def _restore(self, point: ResumePoint) -> None:
        """Be where the run was when `point` was saved."""
        facts = point.facts
        digests = facts["corpus_sha256"], facts["validation_sha256"]
        if digests != (self.data.corpus.digest, _digest(self.data.validation.ids)):
            then, now = facts["files"], _file_facts(self.data)
            files = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
            named = ", ".join(files or map(str, self.plan.paths))
            raise CorpusError(
                f"the text is not the one that the unfinished run read: {named}",
                f"Put the text back, or go on on the new one when this run is finished: --from {self.path}",
            )
        if facts["processes"] != self.group.size:
            reason = f"the unfinished run has {facts['processes']} processes and cannot go on with {self.group.size}"
            raise UsageError(reason, f"Go on with: {self._command(facts['processes'])}")
        state = restore(point, self.model, self.optimizer, self.device)
        self.state = state and [(hidden[:, self.columns], cell[:, self.columns]) for hidden, cell in state]
        lengths = ("epochs", "max_steps", "minutes")
        same_length = all(getattr(point.config, name) == getattr(self.plan.config, name) for name in lengths)
        self.schedule.restore(facts["schedule"], same_length)
        self.validations.restore(facts["validations"])
        self.position, self.tokens = facts["position"], facts["tokens"]
        self.began -= facts["seconds"]
        self.best = reached(point, self.path, self.data.corpus.digest)
        self.best_digest = facts["best_digest"]
        before, now = facts["surroundings"], self._surroundings()
        changed = [f"{name} was {before[name]} and is {now[name]}" for name in now if before.get(name) != now[name]]
        if changed:
            self.notes = [*self.notes, f"Resumed, but not bit for bit as it would have gone on: {'; '.join(changed)}."]

    def _surroundings(self) -> dict[str, Any]:
        """What must be the same for a resumed run to have the very bits of one that was not stopped."""
        return {
            "nextword": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": str(self.device),
            "precision": format_name(self.dtype),
            "threads": torch.get_num_threads(),
        }

    def _chosen(self, plan: Plan) -> Plan:
        """`plan` with what the user left open, which depends on the text, the time and the machine."""
        tokens = len(self.data.training)
        paragraphs = max(1, int(self.counts[END_ID]))
        speed = math.inf
        if plan.config.minutes is not None:
            speed = self.group.from_first(product_speed(self.dtype, self.device)) * self.group.size
        given = Budget(tokens, len(self.data.tokenizer), tokens / paragraphs, speed)
        model_config, config = choose(plan.model_config, plan.config, plan.asked, given)
        return replace(plan, model_config=model_config if plan.source is None else plan.model_config, config=config)

    def _sampler(self) -> WordSampler | None:
        """Draws the words that the output layer scores; None where all of them are."""
        words = len(self.data.tokenizer)
        size = sample_size(self.config, words)
        if not size:
            return None
        return WordSampler(torch.from_numpy(self.counts).to(self.device), size)

    def _precision(self) -> str:
        """The number format asked for; a resumed run keeps the one it found best on the same kind of device."""
        point, asked = self.plan.point, self.plan.config.precision
        if point is None or asked != "auto" or point.facts["surroundings"]["device"] != str(self.device):
            return asked
        return str(point.facts["surroundings"]["precision"])

    def _checkpoint(self, valid_perplexity: float) -> Checkpoint:
        """The model as it is now, with its story."""
        # A tied output matrix is in the state_dict twice, under both names; the file holds it once.
        names = self.plan.model_config.parameter_shapes(len(self.data.tokenizer))
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
            "precision": format_name(self.dtype),
            "settings": {k: v for k, v in asdict(self.config).items() if k not in ("name", "out", "force")},
            "versions": {"nextword": __version__, "torch": torch.__version__, "python": platform.python_version()},
        }
        if self.started_from:
            training["started_from"] = self.started_from
        return Checkpoint(self.plan.model_config, self.data.tokenizer, tensors, training)

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
            precision=format_name(self.dtype),
            notes=self.notes,
            step=self.step,
            progress=self.progress,
        )


def _check_shared(group: ProcessGroup, config: TrainConfig, data: _Data) -> None:
    """Refuse what cannot be shared out: too few streams, or texts that are not the same for every process."""
    if config.batch_size < group.size:
        reason = f"batch_size is {config.batch_size}, too few streams for {group.size} processes"
        raise UsageError(reason, "Start fewer processes, or read more streams at once: --batch-size")
    ours = float(int(data.corpus.digest[:12], 16))  # exact in 53 bits
    if group.from_first(ours) != ours:
        raise CorpusError("this process has read another text than the first one", "Give all machines the same files.")


def _digest(ids: NDArray[np.int32]) -> str:
    """SHA-256 of a text's ids."""
    return hashlib.sha256(np.ascontiguousarray(ids).data).hexdigest()


def _file_facts(data: _Data) -> dict[str, list[int]]:
    """Size and time of the corpus's files, if they are not too many: only to say which changed, when the text did."""
    documents = data.corpus.documents[:_MAX_FILES]
    stats = ((document.path.resolve(), document.path.stat()) for document in documents)
    return {str(path): [stat.st_size, stat.st_mtime_ns] for path, stat in stats}


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
        context = detokenize(predictor.tokenizer, text[begin : begin + _PREVIEW_WORDS].tolist())
        previews.append(Preview(context, predictor.predict(context, k=3)))
    return previews
