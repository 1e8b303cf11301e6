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
    "31.12.23 \u0433., 22:15 - Anna: ",
    "2023\ub144 12\uc6d4 31\uc77c \uc624\ud6c4 10:15, Anna : ",
    "[\u06f1\u06f4\u06f0\u06f2/\u06f1\u06f0/\u06f1\u06f0\u060c\u200f \u06f2\u06f2:\u06f1\u06f5:\u06f3\u06f0] Anna: ",
    "[31\u200f/12\u200f/2023, 10:15:30 \u0645] Anna: ",
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
    "a diary": "".join(f"{day}.12.2023 22:15 - {what}: we went\n" for day, what in enumerate(["today"] * 5, 10)),
    "reports with their dates": "".join(f"01.01.2024 10:0{n} - {'ABCDEFGH'[n]}erlin: A report.\n" for n in range(8)),
    "four names in brackets": "<a> hello\n<b> hello\n" * 2,
    "eight different names in brackets": "".join(f"<{name}> hello\n" for name in "abcdefgh"),
    "times and places": "[12:30] Paris: one\n[12:45] London: two\n[12:50] Berlin: three\n",
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


def test_a_log_of_irc_without_times_has_several_people_who_recur(tmp_path: Path) -> None:
    text = "<anna> hello\n<@bob> hi\n<anna> how are you?\n" * 3
    assert lines(tmp_path, text) == ["hello", "hi", "how are you?"] * 3
    assert lines(tmp_path, text, keep_speakers=True)[1] == "bob: hi"


STAMP = "31.12.23, 22:15 - Bob: "


def test_what_people_said_is_no_line_of_the_program(tmp_path: Path) -> None:
    said = [
        "\u200eaber ja",
        "<das war ein Scherz>",
        "google.com (cool)",
        "You deleted this message, why?",
        "image omitted",
    ]
    said += ["\u200eWe left.", "Diese Nachricht wurde gel\u00f6scht, oder?"]
    assert lines(tmp_path, "".join(f"{STAMP}{line}\n" for line in said)) == said


def test_what_stands_for_messages_is_no_text(tmp_path: Path) -> None:
    none = [
        "\u200eimage omitted",
        "\u200eBild weggelassen",
        "\u200e<attached: 0001-PHOTO.jpg>",
        "\u200e<Anhang: 0001-PHOTO.jpg>",
        "a.pdf \u2022 \u200e3 pages \u200edocument omitted",
        "\u200eAnna created this group",
        "\u200eMissed voice call",
        "\u200eMessages and calls are end-to-end encrypted.",
        "<Media omitted>",
        "<Arquivo de m\u00eddia oculto>",
        "<M\u00e9dias omis>",
        "notes.pdf (file attached)",
        "IMG-20231231-WA0001.jpg (whatever)",
        "This message was deleted",
        "\u200eYou deleted this message.",
        "Diese Nachricht wurde gel\u00f6scht.",
        "Ce message a \u00e9t\u00e9 supprim\u00e9",
        "Se elimin\u00f3 este mensaje.",
        "Questo messaggio \u00e8 stato eliminato",
        "Esta mensagem foi apagada",
        "Dit bericht is verwijderd",
    ]
    text = "".join(f"{STAMP}{line}\n" for line in [*none, "hello"])
    assert lines(tmp_path, text) == [*[""] * len(none), "hello"]


def test_that_a_message_was_edited_is_no_text(tmp_path: Path) -> None:
    notes = ["This message was edited", "Diese Nachricht wurde bearbeitet", "Ce message a \u00e9t\u00e9 modifi\u00e9"]
    notes += [
        "Se edit\u00f3 este mensaje",
        "Questo messaggio \u00e8 stato modificato",
        "Mensagem editada",
        "Dit bericht is bewerkt",
    ]
    assert lines(tmp_path, "".join(f"{STAMP}Hallo <{note}>\n" for note in notes)) == ["Hallo"] * len(notes)


def test_a_colon_in_the_name_of_a_group_ends_no_speaker(tmp_path: Path) -> None:
    renamed = '31.12.23, 22:15 - Z\u00e9 mudou o nome do grupo de "A: b" para "B"\n'
    named = '31.12.23, 22:15 - Tom "T" Smith: hello\n'
    assert lines(tmp_path, named + renamed + named) == ["hello", "", "hello"]


def test_a_line_of_marks_is_soon_read(tmp_path: Path) -> None:
    text = "[12/31/23, 10:15:30 PM] Anna: hello\n" * 5 + "[12/31/23, 10:15:30 PM] " + "\u200e" * 60_000 + "\n"
    assert lines(tmp_path, text)[:5] == ["hello"] * 5
