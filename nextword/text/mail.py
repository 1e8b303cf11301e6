"""Mail: what people wrote in the messages of an .eml or .mbox file, without headers, quotations and signatures.

It is read message by message. Of one that is larger than `MAX_MESSAGE` only the beginning is looked at.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from email import errors, message_from_bytes
from email.message import Message
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

from nextword.text.passed import Passed, Thing

MAX_MESSAGE = 1 << 25  # bytes of one, its attachments included
_FIRST_LINE = re.compile(rb"From (?:\S+@\S+|.*\d\d:\d\d)")  # of a message in an mbox
_HEADERS_END = re.compile(rb"(?:^|\n)\r?\n")
_HEADER = re.compile(rb"[!-9;-~]+:")

_HEADERS = Thing("message header", "message headers")
_QUOTED = Thing("quoted line", "quoted lines")
_SIGNATURES = Thing("signature", "signatures")
_ATTACHED = Thing("attachment", "attachments")
_UNREADABLE = Thing("message that cannot be read", "messages that cannot be read")
_ORIGINAL = re.compile(
    r"-{2,}\s?(?:Original Message|Forwarded message|Urspr\u00fcngliche Nachricht|Message d'origine|Mensaje original)\b",
    re.IGNORECASE,
)
_WROTE = r"(?:wrote|schrieb|geschrieben|\u00e9crit|escribi\u00f3|escreveu|scritto|schreef|geschreven)"
_DATE = (
    r"(?:\b\d{1,4}[./-]\s?\d{1,2}[./-]\s?\d{1,4}\b|\b\d{1,2}:\d{2}\b|\b\d{1,2}\.?\s(?:de\s)?[^\W\d]{3,10}\.?,?\s(?:de\s)?\d{4}\b"
    r"|\b[^\W\d]{3,10}\.?\s\d{1,2},?\s\d{4}\b|\b\d{4}[\u5e74\ub144])"
)
_INTRODUCTION = re.compile(
    rf"(?=.*(?:{_DATE}|\S@\S)).*\b{_WROTE}\b[^:]{{0,80}}:$|(?=.*\S@\S).*{_DATE}.*:$"
)  # of a quotation: who wrote it and when, or from which address
_NO_CHARSETS = frozenset(("idna", "punycode", "raw_unicode_escape", "unicode_escape"))  # Python's own; slow, or worse
_MAX_INTRODUCTION = 3  # lines before a quotation that say whose it is
_MAX_INTRODUCTION_LENGTH = 500  # characters of these
_NO_TEXT = frozenset(("script", "style", "title", "blockquote"))
_INLINE = re.compile("(?:a|abbr|b|bd[io]|big|cite|code|em|font|i|img|mark|q|s|small|span|strong|su[bp]|tt|u|wbr)$")


def mail_in(path: Path, start: bytes) -> Mail | None:
    """What reads a file of mail, if its name and its beginning are that of one.

    Args:
        path: Its name.
        start: Its first bytes.
    """
    suffix = path.suffix.lower()
    start = start.removeprefix(codecs.BOM_UTF8)
    if suffix == ".mbox" and _FIRST_LINE.match(start):
        return Mail(many=True)
    return Mail(many=False) if suffix == ".eml" and _HEADER.match(start) else None


class Mail:
    """Reads a file of mail.

    Args:
        many: Whether it holds many messages, as an mbox does.

    Attributes:
        passed: What was passed over so far.
    """

    def __init__(self, many: bool) -> None:
        self._many = many
        self.passed = Passed("mail")

    def texts(self, blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
        """What was written in each message, a blank line after it.

        Args:
            blocks: The file, from its first to its last byte.
            encoding: Of what does not name its own.
        """
        for content, last in _messages(blocks, self._many):
            self.passed[_HEADERS] += 1
            try:
                message = message_from_bytes(content)
                whole = _HEADERS_END.search(content) is not None
                text = self._written(message, encoding) if whole else ""
            except (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
                self.passed[_UNREADABLE] += 1  # what stands in a header may be anything
                continue
            if last and ((self._many and not (whole and content.endswith(b"\n"))) or _is_cut(message)):
                self.passed.remark = "ends inside a message, which was read as far as it goes"
            if text:
                yield text + "\n\n"

    def _written(self, message: Message, encoding: str) -> str:
        """What was written in a message: its plain text, or its page where it has none."""
        found: dict[str, list[str]] = {"text/plain": [], "text/html": []}
        for part in message.walk():
            if part.is_multipart():
                continue
            if part.get_content_type() in found and part.get_content_disposition() != "attachment":
                found[part.get_content_type()].append(_decoded(part, encoding))
            else:
                self.passed[_ATTACHED] += 1
        texts = [text for text in found["text/plain"] if text.strip()] or map(_stripped, found["text/html"])
        return "\n\n".join(filter(None, map(self._own, texts)))

    def _own(self, text: str) -> str:
        """What of a text is neither quoted nor a signature."""
        kept: list[str] = []
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        quoting = False
        for index, line in enumerate(lines):
            if line.rstrip() == "--":
                self.passed[_SIGNATURES] += 1
                break
            if _ORIGINAL.match(line):
                self.passed[_QUOTED] += len(lines) - index
                break
            if line.lstrip().startswith(">") and not line.startswith(">From "):
                if not quoting:
                    self.passed[_QUOTED] += _drop_introduction(kept)
                self.passed[_QUOTED] += 1
                quoting = True
            else:
                kept.append(line.removeprefix(">"))
                quoting = quoting and not line.strip()
        return "\n".join(kept).strip()


def _messages(blocks: Iterable[bytes], many: bool) -> Iterator[tuple[bytes, bool]]:
    """The messages of a file, and whether it is the last."""
    lines: list[bytes] = []
    size, blank = 0, True
    all_lines = _lines(blocks)
    for line in chain((next(all_lines, b"").removeprefix(codecs.BOM_UTF8),), all_lines):
        if many and blank and _FIRST_LINE.match(line):
            if lines:
                yield b"".join(lines), False
            lines, size = [], 0
        elif size < MAX_MESSAGE:
            lines.append(line)
            size += len(line)
        blank = not line.strip(b"\r\n")
    yield b"".join(lines), True


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file, their ends included; a very long one in parts."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if len(rest) > 1 << 16:
            yield rest
            rest = b""
    if rest:
        yield rest


def _is_cut(message: Message) -> bool:
    """Whether a message has several parts and ends inside one."""
    missing = (errors.CloseBoundaryNotFoundDefect, errors.StartBoundaryNotFoundDefect)
    return any(isinstance(defect, missing) for part in message.walk() for defect in part.defects)


def _decoded(part: Message, encoding: str) -> str:
    """The text of a part; what is no text in its encoding is left out."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        named = codecs.lookup(part.get_content_charset() or encoding).name
        text = content.decode(encoding if named in _NO_CHARSETS else named, "replace")
    except (LookupError, ValueError):  # an encoding that nobody knows
        text = content.decode(encoding, "replace")
    return text.replace("\0", "").rstrip("\ufffd")


def _drop_introduction(kept: list[str]) -> int:
    """Take out the lines before a quotation that say whose it is and when; how many these were."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    begin = end
    while begin and kept[begin - 1].strip():
        begin -= 1
    block = " ".join(line.strip() for line in kept[begin:end])
    if (
        not 0 < end - begin <= _MAX_INTRODUCTION
        or len(block) > _MAX_INTRODUCTION_LENGTH
        or not _INTRODUCTION.match(block)
    ):
        return 0
    del kept[begin:]
    return end - begin


def _stripped(page: str) -> str:
    """The text of an HTML page."""
    reader = _Page()
    reader.feed(page)
    reader.close()
    return "\n".join(" ".join(line.split()) for line in "".join(reader.texts).split("\n"))


class _Page(HTMLParser):
    """Collects the text of an HTML page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden: list[str] = []  # elements, one in the other, that hold no text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NO_TEXT:
            self._hidden.append(tag)
        self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag == self._hidden[-1]:
            self._hidden.pop()
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data.replace("\n", " "))

    def _separate(self, tag: str) -> None:
        if not _INLINE.match(tag):
            self.texts.append("\n" if tag == "br" else "\n\n")
