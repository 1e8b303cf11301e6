"""Loads a checkpoint while another process replaces it again and again: a long run, not part of the suite.

    python tests/fuzz/racing_loads.py [COUNT]

Every load must see one whole checkpoint or the other. In the end: how many saw which.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.files import seen_while_saving

if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory(prefix="nextword-race-") as folder:
        digests, seen = seen_while_saving(Path(folder), count)
    assert seen.keys() <= set(digests)
    print(f"{count:,} loads, none torn: {seen[digests[0]]:,} saw the one checkpoint, {seen[digests[1]]:,} the other")
