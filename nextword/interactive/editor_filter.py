"""Line in, line out: what the completion plug-ins of editors speak with a command named `nextword`.

They were written for another program of that name, an n-gram tool, and are served without a change: its flags, its
exit codes, and one line of words for every line of text. Some plug-ins start a process for every key, so nothing is
imported here that an answer does not need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nextword.about import __version__
from nextword.errors import CheckpointError, NextwordError, StorageError, UsageError
from nextword.interactive.editor_flags import HELP, Flags, parse

if TYPE_CHECKING:
    from nextword.interactive.line_filter import LineFilter

MAX_LINE_LENGTH = 1_000_000  # bytes


def run(arguments: Sequence[str]) -> int:
    """`nextword filter`, with the exit codes that the plug-ins know: 0, 1 if it cannot begin, 2 for a wrong flag."""
    try:
        flags, given = parse(arguments)
        if flags.h or flags.v:
            stream = sys.stdout if "--help" in arguments else sys.stderr  # for people; for programs, as Go has it
            print(f"nextword version {__version__}" if flags.v else HELP, file=stream)
        else:
            answer_all(_open(flags, given), sys.stdin.buffer, descriptor=1)
        return 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141
    except (NextwordError, OSError) as error:
        if isinstance(error, NextwordError) and os.environ.get("NEXTWORD_DEBUG") == "1":
            raise
        return _fail(error)


def _fail(error: NextwordError | OSError) -> int:
    """Say what went wrong; the exit code."""
    from nextword.terminal import output

    if isinstance(error, NextwordError):
        output.error(error.message, error.hint)
        return 2 if isinstance(error, UsageError) else 1
    output.error(*output.refusal(error))
    return StorageError.exit_code


def _open(flags: Flags, given: set[str]) -> LineFilter:
    """What answers.

    Raises:
        NextwordError: There is no checkpoint or it is damaged, or the number of words makes no sense.
    """
    count = flags.max_words
    from nextword.config import AdaptConfig
    from nextword.inference.predictor import Predictor
    from nextword.interactive.line_filter import LineFilter

    return LineFilter(
        Predictor.load(_find(flags)),
        None if flags.g and not given & {"n", "c"} else count,
        None if flags.no_adapt else AdaptConfig(),
        flags.forgive,
    )


def _find(flags: Flags) -> Path:
    """The checkpoint to answer with; a note on stderr if `-d` holds something else.

    Raises:
        CheckpointError: There is none.
    """
    from nextword.storage.locations import find_checkpoint, newest_checkpoint

    folder = flags.d or os.environ.get("NEXTWORD_DATA_PATH")
    if flags.checkpoint or os.environ.get("NEXTWORD_CHECKPOINT") or not folder:
        return find_checkpoint(flags.checkpoint or None)
    if found := newest_checkpoint(Path(folder)):
        return found
    problem = f"{folder} holds no checkpoint of this nextword, which does not read n-gram data"
    try:
        path = find_checkpoint()
    except CheckpointError as error:
        raise CheckpointError(problem, "Make one with nextword train, and name it in $NEXTWORD_CHECKPOINT") from error
    from nextword.terminal import output

    output.note(f"{problem}; {path} answers. $NEXTWORD_CHECKPOINT names another one")
    return path


def answer_all(answering: LineFilter, stream: BinaryIO, descriptor: int) -> None:
    """Write a reply and its line end to the file `descriptor` for every line of `stream`, each at once."""
    for request in _requests(stream):
        reply = (answering.answer(request) if len(request) <= MAX_LINE_LENGTH else b"") + b"\n"
        while reply:
            reply = reply[os.write(descriptor, reply) :]


def _requests(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream without their ends (LF, CR LF); of one that is too long, its beginning, also too long."""
    while line := stream.readline(MAX_LINE_LENGTH + 3):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_LENGTH)
        yield line.removesuffix(b"\n").removesuffix(b"\r")
