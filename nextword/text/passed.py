"""What was passed over in the files of a corpus, and how it is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_MAX_NAMES = 3  # files that are named in a note


class Thing(NamedTuple):
    """Something to pass over, as it is counted."""

    one: str
    many: str


class Passed(Counter[Thing]):
    """What was passed over in a file, how often.

    Attributes:
        kind: Of file: `text`, `chat`, `mail`, `subtitles` or `Markdown`.
        remark: What else there is to say of it, as the end of a sentence; empty: nothing.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.remark = kind, ""


def passed_notes(files: Iterable[tuple[str, Passed]]) -> list[str]:
    """A sentence for each kind of file in which anything was passed over.

    Args:
        files: Names, and what was passed over in each.
    """
    names: dict[str, list[str]] = {}
    totals: dict[str, Counter[Thing]] = {}
    notes = []
    for name, passed in files:
        if passed:
            names.setdefault(passed.kind, []).append(name)
            totals.setdefault(passed.kind, Counter()).update(passed)
        if passed.remark:
            notes.append(f"{name} {passed.remark}.")
    for kind, total in totals.items():
        counted = ", ".join(f"{count:,} {thing.one if count == 1 else thing.many}" for thing, count in total.items())
        notes.append(f"Passed over in {some_of(names[kind])}: {counted}; --raw reads all of it.")
    return notes


def some_of(names: list[str], separator: str = ", ") -> str:
    """A few of many names, and how many more there are."""
    more = len(names) - _MAX_NAMES
    return separator.join(names[:_MAX_NAMES]) + (f" and {more:,} more" if more > 0 else "")
