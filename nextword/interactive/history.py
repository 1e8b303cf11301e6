"""The lines typed in earlier conversations, for the arrow keys.

A file in the user's data folder that only its owner may read, in the format of prompt_toolkit's own `FileHistory`: a
comment with the time, then every line after a plus sign. What is no such file is refused by name and left alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from prompt_toolkit.history import History

from nextword.errors import StorageError
from nextword.storage.atomic import write_all

_MAX_READ = 1_000_000  # bytes, from the end


class LineHistory(History):
    """Lines kept in a file.

    Args:
        path: The file; made, with its folder, if it is not there.

    Raises:
        StorageError: It cannot be read or written, or it holds something else; the message names it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(self._open(), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - _MAX_READ))
                content = file.read()
        except OSError as error:
            raise StorageError(f"no history: {path} cannot be used: {error.strerror}", _HINT) from error
        if size > _MAX_READ:
            content = b"#" + content.partition(b"\n#")[2]  # from the first entry that is there as a whole
        self._lines = content.decode("utf-8", "replace").split("\n")
        if "\0" in content.decode("latin-1") or not all(line[:1] in ("", "#", "+") for line in self._lines):
            raise StorageError(f"no history: {path} is damaged, or no history", _HINT)

    def _open(self) -> int:
        """The file, open for reading and for writing at its end."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(self.path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(0, "it is not a file")
        if os.name == "posix":
            os.fchmod(descriptor, 0o600)
        return descriptor

    def load_history_strings(self) -> Iterable[str]:
        """What was typed, the newest first."""
        entries: list[list[str]] = [[]]
        for line in self._lines:
            if line.startswith("+"):
                entries[-1].append(line[1:])
            elif entries[-1]:
                entries.append([])
        return ["\n".join(entry) for entry in reversed(entries) if entry]

    def store_string(self, string: str) -> None:
        """Add what was typed; where the disk says no, the conversation goes on without."""
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        entry = f"\n# {datetime.now()}\n{lines}".encode("utf-8", "replace")
        try:
            descriptor = self._open()
            try:
                write_all(descriptor, entry)
            finally:
                os.close(descriptor)
        except OSError:
            return


_HINT = "Remove it to begin a new one; until then the lines typed are not kept."
