"""How long reading, counting and encoding a large text takes, and how much memory: all of training before the network.

    python tests/benchmarks/corpus.py [MEGABYTES]

The text is the default corpus over and over, each time with other endings to a tenth of its words, so that the
vocabulary grows as that of a real text does; it lies in the temporary folder while the benchmark runs.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from nextword.config import TrainConfig
from nextword.text.corpus import default_corpus, read_corpus
from nextword.text.held_out import split_corpus
from nextword.text.token_file import TokenFile
from nextword.text.tokenizer import WordTokenizer

ENDINGS = ("ka", "ri", "mo", "ten", "sul", "ev", "ing", "ly", "ness", "dor", "pi", "an")


def write_text(path: Path, size: int) -> None:
    """About `size` bytes of text."""
    chunks = " ".join(document.text for document in read_corpus([default_corpus()]).documents).split(" ")
    different = list(dict.fromkeys(chunks))
    chance = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            written = {chunk: chunk for chunk in different}
            for chunk in chance.sample(different, len(different) // 10):
                if chunk[:1].isalpha():
                    written[chunk] = chunk[:4] + "".join(chance.choices(ENDINGS, k=3)) + chunk[4:]
            file.write(" ".join(map(written.__getitem__, chunks)) + "\n\n")


def main() -> None:
    """Write the text, prepare it for training, and print seconds and megabytes."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.txt")
        write_text(path, megabytes * 1_000_000)
        began, cpu_began = time.perf_counter(), time.process_time()
        texts, held_out = split_corpus(read_corpus([path]).documents, TrainConfig.valid_fraction)
        learned = WordTokenizer.train_and_encode(texts)
        validation = TokenFile(learned.tokenizer.encode_documents(held_out))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        print(f"text         {path.stat().st_size / 1e6:,.0f} MB, {len(learned.ids) + len(validation):,} words")
    print(f"time         {seconds:.1f} s ({cpu:.1f} s of one core)")
    print(f"peak memory  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
