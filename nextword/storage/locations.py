"""Where checkpoints and a user's data are."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from pathlib import Path

from nextword.errors import CheckpointError, StorageError

SUFFIX = ".safetensors"
ENGLISH = f"english{SUFFIX}"


def shell_word(text: str) -> str:
    """`text` as a shell takes it for one word; bytes that are no UTF-8 as bash and zsh have them: $'caf\\xe9'."""
    if not re.search("[\udc80-\udcff]", text):
        return shlex.quote(text)
    escaped = re.sub(r"['\\]", r"\\\g<0>", text)
    return "$'" + re.sub("[\udc80-\udcff]", lambda byte: f"\\x{ord(byte.group()) - 0xDC00:02x}", escaped) + "'"


def user_data_folder() -> Path:
    """The folder where programs keep a user's data on this system, with nextword's name.

    Raises:
        StorageError: The system knows no home of this user.
    """
    try:
        if os.name == "nt":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nextword"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "nextword"
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nextword"
    except RuntimeError as error:
        raise StorageError("this user has no home folder to keep data in", "Name one: export HOME=FOLDER") from error


def english_checkpoint() -> Path | None:
    """The English model that ships with nextword, from the installed package or from a checkout; None: it has none.

    $NEXTWORD_ENGLISH names another file to take for it; set to nothing, there is none.
    """
    named = os.environ.get("NEXTWORD_ENGLISH")
    if named is not None:
        return Path(named) if named else None
    package = Path(__file__).parents[1]
    places = (folder / "checkpoints" / ENGLISH for folder in (package, package.parent))
    return next(filter(Path.is_file, places), None)


def find_checkpoint(path: str | Path | None = None) -> Path:
    """The checkpoint to use: `path`, else $NEXTWORD_CHECKPOINT, else the newest in ./checkpoints or the user's data.

    Where there is none of them, the English model that ships with nextword.

    Raises:
        CheckpointError: None was named and none is there.
    """
    named = path or os.environ.get("NEXTWORD_CHECKPOINT")
    if named:
        return Path(named)
    folders = [Path("checkpoints")]
    with contextlib.suppress(StorageError):  # without a home there is no such folder
        folders.append(user_data_folder())
    english = english_checkpoint()
    for folder in folders:
        if found := newest_checkpoint(folder, english):  # in a checkout, ./checkpoints is where the English model is
            return found
    if english:
        return english
    where = f"in ./{' or '.join(map(str, folders))}"
    reason = f"there is no checkpoint {where}, nor {ENGLISH} in this installation of nextword"
    raise CheckpointError(reason, "Make one: nextword train; or install nextword again")


def newest_checkpoint(folder: Path, besides: Path | None = None) -> Path | None:
    """The checkpoint in `folder`, `besides` left out, that was written last; None if there is none."""
    found = [
        file
        for file in folder.glob("*" + SUFFIX)
        if not file.name.endswith(".resume" + SUFFIX) and not (besides and _is_same(file, besides))
    ]
    return max(found, key=lambda file: (file.stat().st_mtime, file.name), default=None)


def _is_same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False
