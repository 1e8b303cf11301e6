"""How long a key waits for its suggestions in the live repl: from the key to the screen drawn with them.

    python tests/benchmarks/live.py

Keys go through prompt_toolkit's parser and key bindings, and the screen is laid out in full but shown nowhere. The
model is 2 x 512 with 10,000 words and random weights; before the first key the session has read as many words as it
remembers. Every fifth word is taken with Tab, a line has fifteen words, and the keys that end lines are counted, too.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time

import numpy as np
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from nextword import ModelConfig, Predictor
from nextword.checkpoint import Checkpoint
from nextword.config import AdaptConfig
from nextword.live import LivePrompt
from nextword.repl import Repl
from nextword.tokenizer import WordTokenizer

WORDS = 10_000
HIDDEN = 512
LINE = 15  # words
SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvw" for vowel in "aeiou"]


def a_predictor(chance: random.Random) -> tuple[Predictor, list[str]]:
    """A model of random weights, and its words."""
    words: set[str] = set()
    while len(words) < WORDS - 2:  # and the two special tokens
        words.add("".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))))
    listed = sorted(words)
    tokenizer = WordTokenizer.train([" ".join(listed)], vocab_size=WORDS, min_count=1)
    config = ModelConfig(embedding_dim=HIDDEN, hidden_size=HIDDEN, num_layers=2)
    numbers = np.random.default_rng(0)
    tensors = {
        name: numbers.uniform(-0.1, 0.1, shape).astype(np.float32)
        for name, shape in config.parameter_shapes(WORDS).items()
    }
    return Predictor(Checkpoint(config, tokenizer, tensors, {})), listed


async def type_line(prompt: LivePrompt, keyboard: PipeInput, keys: list[str], times: list[float]) -> str:
    """Type a line key by key, each when the screen shows the suggestions for the one before."""
    application, drawn = prompt.application, asyncio.Event()

    def on_drawn(_: object) -> None:
        drawn.set()

    application.after_render += on_drawn
    prompt.begin()
    line = asyncio.ensure_future(application.run_async())
    await drawn.wait()
    for key in keys:
        drawn.clear()
        began = time.perf_counter()
        keyboard.send_text(key)
        await drawn.wait()
        times.append(time.perf_counter() - began)
    application.after_render -= on_drawn
    return await line


def main() -> None:
    """Type and print the median, the 99th percentile and the longest wait."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=1_000)
    count: int = parser.parse_args().keys
    chance = random.Random(1)
    predictor, words = a_predictor(chance)
    repl = Repl(predictor, 5, AdaptConfig(), live=True)
    repl.session.feed(" ".join(chance.choices(words, k=AdaptConfig.window)))
    times: list[float] = []
    ends: list[float] = []
    with create_pipe_input() as keyboard:
        prompt = LivePrompt(repl, InMemoryHistory(), keyboard, DummyOutput())
        while len(times) < count + 10:
            keys: list[str] = []
            for place in range(LINE):
                word = chance.choice(words)
                keys += [*word[:2], "\t"] if place % 5 == 4 else [*word, " "]
            line = asyncio.run(type_line(prompt, keyboard, [*keys, "\r"], times))
            began = time.perf_counter()
            repl.answer(line)
            prompt.begin()
            ends.append(times.pop() + time.perf_counter() - began)
    milliseconds = sorted(1000 * seconds for seconds in times[10 : 10 + count])
    print(
        f"{count:,} keys, 2 x {HIDDEN}, {WORDS:,} words, {AdaptConfig.window:,} of the session remembered: "
        f"median {statistics.median(milliseconds):.2f} ms, 99 % within {milliseconds[int(0.99 * count)]:.2f} ms, "
        f"longest {milliseconds[-1]:.2f} ms"
    )
    print(f"Enter, a line of {LINE} words read for good: median {1000 * statistics.median(ends):.2f} ms")


if __name__ == "__main__":
    main()
