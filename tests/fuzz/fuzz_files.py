"""Reads checkpoints, sessions and resume files that were changed at random: a long run, not part of the suite.

    python tests/fuzz/fuzz_files.py [COUNT [SEED]]

Each file is read, or refused with a CheckpointError; anything else ends the run with the file left in place. A file
that takes ten seconds ends it, too. In the end: how many were tried and read, how long the slowest kept the processor,
and the peak of memory.
"""

from __future__ import annotations

import faulthandler
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.containers import take_apart
from support.files import a_checkpoint, a_resume_file, go_on_from
from support.mutation import mutated

from nextword.config import AdaptConfig
from nextword.errors import CheckpointError
from nextword.inference.predictor import Predictor
from nextword.inference.session_store import SessionStore
from nextword.storage.checkpoint import load_checkpoint, save_checkpoint
from nextword.training.resume import load_resume_point


def main(count: int, seed: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="nextword-fuzz-"))
    good = folder / "good.safetensors"
    save_checkpoint(good, a_checkpoint())
    predictor, store = Predictor.load(good), SessionStore(folder)
    session = predictor.session(AdaptConfig())
    session.feed("we met Zoltan and NASA")
    changed = folder / "changed.safetensors"
    readers: list[tuple[Path, Callable[[], object]]] = [
        (good, lambda: Predictor(load_checkpoint(changed)).predict("we met", k=3)),
        (store.save("session", session), lambda: store.load("changed", predictor, AdaptConfig()).suggest(3)),
        (a_resume_file(folder), lambda: go_on_from(load_resume_point(changed))),
    ]
    sources = [(*take_apart(file.read_bytes()), read) for file, read in readers]
    before = peak_memory()
    kinds, slowest, chance = Counter[str](), 0.0, random.Random(seed)
    for number in range(count):
        header, body, read = sources[number % len(sources)]
        changed.write_bytes(mutated(header, body, chance))
        faulthandler.dump_traceback_later(10, exit=True)
        began = time.process_time()
        try:
            read()
            kinds["read"] += 1
        except CheckpointError as error:
            kinds["refused"] += 1
            if not error.hint or str(changed) not in error.message:
                raise
        slowest = max(slowest, time.process_time() - began)
        faulthandler.cancel_dump_traceback_later()
    peak = f"peak {peak_memory():.0f} MB, {peak_memory() - before:.0f} MB above what it was before"
    print(f"{count:,} files, seed {seed}: {dict(kinds)}; slowest {slowest:.3f} s; {peak}", flush=True)


def peak_memory() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*[*numbers, *(100_000, 1)[len(numbers) :]])
