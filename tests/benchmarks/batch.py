"""How many lines a second `nextword predict` answers through a pipe, and where the time goes.

    python tests/benchmarks/batch.py [--lines N] [--words N] [--vocabulary N] [--hidden N] [--layers N] [--rounds N]

A network of random weights, lines of random words (so that hardly any two begin alike). Three figures: the whole
command from start to exit; that less what the same command takes for one line; and the same lines one by one in this
process, a session each, as before. Then the parts, beside the number of multiplications and additions that the
network needs and the rate at which this machine does them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nextword import ModelConfig, Predictor
from nextword.answers import in_session, side_by_side
from nextword.checkpoint import Checkpoint, save_checkpoint
from nextword.config import PredictConfig
from nextword.tokenizer import WordTokenizer


def median_seconds(work: Callable[[], object], rounds: int) -> float:
    """Median wall-clock time of `work`."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


