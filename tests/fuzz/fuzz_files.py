"""Reads checkpoints and sessions that were changed at random, for as long as one likes: not part of the suite.

    python tests/fuzz/fuzz_files.py [COUNT [SEED]]

Each file is read, or refused with a CheckpointError; anything else ends the run with the file left in place. A file
that takes ten seconds ends it, too. In the end: how many were tried and read, the slowest, and the peak of memory.
"""

from __future__ import annotations

import faulthandler
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostile import take_apart
from mutation import mutated
from test_hostile_files import a_checkpoint

from nextword.checkpoint import load_checkpoint, save_checkpoint
from nextword.config import AdaptConfig
from nextword.errors import CheckpointError
from nextword.predictor import Predictor
from nextword.session_store import SessionStore


def main(count: int, seed: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="nextword-fuzz-"))
    good = folder / "good.safetensors"
    save_checkpoint(good, a_checkpoint())
    predictor, store = Predictor.load(good), SessionStore(folder)
    session = predictor.session(AdaptConfig())
    session.feed("we met Zoltan and NASA")
    sources = [take_apart(file.read_bytes()) for file in (good, store.save("session", session))]
    kinds, slowest, chance = Counter[str](), 0.0, random.Random(seed)
    for number in range(count):
        path = folder / "changed.safetensors"
        path.write_bytes(mutated(*sources[number % 2], chance))
        faulthandler.dump_traceback_later(10, exit=True)
        began = time.perf_counter()
        try:
            if number % 2:
                store.load("changed", predictor, AdaptConfig()).suggest(3)
            else:
                Predictor(load_checkpoint(path)).predict("we met", k=3)
            kinds["read"] += 1
        except CheckpointError as error:
            kinds["refused"] += 1
            if not error.hint or str(path) not in error.message:
                raise
        slowest = max(slowest, time.perf_counter() - began)
        faulthandler.cancel_dump_traceback_later()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{count:,} files: {dict(kinds)}; slowest {slowest:.3f} s; peak {peak} MB")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*[*numbers, *(100_000, 1)[len(numbers) :]])
