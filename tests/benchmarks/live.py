"""How long a key waits for its suggestions in the live repl: from the key to the screen drawn with them.

    python tests/benchmarks/live.py

Keys go through prompt_toolkit's parser and key bindings, and the screen is laid out in full but shown nowhere. The
model is 2 x 512 with 10,000 words and random weights; before the first key the session has read as many words as it
remembers. Every fifth word is taken with Tab, and a line has fifteen words.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.networks import network_config

from nextword import Predictor
from nextword.config import AdaptConfig
from nextword.interactive.prompt import LivePrompt
from nextword.interactive.repl import Repl
from nextword.storage.checkpoint import Checkpoint
from nextword.text.tokenizer import WordTokenizer

WORDS = 10_000
HIDDEN = 512
LINE = 15  # words
_WARM_UP = 10  # keys
SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvw" for vowel in "aeiou"]


def a_predictor(chance: random.Random) -> tuple[Predictor, list[str]]:
    """A model of random weights, and its words."""
    words: set[str] = set()
    while len(words) < WORDS - 2:  # and the two special tokens
        words.add("".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))))
    listed = sorted(words)
    tokenizer = WordTokenizer.train([" ".join(listed)], vocab_size=WORDS, min_count=1)
    config = network_config(embedding_dim=HIDDEN, hidden_size=HIDDEN, num_layers=2)
    numbers = np.random.default_rng(0)
    tensors = {
        name: numbers.uniform(-0.1, 0.1, shape).astype(np.float32)
        for name, shape in config.parameter_shapes(WORDS).items()
    }
    return Predictor(Checkpoint(config, tokenizer, tensors, {})), listed


class Times:
    """What keys cost, in milliseconds: by the clock, and of the processor, which other programs do not lengthen."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.processor: list[float] = []
        self.begin()

    def begin(self) -> None:
        """A key is pressed."""
        self._began = time.perf_counter(), time.process_time()

    def end(self) -> None:
        """It is answered."""
        self.clock.append(1000 * (time.perf_counter() - self._began[0]))
        self.processor.append(1000 * (time.process_time() - self._began[1]))


async def type_line(prompt: LivePrompt, keyboard: PipeInput, keys: list[str], times: Times) -> str:
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
        times.begin()
        keyboard.send_text(key)
        await drawn.wait()
        times.end()
    application.after_render -= on_drawn
    keyboard.send_text("\r")
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
    times, ends = Times(), Times()
    with create_pipe_input() as keyboard:
        prompt = LivePrompt(repl, InMemoryHistory(), keyboard, DummyOutput())
        while len(times.clock) < count + _WARM_UP:
            keys: list[str] = []
            for place in range(LINE):
                word = chance.choice(words)
                keys += [*word[:2], "\t"] if place % 5 == 4 else [*word, " "]
            line = asyncio.run(type_line(prompt, keyboard, keys, times))
            ends.begin()
            repl.answer(line)
            prompt.begin()
            ends.end()
    print(f"{count:,} keys, 2 x {HIDDEN}, {WORDS:,} words, {AdaptConfig.window:,} words of the session remembered")
    for name in ("clock", "processor"):
        waits = sorted(getattr(times, name)[_WARM_UP : count + _WARM_UP])
        print(
            f"by the {name}: median {statistics.median(waits):.2f} ms, 99 % within {waits[int(0.99 * count)]:.2f} ms, "
            f"longest {waits[-1]:.2f} ms; reading a line of {LINE} words for good "
            f"{statistics.median(getattr(ends, name)):.2f} ms"
        )


if __name__ == "__main__":
    main()
