"""How fast `nextword train --minutes` is alone, beside programs that keep a processor busy, and when these are gone.

    python tests/benchmarks/threads.py
    python tests/benchmarks/threads.py --busy 2 --seconds 30

Three contestants, each a process of its own, one after the other, round after round: the loop by hand of `training.py`;
nextword with torch's threads as they are; and nextword as the command `nextword train --minutes` has it, with threads
that sleep while they wait, and as many as are fastest. Each is measured in the second half of every phase, and what it
does is compared with what it did alone. The medians say what they should where nothing else runs.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import BATCH, BPTT, Contestant, machine, plain_loop, write_tokens

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.networks import network_config

if TYPE_CHECKING:
    from nextword.training.events import Event

PHASES = ("alone", "beside others", "others gone")
WAITED = 40  # seconds after the others are gone, before anything is measured: more threads are tried every half minute


class _Enough(Exception):
    """Ends a training run from inside its events."""


class Stopwatch:
    """Measures the speed of each phase in its second half and sends (tokens, seconds).

    Args:
        connection: To the parent, which says before each phase whether there is to be one.
        seconds: How long a phase is.
    """

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds
        self._phases = iter(PHASES)
        self._next()

    def _next(self) -> None:
        if not self._connection.recv():
            raise _Enough
        wait = WAITED if next(self._phases) == "others gone" and self._seconds >= 10 else 0
        self._from = time.perf_counter() + wait + self._seconds / 2
        self._tokens, self._began = 0, 0.0

    def step(self, tokens: int) -> None:
        """Take note of a step that is done."""
        now = time.perf_counter()
        if not self._began:
            self._began = now if now >= self._from else 0.0
            return
        self._tokens += tokens
        if now - self._began >= self._seconds / 2:
            self._connection.send((self._tokens, now - self._began))
            self._next()


def plain(connection: Connection, seconds: float, size: int, words: int) -> None:
    """Make steps by hand through all phases."""
    step = plain_loop(size, words)
    step()
    watch = Stopwatch(connection, seconds)
    with contextlib.suppress(_Enough):
        while True:
            watch.step(step())


def nextword(connection: Connection, seconds: float, size: int, words: int, timed: bool) -> None:
    """Make those of `nextword.train`, whose time is limited or not, until all phases are over."""
    from nextword import TrainConfig, train
    from nextword.training.events import Step

    watch: Stopwatch | None = None
    before = 0

    def hear(event: Event) -> None:
        nonlocal watch, before
        if isinstance(event, Step):
            watch = watch or Stopwatch(connection, seconds)
            watch.step(event.tokens - before)
            before = event.tokens

    with tempfile.TemporaryDirectory() as folder:
        text, valid = Path(folder, "train.txt"), Path(folder, "valid.txt")
        write_tokens(text, 200 * BATCH * BPTT, words)
        write_tokens(valid, 200, 202)
        model = network_config(embedding_dim=size, hidden_size=size, num_layers=2)
        length = {"minutes": 60.0} if timed else {"max_steps": 10**6}
        config = TrainConfig(
            tokenizer="whitespace", vocab_size=words, batch_size=BATCH, bptt=BPTT, device="cpu", out=folder, **length
        )
        with contextlib.suppress(_Enough):
            train(text, model, config, valid=valid, on_event=hear)


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many programs that each keep a processor busy."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


# Name: the work, how threads wait, and whether their number is chosen.
WAYS: dict[str, tuple[Any, ...]] = {
    "plain loop": (plain, {}),
    "nextword, threads as they are": (nextword, {}, False),
    "nextword train --minutes": (nextword, {"GOMP_SPINCOUNT": "2000"}, True),
}


def measure(way_name: str, options: argparse.Namespace) -> list[float]:
    """Tokens a second of a contestant, phase by phase."""
    work, policy, *way = WAYS[way_name]
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        os.environ.pop(name, None)
    os.environ |= policy
    process = Contestant(work, options.seconds, options.size, options.words, *way)
    speeds = []
    for phase in PHASES:
        with busy(options.busy if phase == "beside others" else 0):
            speeds.append(process.tokens_per_second())
    process.stop()
    return speeds


def table(found: dict[str, list[list[float]]]) -> Iterator[str]:
    """Lines for a person: tokens a second, and the share of what the same contestant reached alone."""
    yield f"{'':30}" + "".join(f"{phase:>20}" for phase in PHASES)
    for name, rounds in found.items():
        medians = [statistics.median(speeds) for speeds in zip(*rounds, strict=True)]
        yield f"{name:30}" + "".join(f"{speed:>12,.0f}  {speed / medians[0]:5.0%} " for speed in medians)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--busy", type=int, default=1, help="programs that keep a processor busy")
    parser.add_argument("--seconds", type=float, default=20, help="of a phase")
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over this many")
    parser.add_argument("--size", type=int, default=650, help="of the embedding and both layers")
    parser.add_argument("--words", type=int, default=10_000, help="vocabulary")
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {name: [] for name in WAYS}
    for _, name in itertools.product(range(options.rounds), WAYS):
        found[name].append(measure(name, options))
    facts = machine()
    print(f"{facts['cpu']}, {facts['cores']} cores, torch {facts['torch']}; beside {options.busy}; medians")
    print(*table(found), sep="\n")


if __name__ == "__main__":
    main()
