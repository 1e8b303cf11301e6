"""Line in, line out: what the completion plug-ins of editors speak with a command named `nextword`.

They were written for another program of that name, an n-gram tool, and are served without a change: its flags, read as
Go reads them (`-n 5`, `-n=5`, `--n 5`), and one line of words for every line of text. A line that ends in white space
asks for the next word; else its last word is one being typed, and the replies begin with it.

The same line comes again at every key, a little longer, and some plug-ins send the lines above it, too. `Document`
sees what of a request was read before, so that a key costs at most one step of the network. Some plug-ins start a
process for every key, so nothing is imported here that an answer does not need. Knows sessions and bytes; no screen.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from nextword.about import __version__
from nextword.errors import CheckpointError, NextwordError, StorageError, UsageError
from nextword.text.clusters import is_printable

if TYPE_CHECKING:
    from nextword.config import AdaptConfig
    from nextword.inference.predictor import Predictor
    from nextword.inference.session import Session, Snapshot
    from nextword.text.tokenizer import WordTokenizer

HELP = """\
Answer every line of stdin with a line of words that may come next, for the completion plug-ins of editors.

  -n INT             most words in a reply (default 10)
  -c INT             the same, by its older name
  -g                 as many words as possible, where neither -n nor -c is given
  -d DIR             folder with a checkpoint (default $NEXTWORD_DATA_PATH)
  -checkpoint PATH   checkpoint to use (default $NEXTWORD_CHECKPOINT, else that of -d, else the newest in ./checkpoints)
  -no-adapt          do not learn from what is typed
  -h                 show this
  -v                 show the version

A line that ends in a space asks for the next word; otherwise the replies begin with its last word.
Without a command, and with stdin not a terminal, nextword does the same. All commands: nextword --help"""

_DEFAULT_COUNT = 10
_MAX_BYTES = 60_000  # of a reply: below the 64 KiB that a pipe holds
_MAX_LINE_LENGTH = 1_000_000  # bytes
_MAX_CHARACTERS = 8_000  # of a request are looked at, its last
_CUT_WINDOW = 1_000  # vscode-nextword sends so many characters, the first of them often from inside a word
_MAX_WORDS = 500  # of a request are read, its last
_MAX_KEPT = 800  # words of the document, each with its snapshot
_BLOCK = 16  # words read at once where many are new
_FIRST_WORD = re.compile(r"\S+")
_MIN_SHARED = 3  # words that a request must share with earlier text to be taken for it


class Flags(NamedTuple):
    """What was asked for on the command line."""

    n: int = _DEFAULT_COUNT
    c: int = _DEFAULT_COUNT
    g: bool = False
    d: str = ""
    checkpoint: str = ""
    no_adapt: bool = False
    h: bool = False
    v: bool = False

    @property
    def most_words(self) -> int:
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


_SEE = "See: nextword filter --help"
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_BOOLEANS = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)


def parse(arguments: Sequence[str]) -> tuple[Flags, set[str]]:
    """The flags among `arguments`, read as Go's `flag` package does: up to the first argument that is none.

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


class Document:
    """What was read so far, word by word, and where in it the present line begins.

    Args:
        session: Reads it.
        vocabulary: The words that a line may end with when it is left.
    """

    def __init__(self, session: Session, vocabulary: WordTokenizer) -> None:
        self._session = session
        self._vocabulary = vocabulary
        self._words: list[str] = []
        # Before every word and at the end; None inside a block that was read at once.
        self._snapshots: list[Snapshot | None] = [session.snapshot]
        self._start = 0  # where the present line begins
        self._unfinished = ""

    def turn_to(self, words: list[str], unfinished: str) -> None:
        """Have the session where these words are read, and only these words of the present line.

        They are compared with what was read before. A line that grew is read on, one that shrank or was changed is
        read anew from there; a window that has moved on, or text from further up, is found where it was read before.
        Any other line comes after all that was read.

        Args:
            words: The words of the line.
            unfinished: Letters of a word at its end, which is not read.
        """
        begin = self._place(words, unfinished)
        if begin is None:
            if self._vocabulary.token_id(self._vocabulary.normalize(self._unfinished)) is not None:
                self._read([self._unfinished])  # the line was left, so its last word is whole
            begin = len(self._words)
        shared = _shared(self._words[begin:], words)
        self._start, self._unfinished = begin, unfinished
        self._read(self._go_back(begin + shared) + words[shared:])
        self._drop_oldest()

    def _place(self, words: list[str], unfinished: str) -> int | None:
        """Where a request begins in what was read; None if it is a new line."""
        known = self._words[self._start :]
        before = _shared(known, words)
        if before == len(known) and (known or len(words) <= 1):
            return self._start
        if before == len(words) and (known[before].startswith(unfinished) if words else len(known) == 1):
            return self._start  # it became shorter, and did not just begin with a word that the next line begins with
        if (found := self._found(words)) is not None:
            return found
        after = _shared(known[before:][::-1], words[before:][::-1])
        return self._start if 2 * (before + after) > max(len(known), len(words)) else None

    def _found(self, words: list[str]) -> int | None:
        """Where a request begins in what was read, if most of it, or all that was read from there, is the same."""
        most, place = _MIN_SHARED - 1, None
        for begin in range(len(self._words)) if words else ():
            if self._words[begin] == words[0]:
                shared = _shared(self._words[begin:], words)
                if shared > most and (begin + shared == len(self._words) or 2 * shared > len(words)):
                    most, place = shared, begin
        return place

    def _go_back(self, place: int) -> list[str]:
        """Take back what was read after `place`; the words before it that have to be read once more."""
        known = place
        while (snapshot := self._snapshots[known]) is None:
            known -= 1
        again = self._words[known:place]
        del self._words[known:], self._snapshots[known + 1 :]
        self._session.restore(snapshot)
        return again

    def _read(self, words: list[str]) -> None:
        """Read words on from the end; in blocks where they are many, which is several times as fast."""
        for begin in range(0, len(words), _BLOCK):
            block = words[begin : begin + _BLOCK]
            self._session.feed(" ".join(block))
            self._words += block
            self._snapshots += [*[None] * (len(block) - 1), self._session.snapshot]

    def _drop_oldest(self) -> None:
        """Bound what is kept; what is dropped can no longer be gone back to."""
        if len(self._words) > _MAX_KEPT:
            first = min(len(self._words) // 2, self._start)
            while self._snapshots[first] is None:
                first -= 1
            del self._words[:first], self._snapshots[:first]
            self._start -= first


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words two texts have in common at their beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


class LineFilter:
    """Answers requests, a line each.

    Args:
        predictor: The model.
        count: Most words in a reply; None: as many as fit.
        adapt: How it learns from what is typed; None: not at all.
    """

    def __init__(self, predictor: Predictor, count: int | None = _DEFAULT_COUNT, adapt: AdaptConfig | None = None):
        self._tokenizer = predictor.tokenizer
        self._session = predictor.session(adapt)
        self._document = Document(self._session, self._tokenizer)
        self._count = min(count or _MAX_BYTES, _MAX_BYTES)

    def answer(self, request: bytes) -> bytes:
        """The reply to a line without its end, itself without one; empty where the line is no UTF-8 or too long."""
        if len(request) > _MAX_LINE_LENGTH:
            return b""
        try:
            line = request.decode()
        except UnicodeDecodeError:
            return b""
        line, cut = line[-_MAX_CHARACTERS:], len(line) > _MAX_CHARACTERS or len(line) == _CUT_WINDOW
        complete, unfinished = self._tokenizer.split_unfinished(line)
        if cut:
            complete = _FIRST_WORD.sub("", complete, count=1)
        words = self._tokenizer.cut(complete)[-_MAX_WORDS:]
        if unfinished or line[-1:].isspace() or not words:
            self._document.turn_to(words, unfinished)
            return _joined(self._candidates(unfinished)) if line else b""
        self._document.turn_to(words[:-1], words[-1])  # a mark at the end may grow, too, as "." to "..."
        return b""

    def _candidates(self, unfinished: str) -> Iterator[str]:
        """The likeliest words that begin with the letters typed, as these are."""
        start = self._tokenizer.normalize(unfinished)
        for prediction in self._session.outlook().top(self._count, prefix=unfinished):
            word = prediction.word
            if len(start) != len(unfinished) or not word.isascii():
                word = self._tokenizer.normalize(word)
            yield unfinished + word[len(start) :]


def _joined(words: Iterator[str]) -> bytes:
    """A reply: each word once, those left out that would break the line up, as many as fit."""
    reply = bytearray()
    for word in dict.fromkeys(words):
        encoded = word.encode()
        if len(reply) + len(encoded) >= _MAX_BYTES:
            break
        if is_printable(word) and " " not in word:
            reply += b" " * bool(reply) + encoded
    return bytes(reply)


def requests(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream without their ends (LF, CR LF); of one that is too long, its beginning, also too long."""
    while line := stream.readline(_MAX_LINE_LENGTH + 3):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(_MAX_LINE_LENGTH)
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def find(flags: Flags) -> Path:
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


def serve(flags: Flags, given: set[str], stream: BinaryIO, output: int) -> None:
    """Answer all lines of `stream` on the file descriptor `output`, each at once.

    Raises:
        NextwordError: There is no checkpoint or it is damaged, or the number of words makes no sense.
    """
    count = flags.most_words
    from nextword.config import AdaptConfig
    from nextword.inference.predictor import Predictor

    answering = LineFilter(
        Predictor.load(find(flags)),
        None if flags.g and not given & {"n", "c"} else count,
        None if flags.no_adapt else AdaptConfig(),
    )
    answer_all(answering, stream, output)


def answer_all(answering: LineFilter, stream: BinaryIO, output: int) -> None:
    """Write a reply and its line end to the file descriptor `output` for every line of `stream`, each at once."""
    for request in requests(stream):
        reply = answering.answer(request) + b"\n"
        while reply:
            reply = reply[os.write(output, reply) :]


def run(arguments: Sequence[str]) -> int:
    """`nextword filter`, with the exit codes that the plug-ins know: 0, 1 if it cannot begin, 2 for a wrong flag."""
    try:
        flags, given = parse(arguments)
        if flags.h or flags.v:
            print(f"nextword version {__version__}" if flags.v else HELP, file=sys.stderr)
        elif sys.stdin:
            serve(flags, given, sys.stdin.buffer, output=1)
        return 0
    except NextwordError as error:
        if os.environ.get("NEXTWORD_DEBUG") == "1":
            raise
        return _fail(error.message, error.hint, 2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        return 141
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        from nextword.terminal import output

        return _fail(*output.refusal(error), StorageError.exit_code)


def _fail(message: str, hint: str, code: int) -> int:
    from nextword.terminal import output

    output.error(message, hint)
    return code


def arguments_of(arguments: Sequence[str], terminal: bool) -> list[str] | None:
    """What a command line gives the filter; None where it is another command, or where help is wanted.

    Args:
        arguments: All that follows `nextword`.
        terminal: Whether stdin is one.
    """
    first = arguments[0] if arguments else ""
    if first == "filter":
        return None if "--help" in arguments else list(arguments[1:])
    if terminal or _COMPLETION in os.environ or first.startswith(_OTHERS) or (first and not first.startswith("-")):
        return None
    return list(arguments)


_COMPLETION = "_NEXTWORD_COMPLETE"  # set by a shell that asks for completions
_OTHERS = ("--help", "--version", "--install-completion", "--show-completion")  # options of `nextword` itself
