"""The lines typed in earlier conversations, for the arrow keys: a file in the user's data folder."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

from nextword.errors import StorageError

_MAX_READ = 1_000_000  # bytes, from the end of the file
_ENTRY = re.compile(r"(?:^\+.*\n?)+", re.MULTILINE)
_HINT = "Remove it to begin a new one; until then the lines typed are not kept."


class LineHistory(FileHistory):
    """Lines kept in a file that only its owner may read; what is no such file is refused by name and left alone.

    Args:
        path: The file; made, with its folder, if it is not there.

    Raises:
        StorageError: It cannot be read or written, or it holds something else; the message names it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(self._open(), "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _MAX_READ))
                content = file.read()
        except OSError as error:
            raise StorageError(f"{path} cannot be used: {error.strerror}", _HINT) from error
        if size > _MAX_READ:
            content = b"#" + content.partition(b"\n#")[2]  # from the first entry that is there as a whole
        self._text = content.decode("utf-8", "replace")
        if "\0" in self._text or re.search(r"^[^#+\n]", self._text, re.MULTILINE):
            raise StorageError(f"{path} is damaged, or no history", _HINT)

    def _open(self) -> int:
        """The file, made for its owner if it is not there."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(self.filename, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(0, "it is not a file")
        if os.name == "posix":
            os.fchmod(descriptor, 0o600)
        return descriptor

    def load_history_strings(self) -> Iterable[str]:
        """What was typed, the newest first."""
        entries = (re.sub(r"^\+", "", entry, flags=re.MULTILINE) for entry in reversed(_ENTRY.findall(self._text)))
        return [entry.removesuffix("\n") for entry in entries]

    def store_string(self, string: str) -> None:
        """Add what was typed; where the disk says no, the conversation goes on without."""
        try:
            os.close(self._open())
            super().store_string(string.encode("utf-8", "replace").decode())
        except OSError:
            return
