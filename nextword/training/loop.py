"""The loop: windows, steps, validations, and saving, until the schedule ends or a signal comes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from nextword.errors import DivergedError, Interrupted
from nextword.evaluation.evaluate import perplexity
from nextword.inference.predictor import Predictor
from nextword.model.device import threads_restored
from nextword.model.language_model import LayerState, RecurrentLanguageModel
from nextword.signals import DeferredSignals
from nextword.storage.checkpoint import save_checkpoint
from nextword.training.anchor import drawn_back
from nextword.training.batches import Window, batchify, window_count, windows
from nextword.training.capture import capture, restore_network
from nextword.training.clock import Clock
from nextword.training.distributed import ProcessGroup
from nextword.training.events import Emit, Finished, Step, Threads, Validation
from nextword.training.facts import check_same_run, make_checkpoint, prepared_event, source_weights, text_facts
from nextword.training.initialization import keep_topics
from nextword.training.optimizer import make_optimizer
from nextword.training.plan import LENGTHS
from nextword.training.prepare import Setup
from nextword.training.previews import example, make_previews
from nextword.training.recipe import FINE_TUNING_WORD_GAIN, kept_share
from nextword.training.resume import (
    SOURCE,
    ResumePoint,
    RunFacts,
    best_perplexity_so_far,
    resume_command,
    resume_path,
    save_resume_point,
)
from nextword.training.schedule import Saves, Schedule, Validations
from nextword.training.threads import ThreadChoice

_MAX_LOSS = 50.0  # nats a word: more than guessing among all words of all languages costs
_SAMPLE_TOKENS = 2048  # held-out tokens predicted after the first step, to see how long all of them take


class Trainer:
    """One run: where it is in its schedule and in the text, and what it has reached.

    Args:
        setup: The network, the text, and how the one learns the other.
        group: The processes among which it is split.
        emit: Takes the events.
        began: When the run began, on the clock `time.perf_counter`.

    Attributes:
        position: Rows of the streams read in this epoch.
        tokens: Read so far, over all epochs.
        carried: Hidden and cell state of every layer after the last window; None where a text begins.
        source: Weights of the network that the run started from, by name; of none, no weights.
        best: The lowest validation perplexity, and so that of the checkpoint.
        stop_signal: What ends the run after this step, as all processes have agreed; 0 if nothing does.
        save_agreed: Whether all have agreed to write the resume file after this step.
    """

    def __init__(self, setup: Setup, group: ProcessGroup, emit: Emit, began: float) -> None:
        config, text, tuning = setup.config, setup.text, setup.plan.tuning
        self.setup, self.group, self.emit, self.config, self.model = setup, group, emit, config, setup.model
        self.path, self.point = setup.plan.checkpoint, setup.plan.point
        self.source = source_weights(setup)
        word_gain = FINE_TUNING_WORD_GAIN if self.source else 1.0
        self.optimizer = make_optimizer(config.optimizer, self.model, config.lr, config.clip, word_gain)
        self.columns = group.columns(config.batch_size)
        self.streams = batchify(text.training.ids, config.batch_size)[:, self.columns]
        self.epoch_steps = window_count(len(text.training), config.batch_size, config.bptt)
        by_epochs = None if config.minutes else config.epochs * self.epoch_steps
        self.schedule = Schedule(config.max_steps or by_epochs, config.minutes)
        self.validations = Validations(len(text.validation), config.minutes is not None, tuning)
        self.clock = Clock(began, config.minutes, self.point.facts.seconds if self.point else 0.0)
        # Another number of threads rounds otherwise: where no time limits the run, the same run twice is the same run.
        chosen = config.minutes is not None and setup.device.type == "cpu" and group.size == 1
        self.threads = ThreadChoice(torch.get_num_threads() if chosen else 1)
        self.position, self.tokens = 0, 0
        self.carried: list[LayerState] | None = None
        self.best, self.best_digest = math.inf, ""
        self.signals, self.stop_signal, self.save_agreed = DeferredSignals(), 0, False
        if self.point is not None:
            self.restore(self.point)
        self.saves = Saves(self.clock.seconds, tuning)
        self.loss = group.shared_loss(self.model, config.batch_size)

    def run(self) -> None:
        """Train to the end of the schedule; the best model is then in the checkpoint.

        Raises:
            DivergedError: The loss is no longer a finite number.
            Interrupted: A signal came; the resume file is written.
            StorageError: The checkpoint or the resume file cannot be written.
        """
        self.emit(prepared_event(self.setup, self.schedule.step, self.schedule.progress))
        resume_file = resume_path(self.path)
        if self.point is None and self.group.first:
            resume_file.unlink(missing_ok=True)  # of the run that --force replaces
        with self.signals, threads_restored():
            if self.setup.plan.source is not None and self.group.first:
                self._validate()  # the network it begins from stays, unless a later one is better
            self._validate_if_due()  # a resumed run may have been stopped just before
            self.clock.restart(self.tokens)
            for window in self._windows():
                loss, lr = self._learn(window)
                self._measured(self.clock.lap(self.tokens), window.inputs.size)
                self._emit_step(loss, lr)
                if self.group.size == 1:
                    self.stop_signal = self.signals.received  # no other process has to agree
                if self.stop_signal:
                    self._stop()
                validated, saving = self._validate_if_due(), self.save_agreed and self.schedule.progress < 1
                if saving:
                    self._save()
                if validated or saving:
                    self.clock.restart(self.tokens)
        if self.group.first:
            resume_file.unlink(missing_ok=True)
        beginning = example(self.setup.text.tokenizer, self.setup.text.validation.ids)
        self.emit(Finished(self.path, self.best, self.schedule.step, self.tokens, self.clock.seconds, beginning))

    def _measured(self, seconds: float, tokens: int) -> None:
        """Take note of how long a step took, and choose how many threads make the next one."""
        self.schedule.measured(seconds)
        before, left = self.threads.count, self.clock.seconds_left(self.schedule.progress)
        if self.threads.measured(seconds, tokens, left):
            self.schedule.speed_changed()
            self.emit(Threads(self.threads.count, self.threads.most))
        if self.threads.count != before:
            torch.set_num_threads(self.threads.count)

    def _emit_step(self, loss: float, lr: float) -> None:
        step, progress = self.schedule.step, self.schedule.progress
        speed, left = self.clock.tokens_per_second, self.clock.seconds_left(progress)
        self.emit(Step(step, progress, self.tokens, loss, lr, speed, left))

    def _windows(self) -> Iterator[Window]:
        """Every window of every epoch until the schedule ends, from where the run is."""
        while self.schedule.progress < 1:
            for window in windows(self.streams[self.position :], self.config.bptt):
                yield window
                if self.schedule.progress >= 1:
                    return
            self.position, self.carried = 0, None

    def _learn(self, window: Window) -> tuple[float, float]:
        """One step of gradient descent; returns the loss before it and the learning rate."""
        setup, lr = self.setup, self.config.lr * self.schedule.rate_share
        inputs = torch.from_numpy(window.inputs).to(setup.device)
        targets = torch.from_numpy(window.targets).to(setup.device)
        loss, self.carried = self.loss(inputs, targets, self.carried, setup.dtype, setup.sampler)
        loss.backward()  # type: ignore[no-untyped-call]
        value = self._synchronize(loss.item())
        self._check_loss(value, f"the loss of step {self.schedule.step + 1}")
        keep_topics(self.model, self.schedule.progress)
        for settings in self.optimizer.param_groups:
            settings["lr"] = lr
        self.optimizer.step()
        self.schedule.advance()
        self.position += len(inputs)
        self.tokens += len(inputs) * self.config.batch_size
        return value, lr

    def _synchronize(self, loss: float) -> float:
        """Agree with the other processes on all that must be the same for all; returns the mean loss."""
        if self.group.first:
            self.schedule.fit_to_time(self.clock.seconds, self._reserve())
        own = self.signals.received, self.saves.due(self.clock.seconds), self.schedule.total
        loss, self.stop_signal, self.save_agreed, self.schedule.total = self.group.agree(loss, *own)
        return loss

    def _reserve(self) -> float:
        """Seconds that the validations still to come will take, when time limits the run."""
        if self.config.minutes is None:
            return 0.0
        epochs_left = (self.schedule.total - self.schedule.step) / self.epoch_steps
        seconds_left = self.clock.seconds_left(self.schedule.progress)
        return self.validations.reserve(self.schedule, seconds_left, epochs_left)

    def _check_loss(self, value: float, name: str) -> None:
        """Raise `DivergedError` for a cross-entropy, in nats a word, that shows that the weights are lost."""
        if not value < _MAX_LOSS:
            kept = f"; the best model so far is in {self.path}" if self.best < math.inf else ""
            hint = f"Learn more slowly: --lr {self.config.lr / 2:g}"
            raise DivergedError(f"{name} is {value:g} nats a word{kept}", hint)

    def _validate_if_due(self) -> bool:
        """Predict the held-out text if it is time to, and before that a sample of it; whether anything was done."""
        if self.group.first and self.validations.cost_unknown(self.schedule):
            self.validations.cost = _validation_seconds(self.model, self.setup.text.validation.ids)
            return True
        epoch_ended = self.position >= len(self.streams) - 1
        due = self.group.first and self.validations.due(self.schedule, self.tokens, epoch_ended, self.clock.seconds)
        if due:
            began = time.perf_counter()
            self._validate()
            self.validations.done(self.schedule, self.tokens, time.perf_counter() - began)
        return due

    def _validate(self) -> None:
        """Predict the held-out text; save the model if it never did so better."""
        ids, schedule = self.setup.text.validation.ids, self.schedule
        with drawn_back(self.model, self.source, kept_share(len(self.setup.text.training))):
            value = perplexity(self.model, ids)
            self._check_loss(math.log(value), "the validation loss")
            best = value < self.best
            checkpoint = make_checkpoint(self.setup, schedule.step, self.tokens, value)
            if best:
                self.best_digest = save_checkpoint(self.path, checkpoint)
                self.best = value
            previews = make_previews(Predictor(checkpoint), ids)
        self.emit(Validation(schedule.step, schedule.progress, value, best, self.clock.seconds, previews))

    def _stop(self) -> None:
        """Leave all that is needed to go on, and the run."""
        self._save()
        where = f"stopped after step {self.schedule.step:,}, {self.schedule.progress:.0%} of the way"
        reason = f"{where}; all of it is in {resume_path(self.path)}"
        command = resume_command(self.path, self.config.out, self.group.size)
        raise Interrupted(reason, f"Go on with: {command}", 128 + self.stop_signal)

    def _save(self) -> None:
        """Write the resume file; when this returns in one process, it is there for all."""
        began = time.perf_counter()
        point = self.state()
        if self.group.first:
            save_resume_point(resume_path(self.path), point)
        self.group.barrier()
        self.saves.done(self.clock.seconds, time.perf_counter() - began)

    def state(self) -> ResumePoint:
        """All that `restore` needs; every process must call this."""
        carried = self.group.whole_state(self.carried, self.config.batch_size)
        tensors, formats = capture(self.model, self.optimizer, carried)
        tensors |= {SOURCE + name: values for name, values in self.source.items()}
        facts = RunFacts(
            schedule=self.schedule.state(),
            validations=self.validations.state(),
            carried_formats=formats,
            position=self.position,
            tokens=self.tokens,
            seconds=self.clock.seconds,
            processes=self.group.size,
            best_digest=self.best_digest,
            **text_facts(self.setup),
        )
        return ResumePoint(self.model.config, self.config, self.setup.text.tokenizer, tensors, facts)

    def restore(self, point: ResumePoint) -> None:
        """Be where the run was when `point` was saved.

        Raises:
            CorpusError: The text is not the one that the run read.
            UsageError: It had more processes, or fewer.
            CheckpointError: The file is of another version.
        """
        facts = point.facts
        check_same_run(self.setup, facts, self.group.size)
        carried = restore_network(point, self.model, self.optimizer, self.setup.device)
        self.carried = carried and [(hidden[:, self.columns], cell[:, self.columns]) for hidden, cell in carried]
        same_length = all(getattr(point.config, name) == getattr(self.config, name) for name in LENGTHS)
        self.schedule.restore(facts.schedule, same_length)
        self.validations.restore(facts.validations)
        self.position, self.tokens = facts.position, facts.tokens
        self.best, self.best_digest = best_perplexity_so_far(point, self.path), facts.best_digest


def _validation_seconds(model: RecurrentLanguageModel, ids: NDArray[np.int32]) -> float:
    """How long predicting the held-out text will take, (N,), as a sample of it tells."""
    sample, began = ids[:_SAMPLE_TOKENS], time.perf_counter()
    perplexity(model, sample)
    return (time.perf_counter() - began) * len(ids) / len(sample)
