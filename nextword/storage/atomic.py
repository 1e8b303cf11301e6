"""The door to the disk: files written whole or not at all, and one run at a time that writes them.

Every durable write goes through the few system calls of `Disk`, so that tests can make each of them fail.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nextword.errors import LockedError, StorageError

if sys.platform != "win32":
    import fcntl

_OWNER = re.compile(r"process \d+ on [^\n]+\n")
_MAX_OWNER_LENGTH = 300  # bytes


class Disk:
    """The system calls of a durable write, as `os` has them."""

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        return os.open(path, flags, mode)

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        return os.write(descriptor, content)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)


disk = Disk()


def write_atomically(path: Path, content: bytes, hint: str, mode: int = 0o666) -> None:
    """Write a file so that a reader, or a power cut, sees the old content or the new and never a mix.

    Args:
        path: The file.
        content: All of it.
        hint: What mends it when the folder cannot be written.
        mode: Permissions of the new file, before the umask.

    Raises:
        StorageError: The operating system refused. The old content is untouched, or the new one is whole but may not
            survive a power cut; no temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with contextlib.ExitStack() as undo:
            with _opened(temporary, flags, mode) as descriptor:
                undo.callback(temporary.unlink, missing_ok=True)
                _write_all(descriptor, content)
                _repeated(disk.fsync, descriptor)
            disk.replace(temporary, path)
            undo.pop_all()
        if os.name == "posix":  # elsewhere a folder cannot be opened
            with _opened(path.parent, os.O_RDONLY) as folder:
                _repeated(disk.fsync, folder)
    except OSError as error:
        reason = f"{path} cannot be written ({len(content):,} bytes): {error.strerror}"
        raise StorageError(reason, hint) from error


def _write_all(descriptor: int, content: bytes) -> None:
    """Write `content`, in as many pieces as the system takes."""
    rest = memoryview(content)
    while rest:
        rest = rest[_repeated(disk.write, descriptor, rest) :]


@contextlib.contextmanager
def _opened(path: Path, flags: int, mode: int = 0o777) -> Iterator[int]:
    """The file's descriptor, closed once and never twice: its number may be another file's by then."""
    descriptor = _repeated(disk.open, path, flags, mode)
    try:
        yield descriptor
    except BaseException:
        with contextlib.suppress(OSError):
            disk.close(descriptor)
        raise
    with contextlib.suppress(InterruptedError):  # it is closed all the same
        disk.close(descriptor)


def _repeated(call: Callable[..., Any], *arguments: Any) -> Any:
    """What the system call returns, once no signal interrupts it."""
    while True:
        with contextlib.suppress(InterruptedError):
            return call(*arguments)


@contextlib.contextmanager
def exclusive_lock(path: Path, *others: Path) -> Iterator[None]:
    """Be the only process that writes these files, all in one folder; sweep what a killed one has left of them.

    The owner has an advisory lock (`flock`) on a hidden file beside `path`, which says who it is. The kernel takes the
    lock away with the process, however it ends; the file is removed at the end, if there is one. Without `flock`, on
    Windows, nothing is locked and nothing is swept.

    Raises:
        LockedError: Another process is the owner; the message says which.
        StorageError: The lock cannot be made, or something else has its name.
    """
    if sys.platform == "win32":
        yield
        return
    lock = path.with_name(f".{path.stem}.lock")
    try:
        descriptor = _locked(lock, path)
    except OSError as error:
        raise StorageError(f"{lock} cannot be locked: {error.strerror}", "Choose another folder with --out.") from error
    try:
        with contextlib.suppress(OSError):  # the lock holds without a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        _sweep(path, *others)
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()  # before the lock is given back: afterwards it might be another's
        os.close(descriptor)


@contextlib.contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Write a file that others may write, too; before, sweep what a killed process has left of it, if nobody writes.

    Who writes has a shared lock (`flock`) on the folder, and who sweeps has it alone, so that nothing is swept that is
    still to be used. Where a folder cannot be locked, nothing is swept.
    """
    with contextlib.ExitStack() as held:
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                folder = os.open(path.parent, os.O_RDONLY)
                held.callback(os.close, folder)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _sweep(path)
                fcntl.flock(folder, fcntl.LOCK_SH)
        yield


def _locked(lock: Path, path: Path) -> int:
    """The lock file's descriptor, once the lock is this process's.

    It is made here and not by the library filelock, which takes over whatever file has the lock's name.
    """
    while True:
        # O_NONBLOCK: a pipe of that name must not make the run wait.
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        try:
            owner = _owner(descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = owner.strip() or "another process"
                hint = "Wait until it has ended, or choose another name: --name NAME"
                raise LockedError(f"{path} is being trained by {who}", hint) from None
            # Its owner may have removed the file after it was opened here: then this lock keeps nobody out.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.lstat(lock)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _owner(descriptor: int) -> str:
    """What stands in a lock file; empty if its owner has not written it yet.

    Raises:
        OSError: It is no lock file, and not to be written to.
    """
    facts = os.fstat(descriptor)
    text = os.pread(descriptor, _MAX_OWNER_LENGTH, 0).decode("utf-8", "replace") if stat.S_ISREG(facts.st_mode) else "?"
    if facts.st_nlink > 1 or (text and not _OWNER.fullmatch(text)):
        raise OSError(0, "it is something else; move it away")
    return text


def _sweep(*paths: Path) -> None:
    """Remove the temporary files of `write_atomically` for these paths, which a killed process has left."""
    names = "|".join(re.escape(path.name) for path in paths)
    temporary = re.compile(rf"\.({names})\.[0-9a-f]{{16}}\.tmp")
    with contextlib.suppress(OSError), os.scandir(paths[0].parent) as entries:
        for entry in entries:
            if temporary.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)
