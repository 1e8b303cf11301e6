"""Texts as nobody writes them, of any size, and what it takes to learn from them.

    python tests/fuzz/large_texts.py [SHARE [KIND...]]

trains two steps on each kind of text, in a process of its own that may have two gigabytes of memory, and says what it
took. A SHARE of 1 is a gigabyte on one line, a million blank lines, ten million different words, a word of ten
megabytes; the suite does the same with a small share.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from support.text import make_text

_BLOCK = 10_000  # words


def _one_line(share: float) -> Iterator[str]:
    words = make_text(300).split()
    block = " ".join(random.Random(1).choices(words, k=_BLOCK)) + " "
    yield from [block] * round(share * 1e9 / len(block))


def _blank_lines(share: float) -> Iterator[str]:
    yield make_text(30)
    yield "\n" * round(share * 1e6)
    yield make_text(30, 1)


def _different_words(share: float) -> Iterator[str]:
    count = round(share * 1e7)
    for begin in range(0, count, _BLOCK):
        yield " ".join(f"w{number:x} and" for number in range(begin, begin + _BLOCK)) + "\n\n"


def _long_word(share: float) -> Iterator[str]:
    yield make_text(30)
    yield "x" * round(share * 1e7)
    yield " " + make_text(30, 1)


KINDS: dict[str, Callable[[float], Iterator[str]]] = {
    "one line": _one_line,
    "blank lines": _blank_lines,
    "different words": _different_words,
    "a long word": _long_word,
}


def write(folder: Path, kind: str, share: float) -> Path:
    """A text of that kind, and its share of the full size."""
    path = folder / f"{kind}.txt"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(KINDS[kind](share))
    return path


def learned(paths: Sequence[Path], megabytes: int, forms: int = 0) -> list[dict[str, Any]]:
    """What a process that may have so much more memory makes of each text.

    Args:
        paths: The texts.
        megabytes: Of address space, beside what the program has before it reads.
        forms: How many different words it counts at once; 0 for as many as ever.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    arguments = [sys.executable, __file__, "--learn", str(megabytes), str(forms), *map(str, paths)]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _learn(megabytes: int, forms: int, paths: Sequence[Path]) -> None:
    """Train two steps on each text within a limit of address space, and print what that took."""
    import torch  # noqa: F401 - before the limit, which is on what comes on top

    from nextword.config import ModelConfig, TrainConfig
    from nextword.text.tokenizer import WordTokenizer
    from nextword.training.events import Event, Prepared
    from nextword.training.train import train

    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines())
    limit = int(status["VmSize"].split()[0]) * 1024 + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    learn = partial(WordTokenizer.train_and_encode, **({"max_forms": forms} if forms else {}))
    network = ModelConfig(embedding_dim=8, hidden_size=8, num_layers=1)
    for path in paths:
        began, processor, events = time.perf_counter(), time.process_time(), list[Event]()
        with (
            tempfile.TemporaryDirectory(prefix="nextword-") as out,
            patch.object(WordTokenizer, "train_and_encode", learn),
        ):
            settings = TrainConfig(max_steps=2, vocab_size=1_000, out=out, device="cpu", precision="fp32")
            train(path, network, settings, start_from=None, on_event=events.append)
        (prepared,) = (event for event in events if isinstance(event, Prepared))
        facts = {
            "words": prepared.training_tokens + prepared.validation_tokens,
            "vocabulary": prepared.vocabulary_size,
            "notes": prepared.notes,
            "seconds": round(time.perf_counter() - began, 1),
            "processor seconds": round(time.process_time() - processor, 1),
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
        }
        print(json.dumps(facts))


def _main(share: float, *kinds: str) -> None:
    for kind in kinds or KINDS:
        with tempfile.TemporaryDirectory(prefix="nextword-") as folder:
            path = write(Path(folder), kind, share)
            size = path.stat().st_size
            print(f"{kind} ({size:,} bytes): {learned([path], 2_000)[0]}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--learn"]:
        _learn(int(sys.argv[2]), int(sys.argv[3]), [Path(path) for path in sys.argv[4:]])
    else:
        _main(float(sys.argv[1]) if len(sys.argv) > 1 else 1, *sys.argv[2:])
