"""How many lines a second `nextword predict` answers through a pipe, and where the time goes.

    python tests/benchmarks/batch.py [--lines N] [--words N] [--vocabulary N] [--hidden N] [--layers N] [--rounds N]

A network of random weights and lines of random words, so that hardly any two begin alike. The whole command is
measured from start to exit, with all lines and with one; then its parts in this process, and the same lines one by
one, a session each. What the network needs for a line (multiplications and additions) is compared with the rate at
which one large matrix product does them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from timing import median_seconds

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.networks import network_config

from nextword import Predictor
from nextword.config import PredictConfig
from nextword.inference.batch import in_session, predict_batch
from nextword.storage.checkpoint import Checkpoint, save_checkpoint
from nextword.text.tokenizer import WordTokenizer

_ALONE = 200  # lines answered one by one


def main() -> None:
    """Measure and print lines a second and the parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    sizes = {"lines": 8192, "words": 10, "vocabulary": 10_000, "hidden": 512, "layers": 2, "rounds": 5}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default: {default}")
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    vocabulary = [f"word{number}" for number in range(asked.vocabulary - 2)]  # and the two special tokens
    tokenizer = WordTokenizer.train([" ".join(vocabulary)], vocab_size=asked.vocabulary, min_count=1)
    config = network_config(embedding_dim=asked.hidden, hidden_size=asked.hidden, num_layers=asked.layers)
    shapes = config.parameter_shapes(asked.vocabulary)
    tensors = {name: random.uniform(-0.1, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    lines = [" ".join(random.choice(vocabulary, asked.words)) for _ in range(asked.lines)]
    predictor = Predictor(Checkpoint(config, tokenizer, tensors, {}))
    network = predictor.network

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.safetensors")
        save_checkpoint(path, predictor.checkpoint)

        def command(count: int) -> None:
            text = "\n".join(lines[:count]).encode()
            arguments = [sys.executable, "-m", "nextword", "predict", "-c", str(path)]
            subprocess.run(arguments, input=text, stdout=subprocess.DEVNULL, check=True)

        whole, start = (median_seconds(lambda count=count: command(count), asked.rounds) for count in (asked.lines, 1))

    some = lines[:1024]
    ids = [encoded.ids for encoded in tokenizer.encode_many(some)]
    states = network.read_batch(ids, predictor.initial_state)
    shown = states.hidden[-1]
    alone = lines[:_ALONE]
    parts: dict[str, Callable[[], object]] = {
        "cutting lines into words": lambda: tokenizer.encode_many(some),
        "the LSTM": lambda: network.read_batch(ids, predictor.initial_state),
        "scores of all words": lambda: network.logits(shown),
        "all but printing": lambda: list(predict_batch(predictor, some, PredictConfig())),
    }
    times = {name: median_seconds(part, asked.rounds) / len(some) for name, part in parts.items()}
    one_by_one = median_seconds(
        lambda: [in_session(predictor.session(), line, PredictConfig()) for line in alone], asked.rounds
    )
    square = random.random((2048, 2048), np.float32)
    rate = 2 * 2048**3 / median_seconds(lambda: square @ square, asked.rounds)
    gates = sum(values.size for name, values in tensors.items() if "weight_ih" in name or "weight_hh" in name)
    work = 2 * (asked.words * gates + tensors["embedding.weight"].size)

    print(f"{asked.layers} x {asked.hidden}, {asked.vocabulary:,} words; {asked.lines:,} lines of {asked.words} words")
    print(f"{asked.lines / whole:,.0f} lines a second, start to exit ({whole:.2f} s)")
    print(f"{asked.lines / max(whole - start, 1e-9):,.0f} lines a second once it runs (start: {start:.2f} s)")
    print(f"{len(alone) / one_by_one:,.0f} lines a second one by one")
    for name, seconds in times.items():
        print(f"{1e6 * seconds:6.0f} us a line: {name}")
    print(f"{1e6 * work / rate:6.0f} us a line: {work / 1e6:.0f} million operations at {rate / 1e9:.0f} a nanosecond")


if __name__ == "__main__":
    main()
