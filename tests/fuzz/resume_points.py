"""Stops runs of all kinds at points drawn at random and lets them go on: not part of the suite.

    python tests/fuzz/resume_points.py [POINTS [POINTS_OF_TWO_PROCESSES [SEED]]]

The checkpoint must have the very bytes of the run that nothing stopped; else the run and the points are shown. Half a
second a point on one core, and two seconds where two processes share the run.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.stop_points import KINDS, Stopper, drawn, drawn_case, in_two_processes, stopped_and_resumed
from support.text import make_text


def main(points: int, of_two: int, seed: int) -> None:
    tried, same = Counter[str](), 0
    for number in range(points):
        chance, kind = random.Random(f"{seed} {number}"), KINDS[number % len(KINDS)]
        with tempfile.TemporaryDirectory(prefix="nextword-") as folder:
            case, events = drawn_case(chance, Path(folder)), Stopper(None)
            expected = case.run("run", False, events).read_bytes()
            content, left = stopped_and_resumed(case, "run", drawn(kind, events, chance))
        tried[kind] += 1
        same += content == expected
        if content != expected:
            print(f"another file: stopped after {left} ({kind}), {case}")
    print(f"{points} runs of one process: {same} the same; {dict(tried)}")
    with tempfile.TemporaryDirectory(prefix="nextword-") as folder:
        corpus = Path(folder, "text.txt")
        corpus.write_text(make_text(100, seed), encoding="utf-8")
        results = in_two_processes(Path(folder), corpus, of_two, seed, dict(os.environ)) if of_two else []
    for kind, left, equal in results:
        print("the same:" if equal else "another file:", f"stopped after {left} ({kind})")
    print(f"{len(results)} runs of two processes: {sum(equal for _, _, equal in results)} the same")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*[*numbers, *(50, 20, 1)[len(numbers) :]])
