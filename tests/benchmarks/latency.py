"""How long a warm prediction takes (state kept, one new word, top 5), and how near that is to the memory's speed.

    python tests/benchmarks/latency.py

Every weight but the embedding's other rows has to come from memory (or cache) once a word, so the time is compared
with that of reading as many bytes of one large array that no cache holds.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.networks import network_config

from nextword import Predictor, Session
from nextword.storage.checkpoint import Checkpoint
from nextword.text.tokenizer import WordTokenizer

WORDS = 10_000
HIDDEN = 512
ROUNDS = 500


def median_seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median wall-clock time of `work`, after a few runs to warm up."""
    times = []
    for _ in range(rounds + 10):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times[10:])


def main() -> None:
    """Measure for one and two layers and print times and shares of the memory's bandwidth."""
    random = np.random.default_rng(0)
    large = random.random(2**26, np.float32)  # 256 MB
    bandwidth = large.nbytes / median_seconds(lambda: large @ large, 20)
    print(f"memory is read at {bandwidth / 1e9:.1f} GB/s (one array of {large.nbytes / 1e6:.0f} MB, dot product)")
    text = " ".join(f"word{number}" for number in range(WORDS - 2))  # and the two special tokens
    tokenizer = WordTokenizer.train([text], "whitespace", True, WORDS, 1)
    for layers in (1, 2):
        config = network_config(embedding_dim=HIDDEN, hidden_size=HIDDEN, num_layers=layers)
        shapes = config.parameter_shapes(WORDS)
        tensors = {name: random.uniform(-0.1, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
        session = Predictor(Checkpoint(config, tokenizer, tensors, {})).session()

        def predict(session: Session = session) -> None:
            session.feed("word7")
            session.suggest(5)

        seconds = median_seconds(predict)
        weights = 4 * sum(int(np.prod(shape)) for shape in shapes.values())
        print(
            f"{layers} x {HIDDEN}, {WORDS:,} words: {1000 * seconds:.2f} ms a word, {weights / 1e6:.0f} MB of weights, "
            f"{weights / seconds / bandwidth:.0%} of that bandwidth"
        )


if __name__ == "__main__":
    main()
