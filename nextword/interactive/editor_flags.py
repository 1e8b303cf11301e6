"""The flags of the filter for editors, read as Go's `flag` package reads them: `-n 5`, `-n=5`, `--n 5`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nextword.errors import NextwordError, UsageError

EXAMPLE = "Example: nextword filter -n 5 < lines.txt"
HELP = f"""\
Answer every line of stdin with a line of words that may come next, for the completion plug-ins of editors.

  -n INT             most words in a reply (default 10)
  -c INT             the same, by its older name
  -g                 as many words as possible, where neither -n nor -c is given
  -d DIR             folder with a checkpoint (default $NEXTWORD_DATA_PATH)
  -checkpoint PATH   checkpoint to use (default $NEXTWORD_CHECKPOINT, else that of -d, else the newest in ./checkpoints
                     or your data folder, else the English model)
  -no-adapt          do not learn from what is typed
  -forgive           also words that the last one may be meant for, with a slip or without its accents; plug-ins that
                     drop what does not begin as it was typed have no use for them
  -h                 show this
  -v                 show the version

A line that ends in a space asks for the next word; otherwise the replies begin with its last word.
Without a command, and with stdin not a terminal, nextword does the same. All commands: nextword --help

{EXAMPLE}"""

_DEFAULT_COUNT = 10
_SEE = "See: nextword filter --help"
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_BOOLEANS = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)


class Flags(NamedTuple):
    """What was asked for on the command line."""

    n: int = _DEFAULT_COUNT
    c: int = _DEFAULT_COUNT
    g: bool = False
    d: str = ""
    checkpoint: str = ""
    no_adapt: bool = False
    forgive: bool = False
    h: bool = False
    v: bool = False

    @property
    def max_words(self) -> int:
        """How many words a reply may have.

        Raises:
            NextwordError: `-n` and `-c` are both there, or it is less than 1.
        """
        if _DEFAULT_COUNT not in (self.n, self.c):
            raise NextwordError(f"both -n {self.n} and -c {self.c} are given", "Leave -c away: -n is its newer name")
        count = self.n if self.c == _DEFAULT_COUNT else self.c
        if count < 1:
            raise NextwordError(f"the number of words is {count}; it must be 1 or more", "Try -n 10")
        return count


def parse(arguments: Sequence[str]) -> tuple[Flags, set[str]]:
    """The flags among `arguments`, up to the first argument that is none.

    Returns:
        The flags, and the names of those that were given.

    Raises:
        UsageError: A flag is unknown, or its value is missing or of the wrong type.
    """
    given: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-") or argument in {"-", "--"}:
            break
        written, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        name = {"help": "h"}.get(written, written.replace("-", "_"))
        if name not in Flags._fields:
            raise UsageError(f"there is no flag {argument}", _SEE)
        kind = type(Flags._field_defaults[name])
        if not equals:
            following = "true" if kind is bool else next(rest, None)
            if following is None:
                raise UsageError(f"the flag {argument} needs a value", _SEE)
            value = following
        try:
            given[name] = _BOOLEANS[value] if kind is bool else int(value, 0) if kind is int else value
        except (KeyError, ValueError) as error:
            raise UsageError(f"-{written} cannot be {value!r}", _SEE) from error
    return Flags(**given), set(given)
