"""Sessions on disk: what one process has read, another goes on from.

`sessions/NAME.safetensors` in the user's data folder is a file like a checkpoint (`container.py`): written whole or
not at all, verified by its digest, never pickled; only its owner may read it. What it holds: `session_file.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextword.config import AdaptConfig, is_file_name
from nextword.errors import CheckpointError, StorageError, UsageError
from nextword.inference.engine import Engine
from nextword.inference.session import Session
from nextword.inference.session_file import EARLIER, FORMAT, largest_tensors, restored, stored
from nextword.signals import DeferredSignals, exit_on_sigterm
from nextword.storage.atomic import shared_lock
from nextword.storage.container import MAX_HEADER, FileKind, read_container, refusing_damage, write_container
from nextword.storage.locations import SUFFIX, user_data_folder
from nextword.storage.strict import json_text, strict_json

_KIND = FileKind(
    "session",
    missing="Name another session, or begin one: nextword predict --session NAME TEXT",
    damaged="Remove the file, and begin the session anew.",
    unwritable="Make room, or see that the folder can be written.",
    too_long="Remember fewer: AdaptConfig(words=N)",
    mode=0o600,
)


class SessionStore:
    """Named sessions in a folder.

    Args:
        folder: Where they are; None: `sessions` in the user's data folder. Made when the first is saved.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where they are.

        Raises:
            StorageError: The user has no data folder.
        """
        return self._folder or user_data_folder() / "sessions"

    def path(self, name: str) -> Path:
        """The file of the session `name`, whether it is there or not.

        Raises:
            UsageError: No file can have that name.
        """
        if not is_file_name(name):
            raise UsageError(f"a session cannot be called {name!r}", "Name it with a word: --session diary")
        return self.folder / (name + SUFFIX)

    def names(self) -> list[str]:
        """The sessions there are, in alphabetical order.

        Raises:
            StorageError: The folder cannot be read.
        """
        try:
            files = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self.folder, error) from error
        return sorted(file.removesuffix(SUFFIX) for file in files if file.endswith(SUFFIX) and file[0] != ".")

    def save(self, name: str, session: Session) -> Path:
        """Write what `session` remembers, in the place of what was there, and return the file.

        Raises:
            UsageError: No file can have that name, or the session's model has no file.
            StorageError: The folder cannot be written; what was there is untouched.
        """
        path = self.path(name)
        checkpoint = session.engine.checkpoint
        if not checkpoint.digest:
            raise UsageError("the session's model was never saved, so no session of it can be", "Save it first")
        made_with = {"digest": checkpoint.digest, "path": str(checkpoint.path.absolute())}
        tensors, facts = stored(session)
        metadata = {"format": FORMAT, "checkpoint": json_text(made_with), "session": json_text(facts)}
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be made: {error.strerror}", _KIND.unwritable) from error
        with shared_lock(path):
            write_container(path, tensors, metadata, _KIND)
        return path

    def load(self, name: str, engine: Engine, adapt: AdaptConfig | None = None) -> Session:
        """The session `name` as it was saved.

        Args:
            name: One of `names`.
            engine: The model it was made with. With another one the words are remembered and the rest begins anew, as
                the session's `note` then says.
            adapt: How it is to learn from what it reads from now on; None: not at all, and what it has learned is kept.

        Raises:
            UsageError: There is no such session; the hint lists those there are.
            StorageError: The folder cannot be read.
            CheckpointError: The file is damaged, or an earlier version made it with another checkpoint; the message
                names it.
        """
        path = self._existing(name)
        session = Session(engine, adapt)
        kind = _KIND._replace(largest=8 + MAX_HEADER + largest_tensors(session))
        metadata, tensors = read_container(path, FORMAT, kind, EARLIER)
        with refusing_damage(path, kind):
            made_with, facts = strict_json(metadata["checkpoint"]), strict_json(metadata["session"])
            digest, made_by = str(made_with["digest"]), str(made_with["path"])
        same = digest == engine.checkpoint.digest
        if not same and metadata["format"] != FORMAT:
            raise CheckpointError(
                f"the session {path} was made with another checkpoint: {made_by}, digest {digest[:12]}",
                "Name that one with -c, or begin a session of another name.",
            )
        with refusing_damage(path, kind):
            session.restore(restored(session, facts, tensors, same))
        if not same:
            session.note = (
                f"the session {name} was made with another checkpoint, {made_by}: "
                "its words are remembered, and the network begins anew"
            )
        return session

    def _existing(self, name: str) -> Path:
        """The file of a session that is there."""
        path = self.path(name)
        if not _is_there(path):
            names = self.names()
            there = f"There are: {', '.join(names)}" if names else "Begin it: nextword predict --session NAME TEXT"
            raise UsageError(f"there is no session {name!r} in {self.folder}", there)
        return path

    def delete(self, name: str) -> Path:
        """Delete the session `name`, and return the file that was.

        Raises:
            UsageError: There is no such session; the hint lists those there are.
            StorageError: It cannot be deleted.
        """
        path = self._existing(name)
        try:
            path.unlink()
        except OSError as error:
            raise StorageError(
                f"{path} cannot be deleted: {error.strerror}", "Check the permissions of its folder."
            ) from error
        return path

    def open(self, name: str, engine: Engine, adapt: AdaptConfig | None = None) -> Session:
        """The session `name`, or a fresh one where there is none. Raises what `load` does, for one that is there."""
        return self.load(name, engine, adapt) if _is_there(self.path(name)) else Session(engine, adapt)

    @contextmanager
    def kept(self, name: str, engine: Engine, adapt: AdaptConfig | None = None) -> Iterator[Session]:
        """`open` the session, and `save` it in the end; also if Ctrl-C, SIGTERM or a reader that is gone ends it."""
        session = self.open(name, engine, adapt)
        with exit_on_sigterm():
            try:
                yield session
            except (KeyboardInterrupt, SystemExit, BrokenPipeError):
                with DeferredSignals():  # what comes now finds the work ended, and must not end the saving
                    self.save(name, session)
                raise
            with DeferredSignals():
                self.save(name, session)


def _is_there(path: Path) -> bool:
    """Whether there is such a file; asked of the system, to some of which upper and lower case are the same."""
    try:
        return path.exists()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be read: {error.strerror}", "Check its permissions.")
