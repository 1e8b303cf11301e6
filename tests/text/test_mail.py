"""Mail: what of a message is text, and what becomes of a file that is cut."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest

from nextword.config import FormatConfig
from nextword.text.corpus import Corpus, read_corpus

REPLY = """\
Dear Tom,

shall we have lunch at Caf\u00e9 \u00d6gger?

On Mon, 1 Jan 2024 at 10:00, Tom Miller
<tom@example.org> wrote:
> Hello Anna
>
>> Hello Tom

It is good: I have been there.
> Where is it?
By the river.
--\x20
Anna Smith
www.example.org
"""
READ = """\
Dear Tom,

shall we have lunch at Caf\u00e9 \u00d6gger?


It is good: I have been there.
By the river."""


def message(text: str, subtype: str = "plain", **settings: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "anna@example.org", "A subject line"
    mail.set_content(text, subtype=subtype, **settings)
    return mail


def mbox(path: Path, *messages: EmailMessage) -> Path:
    box = mailbox.mbox(path)
    for mail in messages:
        box.add(mail)
    box.close()
    return path


def read(path: Path, content: bytes | None = None, **settings: object) -> Corpus:
    if content is not None:
        path.write_bytes(content)
    return read_corpus([path], formats=FormatConfig(**settings))  # type: ignore[arg-type]


def text(corpus: Corpus) -> str:
    return corpus.documents[0].text.strip()


@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
def test_a_message_is_read_without_headers_quotations_and_its_signature(tmp_path: Path, encoding: str) -> None:
    corpus = read(tmp_path / "one.eml", message(REPLY, cte=encoding).as_bytes())
    assert text(corpus) == READ
    counted = "1 message header, 6 quoted lines, 1 signature"
    assert corpus.notes == [f"Passed over in {tmp_path / 'one.eml'}: {counted}; --raw reads all of it."]


def test_the_messages_of_an_mbox_are_read_one_after_the_other(tmp_path: Path) -> None:
    head = "<html><head><title>T</title><style>p {}</style></head>"
    page = head + "<body><p>Hi <b>An</b>na,</p><p>see\nyou &amp; me</p></body></html>"
    several = message("The plain one.\n")
    several.add_alternative("<p>The other one.</p>", subtype="html")
    several.add_attachment("Not this.", filename="notes.txt")
    several.add_attachment(b"\0\1\2", maintype="application", subtype="pdf", filename="a.pdf")
    path = mbox(tmp_path / "all.mbox", message(page, "html"), several, message("From here on\nit is fine.\n"))
    corpus = read(path)
    paragraphs = [part.strip() for part in text(corpus).split("\n\n") if part.strip()]
    assert paragraphs == ["Hi Anna,", "see you & me", "The plain one.", "From here on\nit is fine."]
    assert corpus.notes == [f"Passed over in {path}: 3 message headers, 2 attachments; --raw reads all of it."]


def test_a_message_may_be_forwarded_or_answered_above(tmp_path: Path) -> None:
    corpus = read(
        tmp_path / "one.eml", message("I agree.\n\n-----Original Message-----\nFrom: Tom\n\nDo you?\n").as_bytes()
    )
    assert text(corpus) == "I agree."


def test_only_what_says_whose_they_are_goes_with_quoted_lines(tmp_path: Path) -> None:
    corpus = read(tmp_path / "one.eml", message("This is what I do not like:\n> that\nat all.\n").as_bytes())
    assert text(corpus) == "This is what I do not like:\nat all."


def test_each_part_has_its_own_encoding_and_what_is_none_does_no_harm(tmp_path: Path) -> None:
    head = b"From: a@example.org\nContent-Type: text/plain; charset=%b\nContent-Transfer-Encoding: 8bit\n\n"
    assert (
        text(read(tmp_path / "a.eml", head % b"iso-8859-1" + "Gr\u00fc\u00dfe".encode("latin-1"))) == "Gr\u00fc\u00dfe"
    )
    for name in (b"klingon", b"hex", b"undefined", b"punycode", b"\xff"):
        assert text(read(tmp_path / "a.eml", head % name + "Gr\u00fc\u00dfe".encode())) == "Gr\u00fc\u00dfe"


def test_a_message_that_is_odd_does_no_harm_to_the_others(tmp_path: Path) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(2_000))
    odd = [nested, b"Content-Type: text/plain; charset*=x\n\nA", b"\xff: \xff\n\nB", b"Content-Type: ;;==\n\nC"]
    content = b"".join(
        b"From a@example.org Mon Jan  1 10:00:00 2024\n" + part + b"\n\n" for part in [*odd, b"X: y\n\nFine."]
    )
    assert text(read(tmp_path / "odd.mbox", content)).endswith("Fine.")


def test_of_an_mbox_that_is_cut_what_is_there_is_read_with_a_note(tmp_path: Path) -> None:
    path = mbox(tmp_path / "all.mbox", message("First.\n"), message("Second caf\u00e9 and more of it.\n", cte="8bit"))
    content = path.read_bytes()
    for end in range(content.index(b"First.") + 10, len(content) - 3):
        corpus = read(tmp_path / "cut.mbox", content[:end])
        assert text(corpus).startswith("First.")
        assert "Subject" not in text(corpus)
        assert "\ufffd" not in text(corpus)
        cut = f"{tmp_path / 'cut.mbox'} ends inside a message, which was read as far as it goes."
        whole = end > content.rindex(b"\n\nSecond") + 1 and content[end - 1 : end] == b"\n"
        assert (cut in corpus.notes) == (not whole)


def test_of_a_message_that_is_cut_what_is_there_is_read_with_a_note(tmp_path: Path) -> None:
    mail = message("The text.\n")
    mail.add_attachment(bytes(10_000), maintype="application", subtype="pdf", filename="a.pdf")
    content = mail.as_bytes()
    corpus = read(tmp_path / "one.eml", content[: len(content) // 2])
    assert text(corpus) == "The text."
    assert any("ends inside a message" in note for note in corpus.notes)
    assert not any("ends inside" in note for note in read(tmp_path / "one.eml", content).notes)


@pytest.mark.parametrize("name", ["notes.mbox", "notes.eml"])
def test_what_only_has_the_name_of_mail_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    plain = "A text.\n\n> Not quoted.\n-- \nNo signature.\n"
    corpus = read(tmp_path / name, plain.encode())
    assert corpus.documents[0].text == plain
    assert corpus.notes == []


def test_all_of_it_is_read_if_so_asked(tmp_path: Path) -> None:
    content = message(REPLY, cte="8bit").as_bytes()
    assert read(tmp_path / "one.eml", content, raw=True).documents[0].text == content.decode()


def test_where_a_file_is_cut_into_chunks_makes_no_difference(tmp_path: Path) -> None:
    path = mbox(tmp_path / "all.mbox", message(REPLY), message("Hello.\n"))
    digests = {read_corpus([path], chunk_size=size).digest for size in (1, 5, 100, 1 << 20)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    "line",
    [
        "On Mon, 1 Jan 2024 at 10:00, Tom Miller wrote:",
        "Tom Miller <tom@example.org> wrote:",
        "Am 01.01.24 um 10:00 schrieb Tom Miller:",
        "Le lun. 1 janv. 2024 \u00e0 10:00, Tom <tom@example.org> a \u00e9crit\u00a0:",
        "Em seg., 1 de jan. de 2024, Tom escreveu:",
        "2024-01-01 10:00 GMT+01:00 Tom Miller <tom@example.org>:",
        "pon., 1 sty 2024 o 10:00 Tom <tom@example.org> napisa\u0142(a):",
    ],
)
def test_an_introduction_names_a_date_or_an_address(tmp_path: Path, line: str) -> None:
    assert text(read(tmp_path / "one.eml", message(f"Yes.\n\n{line}\n> No?\n", cte="8bit").as_bytes())) == "Yes."


@pytest.mark.parametrize(
    "line", ["I asked her and she wrote:", "Price fell 5 %, so:", "Let us meet on 1/2/2024 at 10:00, then:"]
)
def test_a_sentence_before_a_quotation_is_no_introduction(tmp_path: Path, line: str) -> None:
    assert text(read(tmp_path / "one.eml", message(f"Yes.\n\n{line}\n> No?\n").as_bytes())) == f"Yes.\n\n{line}"


def test_a_byte_order_mark_does_not_hide_mail(tmp_path: Path) -> None:
    mail = message("Hello.\n")
    assert text(read(tmp_path / "one.eml", b"\xef\xbb\xbf" + mail.as_bytes())) == "Hello."
    content = mbox(tmp_path / "all.mbox", mail, mail).read_bytes()
    assert text(read(tmp_path / "all.mbox", b"\xef\xbb\xbf" + content)).split() == ["Hello.", "Hello."]
