"""How long a whole `nextword predict` takes, from process start to exit, beside `import torch` alone.

    python tests/benchmarks/startup.py [CHECKPOINT]

The two take turns, so that whatever else the machine does meets both; medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15


def seconds(command: list[str]) -> float:
    """Wall-clock time of one run of `command`, which must succeed."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure both and print medians and ratio."""
    checkpoint = ["-c", sys.argv[1]] if len(sys.argv) > 1 else []
    predict = [sys.executable, "-m", "nextword", "predict", *checkpoint, "The weather is"]
    torch = [sys.executable, "-c", "import torch"]
    for command in (predict, torch):  # into the file cache
        seconds(command)
    pairs = [(seconds(predict), seconds(torch)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"nextword predict  {ours:.3f} s")
    print(f"import torch      {theirs:.3f} s")
    print(f"ratio             {ours / theirs:.3f}")


if __name__ == "__main__":
    main()
