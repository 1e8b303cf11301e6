"""Subtitles without their numbers and times, and Markdown without front matter, code and addresses."""

from __future__ import annotations

import html
import re

from nextword.text.paragraphs import ends_sentence
from nextword.text.passed import Passed, Thing

_NO_TOKEN = "\u2060"  # a word joiner: keeps a line from being blank where a sentence goes on after it
_TIMES = Thing("time", "times")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<(?:\d{1,3}:)?\d\d?:\d\d\.\d{1,3}>|\{\\[^{}]{0,200}\}")
_UNSEPARATED = re.compile(r"\S[ \t]*\n[ \t]*\d{1,6}[ \t]*\n[^\n]{0,40}-->")  # a number right after a line that is said
_MAX_DIGITS = 10  # of a subtitle's number
_NO_SUBTITLE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?:\s|$)")

_FRONT_MATTER = re.compile(
    r"(---|\+\+\+)[ \t]*\n(?=[\w\"'][^\s:=]{0,60}[ \t]*[:=]|[#\[]|\1)"
    r"(?:(?:[\w\"'][^:=\n]{0,60}[:=](?:[ \t].*)?|[ \t#\[\]{}].*|-[ \t].*)?\n)*?(?:\1|\.\.\.)[ \t]*(?:\n|$)"
)  # whose lines are `key: value` or `key = value`, or go on with a value
FENCE = re.compile(r"[\s>]*(?:(?:[-*+]|\d+[.)])\s+)?(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
FENCE_END = re.compile(r"[\s>]*(`{3,}|~{3,})\s*$")
_TARGET = r"\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)"
LINK = re.compile(rf"!?\[([^\[\]]*)\](?:{_TARGET}|\[[^\[\]]*\])")
ADDRESS = re.compile(r"<(?:https?|mailto|ftp):[^<>\s]*>")
DEFINITION = re.compile(
    r" {0,3}\[[^\[\]]+\]:\s+(?:<[^<>]*>|(?=\S*(?:[/#@:]|\w\.\w))\S+)(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*$"
)
_HEAD = Thing("line of front matter", "lines of front matter")
_CODE = Thing("line of code", "lines of code")
_ADDRESSES = Thing("address", "addresses")


class Subtitles:
    """Reads the lines of SubRip or WebVTT subtitles one after the other.

    A paragraph ends with a subtitle that ends a sentence, for many sentences go over several.

    Args:
        web: Whether it is WebVTT, whose subtitles may have names, and comments between them.
        join: Whether a sentence that goes on is one paragraph.
        sample: How the text begins.
    """

    def __init__(self, web: bool, join: bool, sample: str) -> None:
        self._web, self._join = web, join
        self._unseparated = _UNSEPARATED.search(sample) is not None  # a number may come without a blank line before it
        self._next = ""  # number of the next subtitle
        self._between = True  # the last line was blank, or a number, or no subtitle at all
        self._comment = self._open = False
        self.passed = Passed("subtitles")

    def __call__(self, line: str) -> str:
        """What is said in a line; nothing in a number, a time and a comment."""
        if not line.strip():
            self._between, self._comment = True, False
            return self._nothing()
        if "-->" in line and not self._comment:
            self._between = False
            self.passed[_TIMES] += 1
            return self._nothing()
        if self._between:
            self._comment = self._comment or (self._web and _NO_SUBTITLE.match(line) is not None)
            if self._web or line.strip(" \t\ufeff").isdecimal():
                return self._number(line)
        elif self._unseparated and line.strip() == self._next:
            self._between = True
            return self._number(line)
        text = html.unescape(_TAG.sub("", line))
        if not text.strip():
            return self._nothing()
        self._open = self._join and not ends_sentence(text.rstrip())
        return text

    def _number(self, line: str) -> str:
        number = line.strip(" \t\ufeff")
        self._next = str(int(number) + 1) if number.isdecimal() and len(number) < _MAX_DIGITS else ""
        return self._nothing()

    def _nothing(self) -> str:
        return _NO_TOKEN if self._open else ""


class Markdown:
    """Reads the lines of Markdown one after the other.

    Args:
        sample: How the text begins.
    """

    def __init__(self, sample: str) -> None:
        head = _FRONT_MATTER.match(sample)
        self._head = head[0].rstrip("\n").count("\n") + 1 if head else 0  # lines of it that are still to come
        self._fence = ""  # what has begun the block of code that a line is in
        self._line = 0  # number of the line
        self.passed = Passed("Markdown")

    def __call__(self, line: str) -> str:
        """A line without addresses; nothing of one that is code or front matter."""
        self._line += 1
        if self._head:
            self._head -= 1
            return self._nothing(_HEAD)
        if self._fence:
            end = FENCE_END.match(line)
            if end and end[1].startswith(self._fence):
                self._fence = self.passed.remark = ""
            return self._nothing(_CODE)
        if fence := FENCE.match(line):
            self._fence = fence["fence"]
            self.passed.remark = (
                f"ends inside the block of code that begins in line {self._line:,}, and no word after that is read"
            )
            return self._nothing(_CODE)
        if DEFINITION.match(line):
            return self._nothing(_ADDRESSES)
        line, links = LINK.subn(r"\1", line)
        line, more = LINK.subn(r"\1", line) if links else (line, 0)  # a picture may be a link
        line, alone = ADDRESS.subn("", line)
        if links or alone:
            self.passed[_ADDRESSES] += links + more + alone
        return line

    def _nothing(self, thing: Thing) -> str:
        self.passed[thing] += 1
        return ""
