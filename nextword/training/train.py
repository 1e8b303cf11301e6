"""Training: from text to a checkpoint.

`carry_out` has every stage in its order. It prints nothing; who wants to watch passes a function that takes the events
of `events.py`.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nextword.config import ModelConfig, TrainConfig
from nextword.errors import CorpusError, Interrupted, NextwordError, OutOfMemoryError, ProcessLostError
from nextword.storage.atomic import exclusive_lock
from nextword.training.distributed import ProcessGroup
from nextword.training.events import Event
from nextword.training.loop import Trainer
from nextword.training.plan import AUTO, Request, checkpoint_path, new_run, resume_run
from nextword.training.prepare import prepare
from nextword.training.resume import resume_path

Paths = str | Path | Sequence[str | Path]


def train(
    corpus: Paths | None = None,
    model_config: ModelConfig | None = None,
    train_config: TrainConfig | None = None,
    *,
    valid: Paths | None = None,
    start_from: str | Path | None = AUTO,
    resume: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> Path:
    """Learn a language model from text and save it.

    The weights start from what counting the text tells (`initialization`) and are learned by truncated
    back-propagation through time. After every epoch, more often where epochs are long and less often where much is held
    out, the held-out text is predicted, and the model is saved when it did so better than ever before.

    While it learns, a first SIGINT or SIGTERM ends the run after the step it is in, with a resume file. One is also
    written every few minutes. With `resume` the run goes on from there: on the same machine and version with the very
    bits that it would have had without the stop.

    Args:
        corpus: Files and folders of text; None for the text that ships with nextword, or that the resumed run reads.
        model_config: What the network is. Fields that are None are chosen for the text and the time (`recipe`), or
            are those of the resumed run or the network started from.
        train_config: How it is trained, under which name and in which folder it is saved. Fields that are None are
            chosen.
        valid: Text to validate on; None to hold out a part of the corpus.
        start_from: Checkpoint whose network and words to start with: known words keep their vectors, the text's own
            are added, and the recipe is another one (`recipe`). `english`: the model that ships; `none` or None:
            nothing; `auto`: the English model, unless the text is the one that ships, a third of its words are not in
            that model, what is set contradicts it, or it is not there; an event's note says which, and why.
        resume: Go on with the unfinished run of that name, or of that corpus; without either with the last one.
            What is set, neither None nor at its default, must be what the run has, or the network started from. Only
            the dropouts of a network, and `epochs`, `max_steps` and `minutes` of a run may change.
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
    request = Request(
        corpus=_as_paths(corpus),
        valid=_as_paths(valid),
        model_config=model_config or ModelConfig(),
        train_config=train_config or TrainConfig(),
        start_from=start_from,
        resume=resume,
    )
    return carry_out(request, on_event)


def carry_out(request: Request, on_event: Callable[[Event], None] | None = None) -> Path:
    """Do what `train` says, in this process or in one of those that `torchrun` has started."""
    began = time.perf_counter()
    group = ProcessGroup.join(request.train_config.device)
    emit = on_event if on_event and group.first else lambda event: None
    with _clear_errors(group, request.train_config):
        path = checkpoint_path(request)
        with exclusive_lock(path, resume_path(path)) if group.first else contextlib.nullcontext():
            group.barrier()  # the others go on when the first is the owner
            plan = resume_run(request, path) if request.resume else new_run(request, path)
            Trainer(prepare(plan, group, emit), group, emit, began).run()
            group.leave()
    return path


def _as_paths(paths: Paths | None) -> list[Path] | None:
    if paths is None:
        return None
    if not paths:
        raise CorpusError("no text was named", "Name files or folders, or None for the text that comes with nextword")
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


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
