"""Exports of chats: what is one, and what of it is text."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextword.config import FormatConfig
from nextword.text.corpus import Corpus, read_corpus
from nextword.text.paragraphs import PARAGRAPH_END

IPHONE = """\
[12/31/23, 10:15:29 PM] Family: \u200eMessages and calls are end-to-end encrypted.
[12/31/23, 10:15:30\u202fPM] Anna: Happy new year!
[12/31/23, 10:16:01\u202fPM] Peter M\u00fcller: Same to you: all of you
and the children

\u200e[12/31/23, 10:17:01\u202fPM] Anna: \u200eimage omitted
[12/31/23, 10:18:01\u202fPM] ~\u202fTom: See you \u200e<This message was edited>
[1/1/24, 9:18:09\u202fAM] \u202a+49 170 12345\u202c: https://example.org/a
"""
ANDROID = """\
31.12.23, 22:14 - Nachrichten und Anrufe sind Ende-zu-Ende-verschl\u00fcsselt.
31.12.23, 22:15 - Anna: Frohes neues Jahr!
31.12.23, 22:15 - Peter: <Medien ausgeschlossen>
31.12.23, 22:16 - Peter: IMG-20231231-WA0001.jpg (Datei angeh\u00e4ngt)
01.01.24, 00:01 - Peter: Prost: auf uns
und auf euch
01.01.24, 00:02 - Anna ist beigetreten
"""
IRC = """\
--- Log opened Mon Jan 01 12:00:00 2024
12:34 -!- bob [~bob@host] has joined #chan
12:34 <alice> hello bob
[12:35] <@bob> hi alice, look: it's <b>here</b>
12:36 * alice waves
12:37 * bob has quit (Ping timeout)
12:37 -!- mode/#chan [+o alice] by ChanServ
[12:38:10] <+alice> gone
"""
STAMPS = [
    "12/31/23, 10:15 PM - Anna: ",
    "31/12/2023 22:15 - Anna: ",
    "31/12/2023, 22:15 - Anna: ",
    "[31/12/23 22:15:30] Anna: ",
    "[31.12.2023, 22:15:30] Anna: ",
    "2023-12-31, 22:15 - Anna: ",
    "[2023-12-31 22:15] Anna: ",
    "[2023-12-31, 10:15:30 p.m.] Anna: ",
    "31/12/23 10:15 p. m. - Anna: ",
    "31.12.23 um 22:15 - Anna: ",
    "31.12.2023 klo 22.15 - Anna: ",
    "31-12-2023 22:15 - Anna Maria de la Cruz: ",
    "2023/12/31 \u4e0b\u534810:15 - Anna: ",
    "2023. 12. 31. \uc624\ud6c4 10:15, Anna : ",
    "\u0663\u0661/\u0661\u0662/\u0662\u0660\u0662\u0663\u060c \u0661\u0660:\u0661\u0665 \u0645 - Anna: ",
    "[22:15, 31.12.2023] Anna: ",
    "[10:15 PM, 12/31/2023] Anna: ",
    "[22:15] <anna> ",
    "22:15:30 <anna> ",
    "22:15 < anna> ",
    "2023-12-31 22:15:30 <@anna> ",
    "[2023-12-31T22:15:30] <anna> ",
    "[22:15] anna: ",
    "<anna> ",
]
NONE = {
    "a report": "A report.\n\nIt went on:\n31.12.23, 22:15 - Anna: hi\nwhich was all\nthat was said on\nthat day.\n",
    "a program's log": "2023-12-31 22:15:30,123 - root - INFO - started\n2023-12-31 22:15:31,001 - root - INFO - done\n"
    * 3,
    "a log in brackets": "[2024-01-01 12:00:00] production.ERROR: it failed\n[2024-01-01 12:00:01] INFO: it went on\n",
    "times at which trains go": "12:30 Paris\n12:45 London\n13:00 Berlin\n",
    "a page": "<p> one </p>\n<p> two </p>\n<b> three </b>\n",
    "bullets": "* one thing\n* another thing\n* the last\n",
    "a play": "Anna: Hello!\nPeter: Hello\nto you.\n",
    "one line": "[12/31/23, 10:15:30 PM] Anna: hello\n",
}


def corpus(folder: Path, text: str, **settings: object) -> Corpus:
    path = folder / "chat.txt"
    path.write_text(text, encoding="utf-8")
    return read_corpus([path], formats=FormatConfig(**settings))  # type: ignore[arg-type]


def lines(folder: Path, text: str, **settings: object) -> list[str]:
    """The lines as they are read, each of which is a paragraph."""
    read = corpus(folder, text, **settings).documents[0].text
    return [line.removesuffix(PARAGRAPH_END).rstrip() for line in read.split("\n")][:-1]


@pytest.mark.parametrize("stamp", STAMPS)
def test_a_time_and_a_speaker_are_no_text(tmp_path: Path, stamp: str) -> None:
    text = "".join(f"{stamp}{said}\n" for said in ("hello: you there", "good morning", "bye"))
    assert lines(tmp_path, text) == ["hello: you there", "good morning", "bye"]
    kept = lines(tmp_path, text, keep_speakers=True)[1]
    assert kept.casefold().startswith("anna")
    assert kept.endswith(": good morning")
    assert corpus(tmp_path, text, raw=True).documents[0].text.startswith(stamp)


def test_an_export_of_an_iphone_is_read_for_what_people_said(tmp_path: Path) -> None:
    said = ["", "Happy new year!", "Same to you: all of you", "and the children", "", "", "See you"]
    assert lines(tmp_path, IPHONE) == [*said, "https://example.org/a"]
    named = lines(tmp_path, IPHONE, keep_speakers=True)
    assert named[2] == "Peter M\u00fcller: Same to you: all of you"
    assert not any("12/31" in line for line in named)


def test_an_export_of_android_is_read_for_what_people_said(tmp_path: Path) -> None:
    assert lines(tmp_path, ANDROID) == ["", "Frohes neues Jahr!", "", "", "Prost: auf uns", "und auf euch", ""]


def test_a_log_of_irc_is_read_for_what_people_said_and_did(tmp_path: Path) -> None:
    assert lines(tmp_path, IRC) == ["", "", "hello bob", "hi alice, look: it's <b>here</b>", "waves", "", "", "gone"]
    named = lines(tmp_path, IRC, keep_speakers=True)
    assert named[2:5] == ["alice: hello bob", "bob: hi alice, look: it's <b>here</b>", "alice waves"]


def test_what_was_passed_over_is_counted(tmp_path: Path) -> None:
    (note,) = corpus(tmp_path, ANDROID * 500).notes
    counted = "2,000 lines of the program's own, 1,000 time stamps and speakers"
    assert note == f"Passed over in {tmp_path / 'chat.txt'}: {counted}; --raw reads all of it."
    (note,) = corpus(tmp_path, "12:34 <a> hi\n" * 3, keep_speakers=True).notes
    assert note.endswith(": 3 time stamps; --raw reads all of it.")
    assert corpus(tmp_path, ANDROID, raw=True).notes == []


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_chat_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    read = corpus(tmp_path, NONE[name])
    assert read.documents[0].text.replace(PARAGRAPH_END, "") == NONE[name]
    assert not any("Passed over" in note for note in read.notes)


def test_the_messages_of_a_chat_are_joined_if_so_asked(tmp_path: Path) -> None:
    assert PARAGRAPH_END not in corpus(tmp_path, ANDROID, paragraphs="blank").documents[0].text


def test_very_long_lines_are_read(tmp_path: Path) -> None:
    for filler in (" ", "<", "[", "1", ":", "a", "\u200e", "12:34 "):
        text = "[12/31/23, 10:15:30 PM] Anna: hello\n" * 5 + "12:34 <anna> " + filler * 100_000 + "\n"
        assert lines(tmp_path, text)[:5] == ["hello"] * 5


def test_what_somebody_does_on_irc_is_no_coming_or_going(tmp_path: Path) -> None:
    done = [
        "joined the army in 1990",
        "has left her keys at home",
        "left (sadly) the house",
        "was kicked by a horse",
        "is now known as a good cook",
        "changed the topic to something else",
    ]
    gone = [
        "joined #chan",
        "(~bob@host) has joined #chan",
        "[~bob@host] has left #chan [bye]",
        "has left (bye)",
        "has quit (Quit: (gone))",
        "has quit",
        "has left the channel",
        "is now known as bobby",
        "sets mode: +o alice",
        "has changed the topic to: hello",
        "was kicked by alice (spam)",
    ]
    text = "".join(f"[12:35] * bob {what}\n" for what in done + gone)
    assert lines(tmp_path, text) == [*done, *[""] * len(gone)]
