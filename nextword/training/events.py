"""What training says while it runs: plain values, for a screen, a log file or a program that listens.

Perplexities are per token; speeds are in tokens a second.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nextword.errors import StorageError
from nextword.inference.outlook import Prediction


@dataclass(frozen=True)
class Reading:
    """The text is on its way into ids: `done` of `total` in this phase, in the phase's own units."""

    phase: str  # "checking" (bytes), "reading" (characters), then "encoding" (words)
    done: int
    total: int

    @property
    def progress(self) -> float:
        """0 to 1."""
        return self.done / max(self.total, 1)


@dataclass(frozen=True)
class Prepared:
    """The text is read and the network built; training starts."""

    path: Path  # where the checkpoint will be
    documents: int
    training_tokens: int
    validation_tokens: int
    vocabulary_size: int
    unknown_rate: float  # share of the validation tokens that are the unknown word
    parameters: int
    device: str
    precision: str
    notes: list[str]  # what was passed over or adapted, one sentence each
    step: int = 0  # made so far: more than none in a resumed run
    progress: float = 0.0  # 0 to 1, of the whole schedule


@dataclass(frozen=True)
class Step:
    """One window was learned from."""

    step: int
    progress: float  # 0 to 1, of the whole schedule
    tokens: int  # read so far, over all epochs
    loss: float  # nats a token, before this step's update
    lr: float
    tokens_per_second: float
    seconds_left: float

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss, 700.0))


@dataclass(frozen=True)
class Threads:
    """So many threads compute from now on: the fastest that were tried."""

    count: int
    most: int  # that there may be


@dataclass(frozen=True)
class Preview:
    """What the model suggests at one place in the validation text."""

    context: str
    predictions: list[Prediction]


@dataclass(frozen=True)
class Validation:
    """The held-out text was predicted from its first to its last token."""

    step: int
    progress: float
    perplexity: float
    best: bool  # lower than ever before, and therefore saved
    seconds: float  # since training started
    previews: list[Preview]


@dataclass(frozen=True)
class Finished:
    """Training is over and the best model is in `path`."""

    path: Path
    perplexity: float
    steps: int
    tokens: int
    seconds: float
    example: str = ""  # how a held-out paragraph begins, to try the model on


Event = Reading | Prepared | Step | Threads | Validation | Finished
Emit = Callable[[Event], None]


class EventLog:
    """Writes steps and validations to a file as JSON, one object a line, each there as soon as it happened.

    What the file held before goes when training starts from its beginning. It stays when something keeps training
    from starting, and when a run is resumed, which goes on after it.

    Args:
        path: The file; it may be a pipe.

    Raises:
        StorageError: The file cannot be opened, or later not written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._refusals():
            # Unbuffered: a line costs some microseconds, and none is lost if the process is killed.
            self._file = path.open("ab", buffering=0)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Prepared) and not event.step:
            with contextlib.suppress(OSError):  # a pipe has no length
                self._file.truncate(0)
        if isinstance(event, Step):
            record = {
                "step": event.step,
                "tokens": event.tokens,
                "loss": round(event.loss, 6),
                "perplexity": round(event.perplexity, 4),
                "lr": event.lr,
                "tokens_per_second": round(event.tokens_per_second, 1),
            }
        elif isinstance(event, Validation):
            record = {
                "step": event.step,
                "valid_perplexity": round(event.perplexity, 4),
                "seconds": round(event.seconds, 3),
            }
        else:
            return
        line = (json.dumps(record) + "\n").encode()
        with self._refusals():
            while line:
                line = line[self._file.write(line) :]

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Name the file in what the operating system says."""
        try:
            yield
        except OSError as error:
            reason = f"the log {self._path} cannot be written: {error.strerror}"
            raise StorageError(reason, "Choose another file: --log FILE") from error
