"""What the filter for editors costs: a key more on a long line, ten thousand requests, a process for every key.

    python tests/benchmarks/filter.py [--requests N] [--rounds N] [--words N] [--hidden-size N]

The network has two layers and random weights: what it says is nonsense, but takes as long as sense would. The process
is started as vscode-nextword does, and takes turns with `import torch`, so that whatever else the machine does meets
both; medians are compared.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.networks import network_config

from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor
from nextword.interactive.line_filter import LineFilter
from nextword.storage.checkpoint import Checkpoint, save_checkpoint
from nextword.text.tokenizer import WordTokenizer

LINE = 1_000  # characters


def save_random_model(path: Path, words: int, hidden_size: int) -> None:
    """Write a checkpoint of two layers with random weights and made-up words of two to nine letters."""
    letters = random.Random(0)
    vocabulary: set[str] = set()
    while len(vocabulary) < words - 2:  # and the two special tokens
        vocabulary.add("".join(letters.choices("etaoinshrdlu", k=letters.randint(2, 9))))
    tokenizer = WordTokenizer.train([" ".join(sorted(vocabulary))], vocab_size=words, min_count=1)
    config = network_config(embedding_dim=hidden_size, hidden_size=hidden_size, num_layers=2)
    generator = np.random.default_rng(0)
    shapes = config.parameter_shapes(len(tokenizer))
    tensors = {name: generator.uniform(-0.1, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    save_checkpoint(path, Checkpoint(config, tokenizer, tensors, {}))


def make_text(checkpoint: Path, words: int) -> str:
    """Random words of the vocabulary."""
    vocabulary = Predictor.load(checkpoint).tokenizer.words
    return " ".join(random.Random(1).choices(vocabulary[2:], k=words))


def milliseconds_a_key(checkpoint: Path, keys: int) -> list[float]:
    """How long each of some keys takes on a line of `LINE` characters."""
    text = make_text(checkpoint, LINE + keys)
    answering = LineFilter(Predictor.load(checkpoint), 10, AdaptConfig())
    answering.answer(text[:LINE].encode())
    times = []
    for end in range(LINE + 1, LINE + 1 + keys):
        began = time.perf_counter()
        answering.answer(text[:end].encode())
        times.append(1000 * (time.perf_counter() - began))
    return times


def resident(process: subprocess.Popen[bytes]) -> float:
    """Megabytes of memory that a process holds (Linux)."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def many_requests(checkpoint: Path, requests: int) -> tuple[int, float, float]:
    """Replies to so many requests of a text that grows key by key, and memory after half of them and at the end."""
    text = make_text(checkpoint, requests)
    process = subprocess.Popen(
        [sys.executable, "-m", "nextword", "filter", "--checkpoint", str(checkpoint)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    replies, memory = 0, [0.0, 0.0]
    for end in range(1, requests + 1):
        process.stdin.write(text[end // 300 * 300 : end].encode() + b"\n")  # a new line every 300 characters
        process.stdin.flush()
        replies += process.stdout.readline().endswith(b"\n")
        if end in {requests // 2, requests}:
            memory[end == requests] = resident(process)
    process.stdin.close()
    replies += len(process.stdout.read())  # nothing, if all is well
    process.stdout.close()
    process.wait()
    return replies, memory[0], memory[1]


def seconds(command: list[str], sent: bytes) -> float:
    """Wall-clock time of one run of `command`, which must succeed."""
    began = time.perf_counter()
    subprocess.run(command, input=sent, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print all of it."""
    parser = argparse.ArgumentParser(description="What the filter for editors costs.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--hidden-size", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nextword-") as folder:
        checkpoint = Path(folder, "random.safetensors")
        save_random_model(checkpoint, options.words, options.hidden_size)
        print(f"2 x {options.hidden_size}, {options.words:,} words, random weights")
        times = milliseconds_a_key(checkpoint, min(1_000, options.requests))
        print(
            f"a key more on a line of {LINE:,} characters: median {statistics.median(times):.2f} ms, "
            f"longest of {len(times):,} {max(times):.2f} ms"
        )
        replies, early, late = many_requests(checkpoint, options.requests)
        print(f"{options.requests:,} requests: {replies:,} replies")
        print(f"memory after half of them {early:.1f} MB, after all {late:.1f} MB")
        ask = [sys.executable, "-m", "nextword", "filter", "--checkpoint", str(checkpoint)]
        torch = [sys.executable, "-c", "import torch"]
        text = make_text(checkpoint, LINE)[:LINE].encode()
        for command in (ask, torch):  # into the file cache
            seconds(command, text)
        rounds = [
            [seconds(ask, b"some words "), seconds(ask, text), seconds(torch, b"")] for _ in range(options.rounds)
        ]
        short, long, theirs = (statistics.median(times) for times in zip(*rounds, strict=True))
        print(f"a process for one request: {short:.3f} s, {long:.3f} s with {LINE:,} characters")
        print(f"import torch: {theirs:.3f} s; ratio {short / theirs:.3f}, {long / theirs:.3f}")


if __name__ == "__main__":
    main()
