"""The terminal: how text is made harmless for it, and the few ways in which anything is printed there.

Text that may come from a corpus or a checkpoint passes through `visible` or `json_line`, so that nothing in it can
command a terminal. `rich` is imported only where there is a terminal to draw on: start-up time is what a user of
`predict` waits for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from nextword.text.clusters import replace_elsewhere

if TYPE_CHECKING:
    from rich.console import Console

StyledCell = tuple[str | float, str]  # a text or the length of a bar, and rich's name of its style

_BLOCKS = " ▏▎▍▌▋▊▉█"
_MAX_BAR_LENGTH = 60  # characters of a bar in a table
_GAP = 2  # spaces between the columns of a table
# Control characters (Cc), bidirectional and other format controls (Cf), line separators, lone surrogates: whatever a
# terminal might obey instead of show.
_COMMANDING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""`text` with every character that a terminal might obey shown escaped, as in `\x1b` or `\u202e`.

    A joiner that belongs to an emoji or a word stays, here and below.
    """
    return replace_elsewhere(_COMMANDING, _escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def masked(text: str) -> str:
    """`text` with U+FFFD for each of those characters but the line end, so that all others keep their places."""
    return replace_elsewhere(_COMMANDING, lambda match: "\n" if match.group() == "\n" else "\ufffd", text)


def json_line(value: Any) -> str:
    """`value` as one line of JSON: readable letters, and `visible`'s characters as JSON escapes."""
    encoded = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return replace_elsewhere(_COMMANDING, lambda match: f"\\u{ord(match.group()):04x}", encoded)


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` shows colors and moves its cursor, and the user has not asked for plain text."""
    return moves_cursor(stream) and not os.environ.get("NO_COLOR")


def moves_cursor(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that something can be drawn on, be it without colors."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def counted(number: int, noun: str) -> str:
    """A number and what it counts, which takes an s where there are several."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def note(text: str) -> None:
    """A remark for the user, on stderr."""
    print(f"Note: {visible(text)}", file=sys.stderr)


def note_session(text: str) -> None:
    """A remark on a session just opened, if there is one."""
    if text:
        note(text)


def note_unknown_words(words: Sequence[str]) -> None:
    """A remark if there are words of a text that the model does not know."""
    if words:
        note(f"not in the vocabulary: {', '.join(words)}")


def note_end_read(characters: int, read: int) -> None:
    """A remark if of a very long text only the end is read."""
    if read < characters:
        note(f"of {characters:,} characters only the last {read:,} are read; what came before has faded")


def error(message: str, hint: str) -> None:
    """What went wrong and what mends it, a line each, on stderr."""
    print(f"Error: {visible(message)}", file=sys.stderr)
    if hint:
        print(f"Hint: {visible(hint)}", file=sys.stderr)


def refusal(error: OSError) -> tuple[str, str]:
    """What to say of a call that the system refused, and what mends it; the file without a name is standard output."""
    reason = error.strerror or str(error)
    if error.filename:
        return f"{error.filename} cannot be used: {reason}", "Check its permissions, and the room on its disk."
    return f"standard output cannot be written: {reason}", "Make room, or send it elsewhere: > FILE"


def print_json(value: Any) -> None:
    """Print `value` as one line of JSON."""
    print(json_line(value))


def print_table(rows: Sequence[Sequence[str | float]], align_right: bool = False) -> None:
    """Print texts in columns, made visible; numbers become bars, on a terminal only.

    Args:
        rows: Of one length. A column with a number in its last row is one of bars: 0 is none, 1 the longest that fits.
        align_right: Whether all columns of texts but the first are aligned to the right.
    """
    columns = dict(enumerate(zip(*rows, strict=True)))
    texts = {
        place: _aligned([visible(str(text)) for text in column], right=align_right and place > 0)
        for place, column in columns.items()
        if isinstance(column[-1], str)
    }
    bars = columns.keys() - texts.keys()
    if bars and is_terminal(sys.stdout):
        taken = sum(len(column[0]) for column in texts.values()) + _GAP * (len(columns) - 1)
        width = min((shutil.get_terminal_size().columns - taken) // len(bars), _MAX_BAR_LENGTH)
        if width > 0:
            texts |= {place: [bar(float(share or 0), width).ljust(width) for share in columns[place]] for place in bars}
    for line in zip(*(texts[place] for place in sorted(texts)), strict=True):
        print((" " * _GAP).join(line).rstrip())


def _aligned(texts: Sequence[str], right: bool) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) if right else text.ljust(width) for text in texts]


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` characters, in eighths of one where stdout has such characters."""
    share = min(max(share, 0.0), 1.0)
    try:
        _BLOCKS.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()


def print_styled(rows: Sequence[Sequence[StyledCell]], order: Sequence[int], bar_width: int = _MAX_BAR_LENGTH) -> None:
    """Print rows in columns on a terminal, none of them wider than that.

    Args:
        rows: Of one length: visible texts, and numbers from 0 to 1 that become bars, each with rich's style.
        order: The columns by their importance: from the first that does not fit on they are left out. The first is
            cut if need be, a bar is the shorter, and a text in the last column is wrapped.
        bar_width: Characters of the longest bar, at most.
    """
    from rich.table import Table
    from rich.text import Text

    terminal = screen()
    widths = _fitting(rows, order, bar_width, terminal.width)
    table = Table.grid(padding=(0, _GAP))
    for place in sorted(widths):
        is_cut = place < len(order) - 1
        table.add_column(width=widths[place], no_wrap=is_cut, overflow="ellipsis" if is_cut else "fold")
    for row in rows:
        cells = [(*row[place], widths[place]) for place in sorted(widths)]
        table.add_row(*(Text(_drawn(value, width), style=style) for value, style, width in cells))
    terminal.print(table)


def _fitting(rows: Sequence[Sequence[StyledCell]], order: Sequence[int], bar_width: int, width: int) -> dict[int, int]:
    """The columns that `width` characters are enough for, each with its own width."""
    from rich.cells import cell_len

    widths: dict[int, int] = {}
    for place in order if rows else ():
        left = width - sum(widths.values()) - _GAP * len(widths)
        texts = [_drawn(row[place][0], bar_width) for row in rows]
        wanted = max(1, *(cell_len(line) for text in texts for line in text.split("\n")))
        gives_way = not widths or place == len(order) - 1
        if left < (1 if gives_way else wanted):
            break
        widths[place] = min(wanted, left)
    return widths


def _drawn(value: str | float, width: int) -> str:
    return value if isinstance(value, str) else bar(value, width)


def screen(stderr: bool = False) -> Console:
    """What draws on the terminal at stdout or stderr; nothing in a text is a command to it."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
