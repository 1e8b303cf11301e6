"""A session that follows a text being edited, so that a key costs at most one step of the network.

The text is given as chunks: words, or words with the white space before them. What they have in common with those
read before is not read again; an edit goes back to the last snapshot before it. The letters of an unfinished word are
no chunk: they only choose among the words to come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nextword.inference.outlook import Outlook, Prediction
from nextword.inference.session import Session, Snapshot

MAX_BATCH_LENGTH = 16  # chunks read at once where a hundred are new, which is several times as fast as one by one
_BATCHES = 8  # in which of a long text the next one is read, so that batches become shorter towards its end
_CHUNK = re.compile(r"\s*\S+")


class IncrementalReader:
    """Reads an edited text with a session, and keeps the way back.

    Args:
        session: Goes on from where it is, and belongs to the reader from now on.

    Attributes:
        chunks: What was read since, as far back as an edit may go.
    """

    def __init__(self, session: Session) -> None:
        self.chunks: list[str] = []
        self._session = session
        # Before every chunk and at the end; None inside a batch that was read at once.
        self._snapshots: list[Snapshot | None] = [session.snapshot]

    def replace(self, begin: int, chunks: Sequence[str], limit: int | None = None) -> bool:
        """Have these chunks follow the first `begin`, in the place of all that did.

        Args:
            begin: A place between the chunks read, from 0 to `len(self.chunks)`.
            chunks: The text from there on; joined as by spaces.
            limit: How many that are new may be read now; None: all.

        Returns:
            Whether all are read; else the same call reads on.
        """
        shared = common_prefix(self.chunks[begin:], chunks)
        new = chunks[shared:]
        if begin + shared < len(self.chunks):
            self._read(self._go_back(begin + shared))
        self._read(new[:limit])
        return limit is None or len(new) <= limit

    def _go_back(self, place: int) -> list[str]:
        """Take back what was read after `place`; the chunks before it that have to be read once more."""
        known = place
        while (snapshot := self._snapshots[known]) is None:
            known -= 1
        again = self.chunks[known:place]
        del self.chunks[known:], self._snapshots[known + 1 :]
        self._session.restore(snapshot)
        return again

    def _read(self, chunks: Sequence[str]) -> None:
        """Read on from the end."""
        begin = 0
        while begin < len(chunks):
            batch = chunks[begin : begin + max(MAX_BATCH_LENGTH, (len(chunks) - begin) // _BATCHES)]
            begin += len(batch)
            self._session.feed(" ".join(batch))
            self.chunks += batch
            self._snapshots += [*[None] * (len(batch) - 1), self._session.snapshot]

    def drop(self, count: int) -> int:
        """Give up the way back into the first `count` chunks; how many of them are no longer kept, most of them."""
        while self._snapshots[count] is None:
            count -= 1
        del self.chunks[:count], self._snapshots[:count]
        return count

    @property
    def session(self) -> Session:
        """What has read all of it; only to be looked at."""
        return self._session

    def outlook(self) -> Outlook:
        """What is expected after all that was read."""
        return self._session.outlook()

    def suggest(self, k: int, letters: str = "", forgive: bool = True) -> list[Prediction]:
        """The `k` most likely words to come, or to become of the letters typed; see `Outlook.top`."""
        return self.outlook().top(k, prefix=letters, forgive=forgive)


def chunks_of(complete: str) -> list[str]:
    """The words of a text that ends with a complete one, each with the white space before it."""
    words = complete.rstrip()
    chunks = _CHUNK.findall(words)
    if "\n" in complete[len(words) :]:  # the end of a paragraph counts before the next one begins
        chunks.append(complete[len(words) :])
    return chunks


def common_prefix(one: Sequence[str], other: Sequence[str]) -> int:
    """How many chunks two texts have in common at their beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
