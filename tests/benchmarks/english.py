"""Makes the English model that ships with nextword, from a folder of English texts.

    python tests/benchmarks/english.py FOLDER [--max-steps N] [--out FOLDER] [--resume]

FOLDER has a folder of text files for every source; `checkpoints/README.md` names those of the model that ships. The
text is mixed first: some sources are capped, so that none of them decides which words are known; every source is cut
into passages, and these are shuffled, a few of every source are held out, and the corpus that ships with nextword is
read several times: it is the everyday English of which the rest has little.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from nextword.text.corpus import default_corpus

CAPS = {  # words of a source, where it has more: technical, templated, or so long that it would outweigh the others
    "bitcoin-optech": 700_000,
    "medquad": 500_000,
    "openstax": 3_000_000,
    "python-peps": 600_000,
    "qmsum-meetings": 1_200_000,
    "rust-rfcs": 600_000,
    "spacelog": 300_000,
    "standardebooks": 7_500_000,
    "star-dialogues": 500_000,
    "ubuntu-irc": 1_000_000,
    "us-gov-history": 700_000,
}
DIALOGUES = {  # a line is a turn
    "casino",
    "medical-dialogues",
    "multidogo",
    "qmsum-meetings",
    "spacelog",
    "star-dialogues",
    "taskmaster4",
    "ubuntu-irc",
}
PASSAGE = 1_500  # words: long enough to have a topic
HELD_OUT = 0.0018  # share of the passages of a source, and by chance one more
EVERYDAY_READINGS = 5
FILES = 50
NETWORK = "--embedding-dim 320 --hidden-size 768 --num-layers 2 --topic-share 0.2"
DROPOUTS = " ".join(f"--dropout-{name} 0" for name in ("words", "input", "hidden", "output"))
TRAINING = "--optimizer adam --batch-size 64 --vocab-size 50000 --min-count 3 --paragraphs blank --epochs 1"


def words_of(text: str) -> int:
    """How many words a text has, white space between them."""
    return len(text.split())


def passages_of(source: Path) -> Iterable[str]:
    """The text of a source in passages of `PASSAGE` words or a little more, a blank line between paragraphs."""
    gap = r"\n+" if source.name in DIALOGUES else r"\n\s*\n"
    for file in sorted(source.glob("*.txt")):
        paragraphs: list[str] = []
        for paragraph in re.split(gap, file.read_text(encoding="utf-8").strip()):
            paragraphs.append(paragraph)
            if sum(map(words_of, paragraphs)) >= PASSAGE:
                yield "\n\n".join(paragraphs)
                paragraphs = []
        if paragraphs:
            yield "\n\n".join(paragraphs)


def capped(passages: list[str], most: int | None) -> list[str]:
    """The first of the passages that have `most` words together, and all of them without that."""
    if most is None:
        return passages
    kept = []
    for passage in passages:
        kept.append(passage)
        most -= words_of(passage)
        if most < 0:
            break
    return kept


def mix(folder: Path, out: Path) -> tuple[list[Path], Path]:
    """Write the mixture of the sources in `folder` to `out`; returns the files to learn from, and that held out."""
    chance = random.Random(1)
    learned, held_out = [], []
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        passages = list(passages_of(source))
        chance.shuffle(passages)
        passages = capped(passages, CAPS.get(source.name))
        count = round(len(passages) * HELD_OUT + chance.random() * 0.999)
        held_out += passages[:count]
        learned += passages[count:]
    everyday = [path.read_text(encoding="utf-8").strip() for path in sorted(default_corpus().glob("*.txt"))]
    # A twentieth of it stays unread: what training on it alone holds out, so that the two can be compared.
    learned += [text for place, text in enumerate(everyday) if place % 20 != 10] * EVERYDAY_READINGS
    chance.shuffle(learned)
    files = [out / f"{index:02}.txt" for index in range(FILES)]
    for index, file in enumerate(files):
        file.write_text("\n\n".join(learned[index::FILES]) + "\n", encoding="utf-8")
    valid = out / "held-out"
    valid.write_text("\n\n".join(held_out) + "\n", encoding="utf-8")
    print(f"{sum(map(words_of, learned)):,} words in {len(learned):,} passages; {len(held_out)} held out")
    return files, valid


def main() -> None:
    """Mix the text and train on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-steps", default="11500", help="of 2,240 words each")
    parser.add_argument("--out", default="checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    options = parser.parse_args()
    how = f"--name english --out {options.out} --max-steps {options.max_steps}".split()
    with tempfile.TemporaryDirectory() as temporary:
        files, valid = mix(options.folder, Path(temporary))
        how += ["--resume"] if options.resume else f"--from none --force {NETWORK} {DROPOUTS} {TRAINING}".split()
        command = [sys.executable, "-m", "nextword", "train", *map(str, files), "--valid", str(valid), *how]
        sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
