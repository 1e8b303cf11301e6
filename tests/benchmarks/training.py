"""How fast `nextword train` is, how much memory it needs, and how good it gets, beside a loop written by hand.

    python tests/benchmarks/training.py
    python tests/benchmarks/training.py --only speed,memory --rounds 5 --json
    python tests/benchmarks/training.py --only minutes --text train.txt --valid valid.txt --minutes 1,4,10

Every contestant is a process of its own, so that none profits from what another one tuned. In `speed` all of them
are started first and then take turns, a few steps each, round after round: whatever else the machine does meets all
of them. Medians are compared. What nextword does is measured through its public `train` and the events it sends, so
everything that a step costs a user is in it. The texts are made up: the timing of a step does not depend on what is
said, only on how many words there are.

The loop by hand is what one writes after reading the torch manual: `nn.Embedding`, `nn.LSTM`, a tied `nn.Linear`,
dropout, `cross_entropy`, `clip_grad_norm_`, SGD, all in 32 bits.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import itertools
import json
import multiprocessing
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from timing import median_seconds

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.networks import network_config

if TYPE_CHECKING:
    from nextword.training.events import Event

BATCH, BPTT = 20, 35
EPOCH_TOKENS = 929_589  # of the Penn Treebank's training part: the validations, and so the saves, are that far apart
WAYS = {  # of nextword: number format of the products, words that the output layer scores
    "as it comes": ("auto", None),
    "all words scored": ("auto", 0),
    "fp32": ("fp32", None),
    "fp32, all words scored": ("fp32", 0),
}
PARTS = ("speed", "memory", "reading", "eval", "saving", "minutes")

Record = dict[str, Any]


# -- texts -----------------------------------------------------------------------------------------------------------


def zipf_ids(count: int, words: int, seed: int = 0) -> NDArray[np.int64]:
    """(count,) numbers below `words`, the r-th most frequent with a share of about 1 / r (Zipf 1949)."""
    shares = np.cumsum(1 / np.arange(1, words + 1))
    ids: NDArray[np.int64] = np.searchsorted(shares, np.random.default_rng(seed).random(count) * shares[-1])
    return ids


def write_tokens(path: Path, count: int, words: int) -> None:
    """A text of `count` tokens or more, 20 a line, with a vocabulary of `words` in all, the special tokens included."""
    plain = words - 2  # `<unk>` and `<eos>` are words of the vocabulary, too
    ids = np.concatenate([np.arange(plain), zipf_ids(max(count - plain, 0), plain)])
    names = [f"w{number}" for number in ids]
    path.write_text("".join(" ".join(names[begin : begin + 20]) + "\n" for begin in range(0, len(names), 20)))


def write_prose(path: Path, size: int) -> None:
    """About `size` bytes that look like prose: 100,000 different words in sentences and paragraphs."""
    syllables = [first + last for first in "bdfghklmnprstvw" for last in ("a", "e", "i", "o", "u", "an", "er")]
    longer = (itertools.product(syllables, repeat=count) for count in (1, 2, 3))
    words = ["".join(parts) for parts in itertools.islice(itertools.chain(*longer), 100_000)]
    lengths = np.random.default_rng(1).integers(5, 25, 50_000).tolist()
    with path.open("w", encoding="ascii") as file:
        for seed in itertools.count():
            running = [words[index] for index in zipf_ids(sum(lengths), len(words), seed)]
            begin = 0
            for number, length in enumerate(lengths):
                clause = " ".join(running[begin : begin + length])
                begin += length
                file.write(clause.capitalize() + (".\n\n" if number % 6 == 5 else ", of course. "))
            if file.tell() >= size:
                file.truncate(size)
                return


# -- contestants: each is a process of its own, and gets the connection to the parent first ---------------------------


class _Enough(Exception):
    """Ends a training run from inside its events."""


def plain_turns(connection: Connection, size: int, words: int, steps: int) -> None:
    """Say "ready"; then, for every True that comes, do `steps` steps by hand and send (tokens, seconds)."""
    step = plain_loop(size, words)
    connection.send("ready")
    while connection.recv():
        began = time.perf_counter()
        tokens = sum(step() for _ in range(steps))
        connection.send((tokens, time.perf_counter() - began))


def nextword_turns(connection: Connection, size: int, words: int, steps: int, rounds: int, way: str) -> None:
    """The same in a run of `nextword.train` that waits after every `steps` steps and is over after `rounds` turns."""
    from nextword.training.events import Prepared, Step

    began, before = 0.0, 0

    def hear(event: Event) -> None:
        nonlocal began, before
        if isinstance(event, Prepared):
            connection.send("ready")
        elif isinstance(event, Step) and event.step % steps == 0:
            connection.send((event.tokens - before, time.perf_counter() - began))
            before = event.tokens
        else:
            return
        if not connection.recv():
            raise _Enough
        began = time.perf_counter()

    with contextlib.suppress(_Enough):
        run_training(size, words, steps * rounds, way, hear)


def plain_memory(connection: Connection, size: int, words: int, steps: int) -> None:
    """Send the peak memory of a few steps by hand."""
    step = plain_loop(size, words)
    for _ in range(steps):
        step()
    connection.send(peak_memory())


def nextword_memory(connection: Connection, size: int, words: int, steps: int) -> None:
    """Send the peak memory of a whole short run: read, trained, validated, saved."""
    run_training(size, words, steps, "as it comes", lambda event: None)
    connection.send(peak_memory())


def plain_loop(size: int, words: int) -> Callable[[], int]:
    """A function that does one step of the loop by hand and returns how many tokens it learned from."""
    import torch
    from torch import nn
    from torch.nn import functional

    embedding = nn.Embedding(words, size)
    lstm = nn.LSTM(size, size, num_layers=2, dropout=0.3)
    output = nn.Linear(size, words)
    output.weight = embedding.weight
    nn.init.uniform_(embedding.weight, -0.1, 0.1)
    parameters = [embedding.weight, *lstm.parameters(), output.bias]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    streams = torch.from_numpy(zipf_ids(BATCH * (50 * BPTT + 1), words)).view(BATCH, -1).t().contiguous()
    windows = itertools.cycle(range(0, len(streams) - BPTT, BPTT))
    state: tuple[torch.Tensor, torch.Tensor] | None = None

    def step() -> int:
        nonlocal state
        begin = next(windows)
        inputs, targets = streams[begin : begin + BPTT], streams[begin + 1 : begin + BPTT + 1]
        if state is not None:
            state = (state[0].detach(), state[1].detach())
        optimizer.zero_grad()
        shown, state = lstm(functional.dropout(embedding(inputs), 0.3), state)
        logits = output(functional.dropout(shown, 0.3))
        loss = functional.cross_entropy(logits.view(-1, words), targets.reshape(-1))
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 0.25)
        optimizer.step()
        loss.item()
        return inputs.numel()

    return step


def run_training(size: int, words: int, steps: int, way: str, hear: Callable[[Event], None]) -> None:
    """`nextword.train` with two layers of `size` and a vocabulary of `words`, on a made-up text, for `steps` steps."""
    from nextword import TrainConfig, train

    precision, sampled_words = WAYS[way]
    with tempfile.TemporaryDirectory() as folder:
        text, valid = Path(folder, "train.txt"), Path(folder, "valid.txt")
        write_tokens(text, 2 * BATCH * BPTT * steps, words)
        write_tokens(valid, 200, 202)
        model = network_config(embedding_dim=size, hidden_size=size, num_layers=2)
        config = TrainConfig(
            tokenizer="whitespace",
            vocab_size=words,
            max_steps=steps,
            batch_size=BATCH,
            bptt=BPTT,
            precision=precision,
            sampled_words=sampled_words,
            device="cpu",
            out=folder,
        )
        train(text, model, config, valid=valid, on_event=hear)


def read_and_encode(connection: Connection, text: Path) -> None:
    """Read and encode `text` as `nextword train` does, send (seconds, peak memory) and stop before the first step."""
    from nextword import TrainConfig, train
    from nextword.training.events import Prepared

    def hear(event: Event) -> None:
        if isinstance(event, Prepared):
            raise _Enough

    valid = text.with_name("valid.txt")
    valid.write_text("Be of course.\n")
    smallest = network_config(embedding_dim=2, hidden_size=2, num_layers=1)  # so that making it takes no time
    began = time.perf_counter()
    with contextlib.suppress(_Enough):
        train(text, smallest, TrainConfig(device="cpu", out=str(text.parent)), valid=valid, on_event=hear)
    connection.send((time.perf_counter() - began, peak_memory()))


def evaluate(connection: Connection, size: int, words: int, tokens: int) -> None:
    """Send how many seconds the perplexity of a text takes."""
    from nextword.evaluation.evaluate import perplexity
    from nextword.model.language_model import RecurrentLanguageModel

    model = RecurrentLanguageModel(network_config(embedding_dim=size, hidden_size=size), words)
    ids = zipf_ids(tokens, words).astype(np.int32)
    began = time.perf_counter()
    perplexity(model, ids)
    connection.send(time.perf_counter() - began)


def save(connection: Connection, size: int, words: int, rounds: int) -> None:
    """Send how many seconds a checkpoint and a resume file take, syncs included, and how far apart resume files are.

    The values are random numbers, which no file system can compress.
    """
    from nextword.config import RunConfig
    from nextword.storage.checkpoint import Checkpoint, save_checkpoint
    from nextword.text.tokenizer import WordTokenizer
    from nextword.training.resume import Environment, ResumePoint, RunFacts, save_resume_point
    from nextword.training.schedule import ScheduleState, Tuning, ValidationsState

    config = network_config(embedding_dim=size, hidden_size=size)
    tokenizer = WordTokenizer.train(
        [" ".join(f"w{number}" for number in range(words - 2))], "whitespace", True, words, min_count=1
    )
    random = np.random.default_rng(0)
    tensors = {
        name: random.uniform(-0.1, 0.1, shape).astype(np.float32)
        for name, shape in config.parameter_shapes(len(tokenizer)).items()
    }
    checkpoint = Checkpoint(config, tokenizer, tensors, {})
    facts = RunFacts(
        **{"schedule": ScheduleState(0, 0, 0, 0), "validations": ValidationsState(0, 0, 0, 0, 0)},
        **{"environment": Environment("", "", "", "cpu", "fp32", 1), "carried_formats": [], "best_digest": ""},
        **{"corpus": [], "valid": None, "files": {}, "corpus_sha256": "", "validation_sha256": ""},
        **{"started_from": None, "position": 0, "tokens": 0, "seconds": 0, "processes": 1},
    )
    point = ResumePoint(config, RunConfig(epochs=1, optimizer="sgd", lr=1), tokenizer, tensors, facts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        best = median_seconds(lambda: save_checkpoint(path, checkpoint), rounds)
        resume = median_seconds(lambda: save_resume_point(path, point), rounds)
    connection.send((best, resume, max(Tuning.save_seconds, Tuning.save_ratio * resume)))


def peak_memory() -> int:
    """Bytes of memory this process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# -- the parent: starts the others and never imports torch -------------------------------------------------------------


class Contestant:
    """A process started fresh, so that nothing it measures depends on what ran before it."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    def answer(self) -> Any:
        """What it sends next."""
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            raise SystemExit(f"a measured process ended with exit code {self._process.exitcode}") from None

    def tokens_per_second(self) -> float:
        """Let it take its turn."""
        self._connection.send(True)
        tokens, seconds = self.answer()
        return float(tokens / seconds)

    def stop(self) -> None:
        """No more turns: wait for its end."""
        self._connection.send(False)
        self._process.join()


def measured(work: Callable[..., None], *arguments: object) -> Any:
    """What `work` sends, run in a process of its own."""
    return Contestant(work, *arguments).answer()


def measure_speed(options: argparse.Namespace) -> list[Record]:
    """Tokens a second of the loop by hand and of nextword, in turn."""
    records = []
    for size in options.sizes:
        common = size, options.words, options.steps
        contestants = {"plain": Contestant(plain_turns, *common)}
        contestants["plain"].answer()
        for way in WAYS:
            contestants[way] = Contestant(nextword_turns, *common, options.rounds + 1, way)
            contestants[way].answer()
        speeds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(options.rounds + 1):
            for name, contestant in contestants.items():
                speeds[name].append(contestant.tokens_per_second())
        for contestant in contestants.values():
            contestant.stop()
        medians = {
            name: statistics.median(values[1:]) for name, values in speeds.items()
        }  # the first is for warming up
        records += [
            {
                "size": f"2 x {size}",
                "way": way,
                "plain": medians["plain"],
                "nextword": medians[way],
                "ratio": medians[way] / medians["plain"],
            }
            for way in WAYS
        ]
    return records


def measure_memory(options: argparse.Namespace) -> Record:
    """Peak bytes in training with a large vocabulary; of the loop by hand, where it fits, else what it would need."""
    size, words = options.large_size, options.large_words
    parameters = words * (size + 1) + 2 * (8 * size * size + 8 * size)
    # Weights and gradients; logits, the logarithms of their softmax, and the gradient of either.
    needed = 4 * (2 * parameters + 4 * BATCH * BPTT * words)
    fits = 1.5 * needed < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    plain = measured(plain_memory, size, words, 3) if fits else needed
    ours = measured(nextword_memory, size, words, 3)
    return {
        "words": words,
        "size": f"2 x {size}",
        "plain": plain,
        "plain_is_measured": fits,
        "nextword": ours,
        "ratio": ours / plain,
    }


def measure_reading(options: argparse.Namespace) -> Record:
    """Seconds and peak bytes of reading and encoding a text."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        write_prose(text, round(options.megabytes * 1e6))
        size = text.stat().st_size
        seconds, memory = measured(read_and_encode, text)
    return {"bytes": size, "seconds": seconds, "seconds_for_1_gb": seconds * 1e9 / size, "peak_memory": memory}


def measure_eval(options: argparse.Namespace) -> Record:
    """Seconds of predicting a text with the first of the sizes."""
    size = options.sizes[0]
    seconds = measured(evaluate, size, options.words, options.eval_tokens)
    return {"size": f"2 x {size}", "tokens": options.eval_tokens, "seconds": seconds}


def measure_saving(options: argparse.Namespace, tokens_per_second: float) -> Record:
    """The share of the time that saving takes: a checkpoint after every epoch, the resume file every few minutes."""
    size = options.sizes[0]
    best, resume, resume_interval = measured(save, size, options.words, options.rounds)
    interval = EPOCH_TOKENS / tokens_per_second
    return {
        "size": f"2 x {size}",
        "checkpoint_seconds": best,
        "checkpoint_interval": interval,
        "resume_seconds": resume,
        "resume_interval": resume_interval,
        "share": best / (interval + best) + resume / (resume_interval + resume),
    }


def measure_minutes(options: argparse.Namespace) -> list[Record]:
    """Wall time and validation perplexity of `nextword train --minutes` on the user's own text."""
    records = []
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "nextword"]
            texts = [options.text, *(["--valid", options.valid] if options.valid else [])]
            how = ["--tokenizer", options.tokenizer, "--minutes", str(minutes), "--name", "timed", "--out", folder]
            began = time.perf_counter()
            subprocess.run([*command, "train", *texts, *how, "--quiet"], check=True)
            seconds = time.perf_counter() - began
            info = [*command, "info", "--json", str(Path(folder, "timed.safetensors"))]
            training = json.loads(subprocess.run(info, check=True, stdout=subprocess.PIPE).stdout)["training"]
        records.append(
            {
                "minutes": minutes,
                "wall_minutes": seconds / 60,
                "deviation": seconds / 60 / minutes - 1,
                "perplexity": training["validation_perplexity"],
            }
        )
    return records


def machine() -> Record:
    """What the figures were measured on."""
    model, flags = platform.processor() or platform.machine(), ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                model = value.strip()
            elif name.strip() == "flags":
                flags = value
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "bf16": "bf16" in flags,
        "torch": importlib.metadata.version("torch"),
        "nextword": importlib.metadata.version("nextword"),
        "python": platform.python_version(),
    }


# -- what it prints ----------------------------------------------------------------------------------------------------


def table(results: Record) -> list[str]:
    """The results as lines for a person: measure, the loop by hand, nextword, their ratio."""
    rows = [("", "plain loop", "nextword", "ratio")]
    for record in results.get("speed", []):
        name = f"tokens a second, {record['size']} tied, {results['words']:,} words, {record['way']}"
        rows.append((name, f"{record['plain']:,.0f}", f"{record['nextword']:,.0f}", f"{record['ratio']:.2f}"))
    if record := results.get("memory"):
        name = f"peak memory in training, {record['words']:,} words, {record['size']}"
        plain = f"{'' if record['plain_is_measured'] else 'would need '}{record['plain'] / 1e9:.2f} GB"
        rows.append((name, plain, f"{record['nextword'] / 1e9:.2f} GB", f"{record['ratio']:.2f}"))
    if record := results.get("reading"):
        name = f"reading and encoding {record['bytes'] / 1e6:,.0f} MB of text"
        rows.append((name, "", f"{record['seconds']:.1f} s", ""))
        rows.append(("  at this rate, 1 GB", "", f"{record['seconds_for_1_gb']:.0f} s", ""))
        rows.append(("  peak memory", "", f"{record['peak_memory'] / 1e9:.2f} GB", ""))
    if record := results.get("eval"):
        rows.append(
            (f"perplexity of {record['tokens']:,} tokens, {record['size']}", "", f"{record['seconds']:.1f} s", "")
        )
    if record := results.get("saving"):
        name = f"saving {record['size']}, epochs of {EPOCH_TOKENS:,} tokens: share of the time"
        rows.append((name, "", f"{record['share']:.2%}", ""))
    for record in results.get("minutes", []):
        name = f"validation perplexity after --minutes {record['minutes']:g}"
        rows.append((name, "", f"{record['perplexity']:.1f}", ""))
        rows.append((f"  wall time, {record['deviation']:+.1%}", "", f"{record['wall_minutes']:.2f} min", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    facts = results["machine"]
    return [
        f"{facts['cpu']}, {facts['cores']} cores, {'with' if facts['bf16'] else 'without'} bf16 instructions; "
        f"torch {facts['torch']}, Python {facts['python']}; medians of {results['rounds']} rounds",
        "",
        *("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows),
    ]


def numbers(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Reads `1,2,3`."""
    return lambda text: [kind(item) for item in text.split(",")]


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", type=numbers(str), help=f"parts to measure, of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=7, help="medians are taken over this many")
    parser.add_argument("--steps", type=int, default=10, help="in a turn")
    parser.add_argument("--sizes", type=numbers(int), default=[650, 200], help="of the embedding and both layers")
    parser.add_argument("--words", type=int, default=10_000, help="vocabulary")
    parser.add_argument("--large-size", type=int, default=400, help="in the measure of memory")
    parser.add_argument("--large-words", type=int, default=270_000, help="in the measure of memory")
    parser.add_argument("--megabytes", type=float, default=50, help="of text to read and encode")
    parser.add_argument("--eval-tokens", type=int, default=74_000, help="of text to predict")
    parser.add_argument("--text", help="a text to train on, for --minutes")
    parser.add_argument("--valid", help="a text to validate on, for --minutes")
    parser.add_argument("--tokenizer", default="whitespace", help="for --minutes")
    parser.add_argument("--minutes", type=numbers(float), default=[1.0, 4.0, 10.0], help="how long to train on --text")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    options.only = options.only or [part for part in PARTS if part != "minutes" or options.text]
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    if "minutes" in options.only and not options.text:
        parser.error("minutes needs a text: --text train.txt")
    if options.rounds < 1 or options.steps < 1:
        parser.error("--rounds and --steps are 1 or more")
    return options


def main() -> None:
    """Measure what is asked for and print it."""
    options = read_options()
    results: Record = {"machine": machine(), "rounds": options.rounds, "words": options.words}
    if {"speed", "saving"} & set(options.only):
        results["speed"] = measure_speed(options)
    for part, measure in (("memory", measure_memory), ("reading", measure_reading), ("eval", measure_eval)):
        if part in options.only:
            results[part] = measure(options)
    if "saving" in options.only:
        results["saving"] = measure_saving(options, results["speed"][0]["nextword"])
    if "minutes" in options.only:
        results["minutes"] = measure_minutes(options)
    print(json.dumps(results) if options.json else "\n".join(table(results)))


if __name__ == "__main__":
    main()
