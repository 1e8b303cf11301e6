"""From bytes to text: what is refused as none, at which byte, and which other encoding it seems to have.

A file is read in the encoding that was named, never in one that was guessed: a guess is only said.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from nextword.errors import CorpusError
from nextword.text.sources import Source, is_pipe, read_bytes

_MARKS = {  # byte order marks, and the encodings that have them; the mark of UTF-32 begins as one of UTF-16 does
    codecs.BOM_UTF32_LE: ("utf-32", "utf-32-le"),
    codecs.BOM_UTF32_BE: ("utf-32", "utf-32-be"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
    codecs.BOM_UTF8: ("utf-8", "utf-8-sig"),
}
_ZIP = "a zip archive"
_FORMATS = {  # first bytes of files whose text is inside a format of their own
    b"PK\x03\x04": _ZIP,  # or one of those below
    b"%PDF-": "a PDF file",
    b"{\\rtf": "an RTF file",
    b"\xd0\xcf\x11\xe0": "a Word or other Office file",  # of before 2007
}
_ZIPPED = {".docx": "a Word file", ".xlsx": "an Excel file", ".odt": "an OpenDocument file", ".epub": "an EPUB book"}
_START_SIZE = max(map(len, (*_FORMATS, *_MARKS)))  # bytes
_CONTROLS = re.compile("[\x80-\x9f]+")
_WITH_CONTROLS = ("iso8859-1", "iso8859-2", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-15")  # no text uses them
_SAMPLE_SIZE = 100_000  # bytes around a place, from which the encoding is guessed


class NotTextError(CorpusError):
    """A text that cannot be decoded; `explained` looks for its encoding, which takes a while.

    Args:
        message: What is wrong.
        sample: Bytes of the text around the place.
        encoding: The one that it does not have.
    """

    def __init__(self, message: str, sample: bytes, encoding: str) -> None:
        super().__init__(message)
        self.sample, self.encoding = sample, encoding

    def explained(self) -> CorpusError:
        """The error with a hint at the encoding."""
        from nextword.text.detection import guess_encoding

        guess = guess_encoding(self.sample)
        if guess and not _same_codec(guess, self.encoding):
            return CorpusError(self.message, f"It seems to be {guess} text; then say so: --encoding {guess}")
        return CorpusError(self.message, "Is it a text file? If it has another encoding, name it: --encoding NAME")


def check_encoding(encoding: str) -> None:
    """Refuse what is no character encoding before it makes every file of a folder look unreadable."""
    try:
        if "".encode(encoding).decode(encoding) == "":
            return
    except (LookupError, ValueError):  # ValueError: a NUL in the name, or the codec "undefined"
        pass
    raise CorpusError(f"encoding {encoding!r} is not known", "Name one such as utf-8 or cp1252.")


def decode(
    source: Source,
    file: BinaryIO,
    encoding: str,
    on_progress: Callable[[int], None],
    note: Callable[[str], None],
    chunk_size: int,
) -> Iterator[str]:
    """The text of an open source in chunks, LF as line end, without a byte order mark.

    Args:
        source: What it is.
        file: Its bytes.
        encoding: A known one.
        on_progress: Called with how many bytes were read since the last call.
        note: Called with a sentence on what is odd about the text, and no reason to refuse it.
        chunk_size: Bytes read at once.

    Raises:
        CorpusError: It is not text in this encoding; the message says at which byte.
    """
    block = read_bytes(source, file, max(chunk_size, _START_SIZE))
    _refuse_formats(source, block)
    decoder = _decoder(source, block, encoding)
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    odd_bytes = _CONTROLS.search if codecs.lookup(encoding).name in _WITH_CONTROLS else None
    read = characters = 0
    refusal: NotTextError | None = None
    while True:
        waiting = decoder.getstate()[0]
        try:
            text = _decoded(decoder, block, note)
        except UnicodeDecodeError as error:
            start = read - len(waiting)
            sample = _sample(source, file, waiting + block, error.start, start)
            reason = f"{source.name} is not {encoding} text (byte {start + error.start})"
            raise NotTextError(reason, sample, encoding) from error
        if odd_bytes and (found := odd_bytes(text)):
            odd_bytes = None
            _note_controls(encoding, _sample(source, None, block, found.start(), read), note)
        if refusal is None and (nul := text.find("\0")) >= 0:
            sample = _sample(source, None, block, 0, read)
            reason = f"{source.name} is not a text file (NUL at character {characters + nul})"
            refusal = NotTextError(reason, sample, encoding)
            if is_pipe(source.path):  # which may be endless
                raise refusal
        if refusal is None:  # otherwise the rest is only read to find an error that says more
            yield line_ends.decode(text if characters else text.removeprefix("\ufeff"), final=not block)
        read += len(block)
        characters += len(text)
        on_progress(len(block))
        if not block:
            break
        block = read_bytes(source, file, chunk_size)
    if refusal is not None:
        raise refusal


def _refuse_formats(source: Source, start: bytes) -> None:
    """Refuse what a word processor or a printer understands, by its first bytes."""
    for magic, name in _FORMATS.items():
        if start.startswith(magic):
            known = _ZIPPED.get(source.path.suffix.lower()) if name == _ZIP else name
            hint = "Save it as plain text (.txt) first." if known else "Unpack it first."
            raise CorpusError(f"{source.name} is {known or name}, not plain text", hint)


def _decoded(decoder: codecs.IncrementalDecoder, block: bytes, note: Callable[[str], None]) -> str:
    """The text of `block`; an empty one is the end, where a character may be cut off."""
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        if block or error.reason not in ("unexpected end of data", "truncated data", "incomplete multibyte sequence"):
            raise
        note("the text ends inside a character, as if it were cut; it was read as far as it goes.")
        return ""


def _decoder(source: Source, start: bytes, encoding: str) -> codecs.IncrementalDecoder:
    """A decoder for a text, which is refused where its byte order mark says that it has another encoding."""
    name = codecs.lookup(encoding).name
    mark = next((mark for mark in _MARKS if start.startswith(mark)), b"")
    if mark and name.startswith("utf") and name not in _MARKS[mark]:
        right = _MARKS[mark][0]
        raise CorpusError(f"{source.name} has a {right.upper()} byte order mark", f"Say so: --encoding {right}")
    decoder = codecs.getincrementaldecoder(encoding)()
    if name in ("utf-16", "utf-32") and not mark:
        decoder.setstate((b"", 0))  # the byte order of this machine, as in `bytes.decode`
    return decoder


def _sample(source: Source, file: BinaryIO | None, block: bytes, place: int, start: int) -> bytes:
    """Bytes around `place` of `block`, which is from byte `start` of a text on; they begin at a multiple of four."""
    begin = max(0, place - _SAMPLE_SIZE // 2)
    begin += -(start + begin) % 4
    end = begin + _SAMPLE_SIZE
    more = read_bytes(source, file, end - len(block)) if file and end > len(block) else b""
    return (block + more)[begin:end]


def _note_controls(encoding: str, sample: bytes, note: Callable[[str], None]) -> None:
    """Say that a text has control characters in this encoding, and which one has letters or marks in their place."""
    from nextword.text.detection import guess_encoding

    guess = guess_encoding(sample)
    if guess and not _same_codec(guess, encoding):
        what = f"bytes from 0x80 to 0x9f, which the text has, are no characters in {encoding}"
        note(f"{what}; it seems to be {guess} text: --encoding {guess}.")


def _same_codec(one: str, other: str) -> bool:
    return codecs.lookup(one).name == codecs.lookup(other).name
