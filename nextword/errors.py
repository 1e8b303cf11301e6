"""What can go wrong, as exceptions.

Every failure that a user can cause or mend is a `NextwordError`: one sentence that says what is wrong (with
the file and the value), one that says what mends it, and the exit code of the process. Anything else that
escapes is a bug.

    NextwordError            1   an error with no better code
    +-- UsageError           2   an option or argument that makes no sense
    +-- CorpusError          3   text that cannot be read or is not enough to learn from
    +-- CheckpointError      4   a checkpoint that is missing, damaged, or of another format
    +-- StorageError         5   the disk or a permission says no
    +-- LockedError          6   another process is training under that name
    +-- DivergedError        7   training produced a loss that is not a number
    +-- OutOfMemoryError     8   the machine's or the accelerator's memory is too small
    +-- ProcessLostError     1   another process of a run on several is gone
    +-- Interrupted        130   training was told to stop (143: by SIGTERM), and can go on
"""


class NextwordError(Exception):
    """Base of all errors nextword raises on purpose.

    Args:
        message: What is wrong, with the file and the value, as one sentence without a period.
        hint: What mends it, best a command. May be empty.

    Attributes:
        silent: Whether another process of the same run says it; None where nobody has settled that.
    """

    exit_code = 1
    silent: bool | None = None

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(NextwordError):
    """An option, argument or configuration field has a value that makes no sense."""

    exit_code = 2


class CorpusError(NextwordError):
    """The text cannot be read, or there is too little of it."""

    exit_code = 3


class CheckpointError(NextwordError):
    """The checkpoint is missing, damaged, not a checkpoint, or of a format this version cannot read."""

    exit_code = 4


class StorageError(NextwordError):
    """The operating system refused to write: no permission, no space, no such folder."""

    exit_code = 5


class LockedError(NextwordError):
    """Another process writes the same files."""

    exit_code = 6


class DivergedError(NextwordError):
    """Training produced a loss that is not a finite number."""

    exit_code = 7


class OutOfMemoryError(NextwordError):
    """The memory of the machine or of its accelerator is too small for the sizes asked for."""

    exit_code = 8


class ProcessLostError(NextwordError):
    """Another process of the same run is gone, and this one cannot go on without it."""


class Interrupted(NextwordError):
    """Training was told to stop by a signal and saved all it needs to go on.

    Args:
        message: Where it stopped and what was saved.
        hint: The command that goes on.
        exit_code: 128 and the signal's number, as a shell counts.
    """

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code
