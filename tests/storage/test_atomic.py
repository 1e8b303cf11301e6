"""Whatever the disk does to a write, the old file or the new one is there; and one process at a time writes it."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.disk import CALLS, NEW, OLD, REPLACED, FaultyDisk, raising

from nextword.errors import LockedError, StorageError
from nextword.storage import atomic
from nextword.storage.atomic import Disk, exclusive_lock, write_atomically

if sys.platform == "win32":
    pytest.skip("Windows has neither these calls nor these signals", allow_module_level=True)

STALE = "0123456789abcdef"

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from nextword.storage import atomic
from support.disk import NEW, FaultyDisk, killed
atomic.disk = FaultyDisk(int(sys.argv[3]), killed, after=sys.argv[4] == "after")
atomic.write_atomically(Path(sys.argv[2]), NEW, "")
"""
KILLED_SAVING = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from nextword.storage.checkpoint import load_checkpoint, save_checkpoint
from nextword.storage import atomic
from support.disk import CALLS, FaultyDisk, killed
path, old, new = map(Path, sys.argv[3:])
old, new = load_checkpoint(old), load_checkpoint(new)
for at in range(1, len(CALLS) + 1):
    save_checkpoint(path, old)
    if os.fork() == 0:
        atomic.disk = FaultyDisk(at, killed, after=sys.argv[2] == "1")
        save_checkpoint(path, new)
    assert os.WTERMSIG(os.wait()[1]) == 9
    print(load_checkpoint(path).digest, flush=True)
"""
HOLDER = """
import sys, time
from pathlib import Path
from nextword.storage.atomic import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "one.safetensors"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[[Disk], Disk]:
    def use(disk: Disk) -> Disk:
        monkeypatch.setattr(atomic, "disk", disk)
        return disk

    return use


# -- one write -------------------------------------------------------------------------------------------------------


def test_a_write_makes_these_calls_and_no_others(path: Path, put: Callable[[Disk], FaultyDisk]) -> None:
    disk = put(FaultyDisk())
    write_atomically(path, NEW, "")
    assert [name for name, _ in disk.calls] == CALLS
    assert path.read_bytes() == NEW
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EXDEV], ids=errno.errorcode.get)
@pytest.mark.parametrize("at", range(1, len(CALLS) + 1))
def test_after_a_failed_call_the_old_file_or_the_whole_new_one_is_there(
    path: Path, put: Callable[[Disk], FaultyDisk], at: int, number: int
) -> None:
    disk = put(FaultyDisk(at, raising(number)))
    with pytest.raises(StorageError, match=r"one\.safetensors.*3,000 bytes") as caught:
        write_atomically(path, NEW, "Make room.")
    assert (caught.value.exit_code, caught.value.hint) == (5, "Make room.")
    assert os.strerror(number) in caught.value.message
    assert path.read_bytes() == (NEW if at > REPLACED else OLD)
    assert list(path.parent.iterdir()) == [path]
    synced = [target for name, target in disk.calls[: CALLS.index("replace")] if name == "fsync"]
    assert len(synced) <= 1


@pytest.mark.parametrize("at", [index + 1 for index, name in enumerate(CALLS) if name in ("fsync", "close")])
def test_a_failed_sync_or_close_is_not_tried_again(path: Path, put: Callable[[Disk], FaultyDisk], at: int) -> None:
    disk = put(FaultyDisk(at, raising(errno.EIO), after=True))
    with pytest.raises(StorageError):
        write_atomically(path, NEW, "")
    rest = ["close"] if CALLS[at - 1] == "fsync" else []
    assert [name for name, _ in disk.calls] == [*CALLS[:at], *rest]


@pytest.mark.parametrize("at", [index + 1 for index, name in enumerate(CALLS) if name != "replace"])
def test_a_call_that_a_signal_interrupts_changes_nothing(
    path: Path, put: Callable[[Disk], FaultyDisk], at: int
) -> None:
    disk = put(FaultyDisk(at, raising(errno.EINTR), after=CALLS[at - 1] == "close"))
    write_atomically(path, NEW, "")
    assert path.read_bytes() == NEW
    assert list(path.parent.iterdir()) == [path]
    repeated = [] if CALLS[at - 1] == "close" else [CALLS[at - 1]]
    assert [name for name, _ in disk.calls] == [*CALLS[: at - 1], *repeated, *CALLS[at - 1 :]]


@pytest.mark.parametrize("most", [1, 7, 2999])
def test_a_disk_that_takes_a_little_at_a_time_gets_the_same_bytes(
    path: Path, put: Callable[[Disk], Disk], most: int
) -> None:
    class SlowDisk(Disk):
        def write(self, descriptor: int, content: bytes | memoryview) -> int:
            return super().write(descriptor, content[:most])

    put(SlowDisk())
    write_atomically(path, NEW, "")
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", range(1, len(CALLS) + 1))
def test_a_process_killed_at_any_call_leaves_the_old_file_or_the_new_and_the_next_owner_sweeps(
    path: Path, at: int, moment: str
) -> None:
    arguments = [str(Path(__file__).parents[1]), str(path), str(at), moment]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    replaced = at > REPLACED or (at == REPLACED and moment == "after")
    assert path.read_bytes() == (NEW if replaced else OLD)
    left = {file.name for file in path.parent.iterdir()} - {path.name}
    assert len(left) == ((at, moment) != (1, "before") and not replaced)  # the temporary file
    with exclusive_lock(path):
        pass
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whichever_call_fails_or_is_the_last_a_whole_checkpoint_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    from support.files import a_checkpoint

    from nextword.storage.checkpoint import load_checkpoint, save_checkpoint

    path, *others = (tmp_path / f"{name}.safetensors" for name in ("one", "old", "new"))
    old, new = (a_checkpoint(seed) for seed in range(2))
    digests = [save_checkpoint(other, version) for other, version in zip(others, (old, new), strict=True)]

    def expected(at: int) -> str:
        return digests[at > REPLACED or (at == REPLACED and after)]

    arguments = [str(Path(__file__).parents[1]), str(int(after)), *map(str, (path, *others))]
    done = subprocess.run([sys.executable, "-c", KILLED_SAVING, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected(at) for at in range(1, len(CALLS) + 1)]
    for at in range(1, len(CALLS) + 1):
        for number in (errno.EIO, errno.ENOSPC, errno.EXDEV):
            save_checkpoint(path, old)
            with monkeypatch.context() as faulty:
                faulty.setattr(atomic, "disk", FaultyDisk(at, raising(number), after=after))
                with pytest.raises(StorageError, match=os.strerror(number)):
                    save_checkpoint(path, new)
            assert load_checkpoint(path).digest == expected(at)


def test_a_file_size_limit_says_how_much_was_needed_and_leaves_the_old_file(path: Path) -> None:
    program = """
import resource, signal, sys
from pathlib import Path
from nextword.storage.atomic import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
write_atomically(Path(sys.argv[1]), bytes(1_000_000), "")
"""
    done = subprocess.run([sys.executable, "-c", program, path], check=False, capture_output=True, text=True)
    assert "StorageError" in done.stderr.splitlines()[-1]
    assert "1,000,000 bytes" in done.stderr.splitlines()[-1]
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o077])
@pytest.mark.parametrize("mode", [0o666, 0o600])
def test_a_file_gets_its_rights_less_the_umask(path: Path, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(path, NEW, "", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode & ~umask


@pytest.mark.parametrize("kind", ["file", "symlink", "dangling"])
def test_what_has_the_temporary_files_name_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda count: STALE)
    temporary, target = path.with_name(f".{path.name}.{STALE}.tmp"), path.with_name("target")
    if kind == "file":
        temporary.write_bytes(b"mine")
    else:
        temporary.symlink_to(target)
    if kind == "symlink":
        target.write_bytes(b"mine")
    with pytest.raises(StorageError):
        write_atomically(path, NEW, "")
    assert temporary.is_symlink() == (kind != "file")
    assert target.exists() == (kind == "symlink")
    assert kind == "dangling" or temporary.read_bytes() == b"mine"
    assert path.read_bytes() == OLD


# -- one owner -------------------------------------------------------------------------------------------------------


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns `path`."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "locked\n"
        yield running
        running.kill()


def test_a_second_owner_is_told_who_the_first_is_and_a_killed_one_owns_nothing(
    path: Path, holder: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(LockedError, match=rf"one\.safetensors .* process {holder.pid} on ") as caught,
        exclusive_lock(path),
    ):
        pass
    assert caught.value.exit_code == 6
    assert "--name" in caught.value.hint
    with exclusive_lock(path.with_name("another.safetensors")):
        holder.kill()
    holder.wait()
    with exclusive_lock(path):
        pass
    assert list(path.parent.iterdir()) == [path]


def test_an_owner_that_ends_leaves_no_lock_behind_whatever_ends_it(path: Path) -> None:
    def be_interrupted() -> None:
        with exclusive_lock(path):
            assert len(list(path.parent.iterdir())) == 2
            with pytest.raises(LockedError), exclusive_lock(path):
                pass
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lock_on_a_file_that_its_owner_has_just_removed_is_none(
    path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    lock = path.with_name(".one.lock")
    honest, locked = atomic.fcntl.flock, []

    def flock(descriptor: int, operation: int) -> None:
        if not locked:  # the owner ends between this process's open and its lock, and perhaps another begins
            lock.unlink()
            if replaced:
                lock.touch()
        honest(descriptor, operation)
        locked.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(atomic.fcntl, "flock", flock)
    with exclusive_lock(path):
        assert len(locked) == 2
        assert lock.stat().st_ino == locked[-1]
        monkeypatch.setattr(atomic.fcntl, "flock", honest)
        with pytest.raises(LockedError), exclusive_lock(path):
            pass


def test_only_temporary_files_of_these_names_are_swept(path: Path) -> None:
    resume = path.with_name("one.resume.safetensors")
    stale = [path.with_name(f".{file.name}.{STALE}.tmp") for file in (path, resume)]
    kept = [
        path,
        *(path.with_name(name) for name in ("one.tmp", f".two.safetensors.{STALE}.tmp", ".one.safetensors.tmp")),
        path.with_name(f".oneXsafetensors.{STALE}.tmp"),
        path.with_name(f".one.safetensors.{STALE}.tmp~"),
    ]
    for file in (*stale, *kept[1:]):
        file.touch()
    folder, link = (path.with_name(f".one.safetensors.{digit * 16}.tmp") for digit in "ab")
    folder.mkdir()
    link.symlink_to(path)
    with exclusive_lock(path, resume):
        assert not any(file.exists() for file in stale)
    assert set(path.parent.iterdir()) == {*kept, folder, link}


@pytest.mark.parametrize("kind", ["symlink", "dangling", "hard link", "folder", "pipe", "somebody's"])
def test_what_has_the_locks_name_and_is_none_is_left_alone(path: Path, kind: str) -> None:
    lock, target = path.with_name(".one.lock"), path.with_name("target")
    if kind != "dangling":
        target.write_bytes(b"process 1 on moon\n")
    if kind in ("symlink", "dangling"):
        lock.symlink_to(target)
    elif kind == "hard link":
        lock.hardlink_to(target)
    elif kind == "folder":
        lock.mkdir()
    elif kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.write_bytes(b"mine")
    before = lock.lstat()
    with pytest.raises(StorageError, match=r"\.one\.lock cannot be locked") as caught, exclusive_lock(path):
        pass
    assert caught.value.exit_code == 5
    assert (lock.lstat().st_ino, lock.lstat().st_size) == (before.st_ino, before.st_size)
    assert target.exists() == (kind != "dangling")
    assert kind == "dangling" or target.read_bytes() == b"process 1 on moon\n"
