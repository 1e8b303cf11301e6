"""Exports of chats: whether a text is one, and what people said in it.

WhatsApp's, as an iPhone and as Android write them, in whatever order a country has its dates, and IRC's:

    [12/31/23, 10:15:30 PM] Anna: Happy new year!       31.12.23, 22:15 - Anna: Happy new year!
    [22:15] <anna> Happy new year!                      22:15 * anna waves

The time goes, and the name unless it is to be kept; so do the lines that the program wrote: who came and went, and
what stands for pictures. They become blank lines, so that line numbers stay as they are.
"""

from __future__ import annotations

import re

from nextword.text.passed import Passed, Thing

_MAX_LINES = 5_000  # lines that are looked at, the first ones
_MAX_BEFORE = 100  # lines before the first that looks like a chat's
_MIN_STAMPED = 0.6  # share of the lines with a date and a time: messages may have several lines
_MIN_IRC = 0.8  # share of the lines that are IRC's

_MARKS = "[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]*"  # in which direction a text is written
_DATE = r"\d{1,4}[./\-]\s?\d{1,2}[./\-]\s?\d{1,4}\.?"
_HALF = r"[^\W\d]{1,7}\.?"  # of the day, or "at" in some languages
_TIME = rf"(?:{_HALF}\s?)?\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?(?:\s?[^\W\d]{{1,3}}\.?(?:\s?[^\W\d]{{1,2}}\.?)?)?"
_MOMENT = rf"(?:{_DATE}[,\u060c]?[\sT]\s?{_TIME}|{_TIME}[,\u060c]\s{_DATE})"
_STAMP = re.compile(rf"{_MARKS}(?:\[{_MOMENT}\]\s?|{_MOMENT}\s[-\u2013]\s|{_MOMENT},\s(?=[^:]{{1,80}}\s:\s))")
_NO_NAME = r"(?!(?:\S*\.)?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b)"  # what a program's log has
_SPEAKER = re.compile(rf"{_MARKS}(?![<*]){_NO_NAME}([^:]{{1,80}}?){_MARKS}\s?:(?:\s|$)")
_NO_MESSAGE = re.compile(
    "\u200e|<[^<>]*>$|\\S+\\.\\w{2,4} \\([^()]*\\)$|(?:This message was deleted|You deleted this message)\\.?$"
)
_EDITED = re.compile("(?:\u200e<[^<>]{1,80}>|<This message was edited>)$")

_CLOCK = rf"(?:\[(?:{_DATE}[\sT])?\d{{1,2}}:\d{{2}}(?::\d{{2}})?\]|(?:{_DATE}[\sT])?\d{{1,2}}:\d{{2}}(?::\d{{2}})?)\s+"
_IRC = re.compile(
    rf"(?P<clock>{_CLOCK})?(?:<[\s@+%&~!]?(?P<nick>[^<>\s]{{1,40}})>(?:\s+|$)|\*\s(?P<actor>\S{{1,40}})\s+"
    rf"|(?P<event>\*{{2,3}}|-!-|-{{1,3}}>|<-{{1,3}}|={{3}}|---)(?:\s|$)|{_NO_NAME}(?P<name>[^\s:<>]{{1,30}}):\s)"
)
_CAME_OR_WENT = re.compile(
    r"(?:\([^()]*\) |\[[^\[\]]*\] )?(?:has |have )?"
    r"(?:(?:joined|quit|left|parted)(?:\s(?:the\s(?:channel|chat|room)\.?|[#&]\S+))?(?:\s\(.*\)|\s\[.*\])?\s*$"
    r"|(?:set|changed|changes) (?:the )?topic (?:(?:of|on|for) [#&]|to:|to ['\"]))"
    r"|is now known as \S+\s*$|sets mode:? [+-]|was kicked (?:by|from) \S+(?:\s\(.*\)|\s\[.*\])?\s*$"
)
_STAMPS = Thing("time stamp", "time stamps")
_STAMPS_AND_NAMES = Thing("time stamp and speaker", "time stamps and speakers")
_PROGRAM = Thing("line of the program's own", "lines of the program's own")


def chat_of(sample: str, keep_speakers: bool) -> Chat | None:
    """What reads a chat, if a text that begins so is one: most of its lines look like it."""
    if not any(_STAMP.match(line) or _is_irc(line) for line in _lines(sample, _MAX_BEFORE)):
        return None
    lines = _lines(sample, _MAX_LINES)
    stamps = [(line, found.end()) for line in lines if (found := _STAMP.match(line))]
    said = sum(_SPEAKER.match(line, end) is not None for line, end in stamps)
    if len(stamps) >= max(2, _MIN_STAMPED * len(lines)) and 2 * said >= len(stamps):
        return Chat(keep_speakers)
    irc = sum(map(_is_irc, lines))
    return IRCChat(keep_speakers) if irc >= max(2, _MIN_IRC * len(lines)) else None


def _lines(sample: str, most: int) -> list[str]:
    """The first lines of a text without those that are blank."""
    return [line for line in sample.split("\n", most)[:most] if line and not line.isspace()]


def _is_irc(line: str) -> bool:
    """Whether a line can hardly be anything else: a name in angle brackets, or something else after a time."""
    found = _IRC.match(line)
    if found is None or "</" in line:
        return False
    if found["name"]:
        return line.startswith("[")
    return bool(found["clock"] or found["nick"] or (found["event"] in ("---", "-!-", "***", "===")))


class Chat:
    """Reads the lines of a WhatsApp export one after the other."""

    def __init__(self, keep_speakers: bool) -> None:
        self._keep_speakers = keep_speakers
        self.passed = Passed("chat")

    def __call__(self, line: str) -> str:
        """What was said in a line; empty where that is nothing."""
        stamp = _STAMP.match(line)
        if stamp is None:  # a message goes on
            return _EDITED.sub("", line)
        speaker = _SPEAKER.match(line, stamp.end())
        if speaker is None or _NO_MESSAGE.match(line, speaker.end()):
            return self._nothing()
        return self._said(speaker[1], _EDITED.sub("", line[speaker.end() :]), ": ")

    def _nothing(self) -> str:
        self.passed[_PROGRAM] += 1
        return ""

    def _said(self, name: str, text: str, between: str) -> str:
        self.passed[_STAMPS if self._keep_speakers else _STAMPS_AND_NAMES] += 1
        return f"{name}{between}{text}" if self._keep_speakers else text


class IRCChat(Chat):
    """Reads the lines of an IRC log one after the other."""

    def __call__(self, line: str) -> str:
        """What was said or done in a line; empty where that is nothing."""
        found = _IRC.match(line)
        if found is None:
            clock = re.match(_CLOCK, line)
            return line[clock.end() :] if clock else line
        text = line[found.end() :]
        if found["event"] or (found["actor"] and _CAME_OR_WENT.match(text)):
            return self._nothing()
        if found["name"] and not found["clock"]:
            return line
        return self._said(found["nick"] or found["name"] or found["actor"], text, " " if found["actor"] else ": ")
