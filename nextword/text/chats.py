"""Exports of chats: whether a text is one, and what people said in it.

WhatsApp's, as an iPhone and as Android write them, in whatever order a country has its dates, and IRC's:

    [12/31/23, 10:15:30 PM] Anna: Happy new year!       31.12.23, 22:15 - Anna: Happy new year!
    [22:15] <anna> Happy new year!                      22:15 * anna waves

The time goes, and the name unless it is to be kept; so do the lines that the program wrote: who came and went, and
what stands for pictures. They become blank lines, so that line numbers stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter

from nextword.text.passed import Passed, Thing

_MAX_LINES = 5_000  # lines that are looked at, the first ones
_MAX_BEFORE = 100  # lines before the first that looks like a chat's
_MIN_STAMPED = 0.6  # share of the lines with a date and a time: messages may have several lines
_MIN_IRC = 0.8  # share of the lines that are IRC's
_MIN_WITHOUT_TIMES = 8  # lines of IRC's without times
_COMMAS = frozenset(",\u060c")  # between a date and a time

_MARKS = "[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]{0,4}"  # some in which direction a text is written
_DATE = (
    rf"(?:\d{{1,4}}{_MARKS}[./\-]\s?\d{{1,2}}{_MARKS}[./\-]\s?\d{{1,4}}\.?(?:\s\u0433\.)?"  # Bulgarian: a letter more
    "|\\d{4}[\u5e74\ub144]\\s?\\d{1,2}[\u6708\uc6d4]\\s?\\d{1,2}[\u65e5\uc77c])"  # Japanese, Korean: year, month, day
)
_HALF = r"[^\W\d]{1,7}\.?"  # of the day, or "at" in some languages
_TIME = rf"(?:{_HALF}\s?)?\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?(?:\s?[^\W\d]{{1,3}}\.?(?:\s?[^\W\d]{{1,2}}\.?)?)?"
_MOMENT = rf"(?:{_DATE}(?:[,\u060c]?[\sT]\s?|[,\u060c]{_MARKS}\s{{0,2}}{_MARKS}){_TIME}|{_TIME}[,\u060c]\s{_DATE})"
_STAMP = re.compile(rf"{_MARKS}(?:\[{_MOMENT}\]\s?|{_MOMENT}\s[-\u2013]\s|{_MOMENT},\s(?=[^:]{{1,80}}\s:\s))")
_NO_NAME = r"(?!(?:\S*\.)?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b)"  # what a program's log has
_QUOTES = (
    r"\"[^\":]{0,80}\"|[\u201c\u201e][^:\u201c\u201d\u201e]{0,80}[\u201c\u201d]|\u00ab[^:\u00ab\u00bb]{0,80}\u00bb"
)
_SPEAKER = re.compile(
    rf"{_MARKS}(?![<*]){_NO_NAME}((?:[^:\"\u201c\u201e\u00ab]|{_QUOTES}){{1,80}}?){_MARKS}\s?:(?:\s|$)"
)
_MEDIA = (  # what says in many languages that something is left out, or attached
    r"\b(?:(?:multi)?medi(?:a|en|efil)|m[\u00e9\u00ed]dias?|medij[ie]|medya|attached:|anhang:"
    r"|adjunto:?|anexado:?|allegato:?|bijgevoegd:?|pi\u00e8ce jointe|fichier joint|bijlage:|angeh\u00e4ngt"
    r"|omitted|weggelassen|omitid[oa]|omess[aoie]|weggelaten)(?!\w)"
    "|\u043c\u0435\u0434\u0438\u0430|\u043c\u0435\u0434\u0456\u0430|\u0645\u062f\u06cc\u0627|\u0631\u0633\u0627\u0646\u0647"
    "|\u0648\u0633\u0627\u0626\u0637|\u05de\u05d3\u05d9\u05d4|\u092e\u0940\u0921\u093f\u092f\u093e"
    "|\u30e1\u30c7\u30a3\u30a2|\u5a92\u4f53|\u5a92\u9ad4|\ubbf8\ub514\uc5b4"
)
_FILE = rf"\b(?:file|datei|archivo|arquivo|fichier|bestand|\u0444\u0430\u0439\u043b)\b|{_MEDIA}"
_OMITTED = (
    r"(?:omitted|weggelassen|absente?s?|omis(?:e|es)?|omitid[oa]s?|omess[aoie]|ocult[oa]s?|weggelaten"
    "|\u043f\u0440\u043e\u043f\u0443\u0449\u0435\u043d[\u0430\u043e\u044b]?)"
)
_TOLD = (  # how lines begin that a mark tells from what people wrote
    r"(?:[^.!?]*\b(?:end-to-end|ende-zu-ende|bout en bout|extremo a extremo|ponta a ponta)\b"
    r"|(?:location|standort|localisation|ubicaci\u00f3n|posizione|localiza\u00e7\u00e3o|locatie)\s?:"
    r"|(?:poll|umfrage|sondage|encuesta|sondaggio|enquete|peiling)\s?:"
    r"|(?:missed|verpasster?|llamada|chiamata|chamada|gemiste)\s(?:\S+\s){0,2}(?:call|\w*anruf|perdida|persa|\w*oproep)"
    r"|appel (?:\S+ )?manqu\u00e9"
    r"|(?:\S+\s){1,4}(?:created (?:this |the )?group|(?:added|removed) \S+$|joined using|left$"
    r"|changed (?:the|this|their|to) |hat (?:die|diese) gruppe|hat \S+ (?:hinzugef\u00fcgt|entfernt)$"
    r"|heeft (?:de|deze) groep"
    r"|a cr\u00e9\u00e9|vous a ajout\u00e9|cre\u00f3|te a\u00f1adi\u00f3|ha creato|ti ha aggiunto|criou|adicionou))"
)
_DELETED = (
    r"(?:This message was deleted(?: by admin [^.]{1,80})?|You deleted this message"
    r"|Diese Nachricht wurde gel\u00f6scht|Du hast diese Nachricht gel\u00f6scht"
    r"|Ce message a \u00e9t\u00e9 supprim\u00e9|Vous avez supprim\u00e9 ce message"
    r"|Se elimin\u00f3 este mensaje|Este mensaje fue eliminado|Eliminaste este mensaje"
    r"|Questo messaggio \u00e8 stato eliminato|Hai eliminato questo messaggio"
    r"|Mensagem apagada|Es[st]a mensagem foi apagada|(?:Voc\u00ea )?apagou esta mensagem"
    r"|Dit bericht (?:is|werd) verwijderd|(?:Je|U) hebt? dit bericht verwijderd)"
)
_NO_MESSAGE = re.compile(
    rf"\u200e?<(?=[^<>]*(?:{_MEDIA}))[^<>]{{1,120}}>\s*$"
    rf"|\u200e?\S+\.\w{{2,4}} \((?=[^()]*(?:{_FILE}))[^()]*\)\s*$"
    rf"|\u200e?(?:IMG|VID|AUD|PTT|STK|DOC)-\d{{8}}-WA\d+\.\w{{2,4}} \([^()]*\)\s*$"
    rf"|\u200e?{_DELETED}\.?\s*$|\u200e(?:[^.!?]{{1,80}}\s{_OMITTED}\s*$|{_TOLD})"
    rf"|[^\u200e]{{1,200}}\u200e[^\u200e]{{1,40}}\u200e[^\u200e.!?]{{1,40}}\s{_OMITTED}\s*$",
    re.IGNORECASE,
)
_EDITED = re.compile(
    r"\s?(?:\u200e<[^<>]{1,80}>|<(?:This message was edited|Diese Nachricht wurde bearbeitet"
    r"|Ce message a \u00e9t\u00e9 modifi\u00e9|Se edit\u00f3 este mensaje|Este mensaje fue editado"
    r"|Questo messaggio \u00e8 stato modificato|Mensagem editada|Es[st]a mensagem foi editada"
    r"|Dit bericht (?:is|werd) bewerkt)\.?>)\s*$"
)

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
    if not any(_STAMP.match(line) or _irc(line) for line in _lines(sample, _MAX_BEFORE)):
        return None
    lines = _lines(sample, _MAX_LINES)
    stamps = [(line, found.end()) for line in lines if (found := _STAMP.match(line))]
    names = [speaker[1] for line, end in stamps if (speaker := _SPEAKER.match(line, end))]
    if len(stamps) >= max(2, _MIN_STAMPED * len(lines)) and 2 * len(names) >= len(stamps):
        commas = sum(not _COMMAS.isdisjoint(line[:end]) for line, end in stamps)
        return Chat(keep_speakers) if 2 * commas >= len(stamps) or _recur(names) else None
    return IRCChat(keep_speakers) if _is_irc_log(lines) else None


def _recur(names: list[str]) -> bool:
    """Whether names are those of a few people who speak again and again, not words before a colon."""
    different = set(names)
    return 2 * len(different) < len(names) and (len(different) > 1 or not names[0][0].islower())


def _is_irc_log(lines: list[str]) -> bool:
    """Whether most lines are IRC's; without times these must be more, of several people who recur."""
    found = [line for line in map(_irc, lines) if line]
    if len(found) < max(2, _MIN_IRC * len(lines)):
        return False
    if 2 * sum(line["clock"] is not None for line in found) >= len(found):
        names = [line["name"] for line in found if line["name"]]
        return 2 * len(names) < len(found) or 2 * len(set(names)) < len(names)
    nicks = Counter(line["nick"] for line in found if line["nick"])
    recurring = sum(count > 1 for count in nicks.values())
    return len(found) >= _MIN_WITHOUT_TIMES and recurring > 1 and 2 * len(nicks) < nicks.total()


def _lines(sample: str, most: int) -> list[str]:
    """The first lines of a text without those that are blank."""
    return [line for line in sample.split("\n", most)[:most] if line and not line.isspace()]


def _irc(line: str) -> re.Match[str] | None:
    """The parts of a line that can hardly be any but IRC's: a name in angle brackets, or something after a time."""
    found = _IRC.match(line)
    if found is None or "</" in line:
        return None
    if found["name"]:
        return found if line.startswith("[") else None
    return found if found["clock"] or found["nick"] or found["event"] in ("---", "-!-", "***", "===") else None


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
