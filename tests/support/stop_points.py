"""Runs that are stopped where chance has it, and go on: what comes out must be what would have come out without a stop.

Shared by the tests and by `fuzz/resume_points.py`. Started as a program, it is one of two processes of such runs.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from support.networks import network_config
from support.text import make_text
from torch.distributed import FileStore

from nextword.config import ModelConfig, TrainConfig
from nextword.errors import Interrupted
from nextword.model.language_model import RecurrentLanguageModel
from nextword.training import distributed
from nextword.training.events import Event, Step, Validation
from nextword.training.plan import Request
from nextword.training.resume import resume_path
from nextword.training.schedule import Tuning
from nextword.training.train import carry_out

# Where a run is stopped: after its first or last step, in an epoch, at its end, just before a validation that is due in
# mid epoch, while the held-out text is predicted; and twice, the second time after going on.
KINDS = ("in an epoch", "an epoch's end", "before a validation", "in a validation", "twice", "first", "last")
EPOCHS = 2
SMALL = Tuning(validation_tokens=400, validation_ratio=1)


@dataclass(frozen=True)
class Case:
    """A run: its text, network and settings, and the model it starts from, if any."""

    corpus: Path
    model: ModelConfig
    config: TrainConfig
    valid: Path | None = None
    start_from: Path | None = None

    def run(self, name: str, resume: bool, on_event: Callable[[Event], None]) -> Path:
        """Begin a run of that name, or go on with it.

        Small networks are trained as large ones are: validated inside an epoch, too, and with what is made for a large
        vocabulary or a wide layer.
        """
        if resume:
            request = Request(train_config=TrainConfig(name=name, out=self.config.out), resume=True, tuning=SMALL)
        else:
            config = replace(self.config, name=name, force=True)
            valid = [self.valid] if self.valid else None
            request = Request(
                corpus=[self.corpus],
                valid=valid,
                model_config=self.model,
                train_config=config,
                start_from=self.start_from,
                tuning=SMALL,
            )
        with patch.multiple(RecurrentLanguageModel, fused_from=14, sparse_from=40):
            return carry_out(request, on_event)


def drawn_case(chance: random.Random, folder: Path) -> Case:
    """A small run in `folder` of any kind: other texts, networks, number formats, ways to begin."""

    def text(name: str, paragraphs: int) -> Path:
        path = folder / f"{name}.txt"
        path.write_text(make_text(paragraphs, chance.randrange(1000)), encoding="utf-8")
        return path

    def some(*choices: Any) -> Any:
        return chance.choice(choices)

    model = network_config(
        embedding_dim=some(8, 14),
        hidden_size=some(9, 16),
        num_layers=some(1, 2, 3),
        tied=some(True, False),
        topic_share=some(0.0, 0.25),
        dropout_words=some(0.0, 0.1),
        dropout_hidden=some(0.0, 0.3),
        dropout_output=some(0.0, 0.3),
        dropout_recurrent=some(0.0, 0.1),
    )
    config = TrainConfig(
        **{"epochs": EPOCHS, "precision": some("fp32", "bf16"), "device": "cpu", "out": str(folder / "out")},
        **{"batch_size": some(9, 16), "bptt": some(12, 17), "sampled_words": some(0, 20), "seed": chance.randrange(99)},
        **{"tokenizer": some("words", "whitespace"), "cased": some(True, False)},
    )
    case = Case(text("text", chance.randint(60, 80)), model, config, some(None, text("valid", 10)))
    if some(True, False):
        before = replace(case, corpus=text("before", 20), valid=None, config=replace(config, max_steps=3, epochs=None))
        case = replace(case, start_from=before.run("before", False, Stopper(None)))
    return case


@dataclass(frozen=True)
class Stop:
    """A signal that comes with the first event of a kind at a step, or after it."""

    step: int
    at: type[Step] | type[Validation] = Step


class Stopper:
    """A listener that sends processes one signal when it is time, and remembers what it heard."""

    def __init__(self, stop: Stop | None, process: int = 0) -> None:
        self._stop, self._process = stop, process or os.getpid()
        self.heard: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.heard.append(event)
        if self._stop and isinstance(event, self._stop.at) and event.step >= self._stop.step:
            self._stop = None
            os.kill(self._process, signal.SIGTERM)

    def steps(self, kind: type[Step] | type[Validation]) -> list[int]:
        """The steps after which there were events of that kind."""
        return [event.step for event in self.heard if isinstance(event, kind)]


def drawn(kind: str, events: Stopper, chance: random.Random) -> list[Stop]:
    """The stops of one of `KINDS` in a run of which `events` heard all."""
    last = events.steps(Step)[-1]
    epoch = last // EPOCHS
    between = [step for step in events.steps(Validation) if step % epoch]
    assert between, "the run has no validation in mid epoch"
    anywhere = chance.randint(2, last - 1)
    return {
        "first": [Stop(1)],
        "last": [Stop(last)],
        "in an epoch": [Stop(epoch * chance.randrange(EPOCHS) + chance.randint(2, epoch - 1))],
        "an epoch's end": [Stop(epoch * chance.randint(1, EPOCHS - 1))],
        "before a validation": [Stop(chance.choice(between) - chance.randint(0, 1))],
        "in a validation": [Stop(chance.choice(between), Validation)],
        "twice": [Stop(anywhere), Stop(chance.randint(anywhere + 1, last))],
    }[kind]


def stopped_and_resumed(case: Case, name: str, stops: Sequence[Stop], process: int = 0) -> tuple[bytes, list[int]]:
    """The checkpoint of a run that goes on whenever it was stopped, and the steps after which it was.

    Args:
        case: The run.
        name: What it is called.
        stops: When this process stops itself, or another one.
        process: Number of that other process; 0 for this one.
    """
    left: list[int] = []
    waiting = list(stops)
    while True:
        stopper = Stopper(waiting.pop(0) if waiting else None, process)
        try:
            path = case.run(name, bool(left), stopper)
        except Interrupted:
            assert resume_path(Path(case.config.out) / f"{name}.safetensors").exists()
            left.append(max(stopper.steps(Step), default=0))
        else:
            assert not resume_path(path).exists()
            return path.read_bytes(), left


# -- two processes ---------------------------------------------------------------------------------------------------


def in_two_processes(folder: Path, corpus: Path, points: int, seed: int, environment: dict[str, str]) -> list[Any]:
    """Stop runs of two processes at so many points; for each: its kind, the steps stopped after, whether all is equal.

    Each of the two makes all runs, which takes a tenth of the time that torchrun would for every one.
    """
    arguments = [sys.executable, __file__, str(folder), str(corpus), str(points), str(seed)]
    path = [str(Path(__file__).parents[1]), *filter(None, [environment.get("PYTHONPATH")])]
    environment = {**environment, "PYTHONPATH": os.pathsep.join(path), "WORLD_SIZE": "2"}

    def start(rank: int, other: int) -> subprocess.Popen[str]:
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*arguments, str(other)], env={**environment, "RANK": str(rank)}, **both)

    second = start(1, 0)
    first = start(0, second.pid)
    try:
        shown, wrong = first.communicate(timeout=600)
        assert first.returncode == 0, wrong
        assert second.wait(60) == 0, second.communicate()[1]
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    return [json.loads(line) for line in shown.splitlines()]


def one_of_two(folder: Path, corpus: Path, points: int, seed: int, other: int) -> None:
    """What each of the two processes does; only the first one, which has the number of the `other`, hears events.

    It stops itself or the other. They agree on a signal in the step after it came; to the other, it may come late.
    """
    chance, first = random.Random(seed), other > 0
    config = TrainConfig(epochs=EPOCHS, batch_size=23, bptt=20, precision="fp32", device="cpu", out=str(folder))
    case = Case(corpus, network_config(embedding_dim=8, hidden_size=10, dropout_hidden=0.3), config)
    runs = itertools.count()

    def meet(*arguments: Any, **settings: Any) -> Iterator[tuple[FileStore, int, int]]:
        yield FileStore(str(folder / f"run-{next(runs)}"), 2), 1 - first, 2

    with patch.object(distributed, "rendezvous", meet):
        events = Stopper(None)
        expected = case.run("run", False, events).read_bytes()
        for point in range(points):
            kind = KINDS[point % len(KINDS)]
            process = 0 if kind == "last" else chance.choice([0, other])
            stops = drawn(kind, events, chance) if first else []
            stops = [replace(stop, step=max(1, stop.step - 1)) if stop.at is Step else stop for stop in stops]
            content, left = stopped_and_resumed(case, "run", stops, process)
            if first:
                print(json.dumps([kind, left, content == expected]))


if __name__ == "__main__":
    one_of_two(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
