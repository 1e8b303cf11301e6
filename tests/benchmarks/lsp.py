"""What the language server costs: a key more at the end of a long document, and the start.

    python tests/benchmarks/lsp.py CHECKPOINT [--megabytes N] [--keys N] [--rounds N]

A key is an edit and the request that follows it, from the message sent to the answer received, both processes on one
machine. The start is from the process's to its first list of words. Of both, the processor time that the server took
is told, too, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.language_client import LanguageClient

SENTENCES = "Emma grew up in France. Her father had a bakery in the village, and she helped him every morning.\n"


def processor_seconds(client: LanguageClient) -> float:
    """What the server's process has taken so far (Linux)."""
    fields = Path(f"/proc/{client.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def start(checkpoint: str) -> tuple[float, float]:
    """Seconds from the start to the first answer, by the clock and of the processor."""
    began = time.perf_counter()
    with LanguageClient("-c", checkpoint) as client:
        client.initialize()
        client.open("The weather is ")
        assert client.words(0, 15)
        return time.perf_counter() - began, processor_seconds(client)


def keys(checkpoint: str, megabytes: float, count: int) -> tuple[float, list[float], float]:
    """Seconds to the first answer at the end of a document, then of each key, and processor seconds of all keys."""
    text = SENTENCES * int(megabytes * 1_000_000 / len(SENTENCES))
    line = text.count("\n")
    times = []
    with LanguageClient("-c", checkpoint) as client:
        client.initialize()
        client.open("The weather is ", uri="file:///other.txt")
        client.words(0, 15, uri="file:///other.txt")
        began = time.perf_counter()
        client.open(text, "markdown")
        client.words(line, 0)
        opened = time.perf_counter() - began
        before = processor_seconds(client)
        typed = (SENTENCES.strip() + " ") * (count // len(SENTENCES) + 1)
        for place, letter in enumerate(typed[:count]):
            began = time.perf_counter()
            client.change((line, place), (line, place), letter)
            client.complete(line, place + 1)
            times.append(time.perf_counter() - began)
        return opened, times, processor_seconds(client) - before


def main() -> None:
    """Measure and print all of it."""
    parser = argparse.ArgumentParser(description="What the language server costs.")
    parser.add_argument("checkpoint")
    parser.add_argument("--megabytes", type=float, default=1.0)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    starts = [start(options.checkpoint) for _ in range(options.rounds)]
    by_clock, of_processor = (statistics.median(times) for times in zip(*starts, strict=True))
    print(f"start to first answer: median {by_clock:.2f} s, of the processor {of_processor:.2f} s")
    opened, times, processor = keys(options.checkpoint, options.megabytes, options.keys)
    print(f"a document of {options.megabytes:g} MB, opened and answered at its end: {opened:.2f} s")
    print(
        f"a key more there: median {1000 * statistics.median(times):.1f} ms, longest of {len(times):,} "
        f"{1000 * max(times):.1f} ms, of the processor {1000 * processor / len(times):.1f} ms"
    )


if __name__ == "__main__":
    main()
