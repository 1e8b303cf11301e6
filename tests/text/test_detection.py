"""Encodings are named where their bytes show them, and none is named where they do not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nextword.text.detection import guess_encoding

FRENCH = "L\u2019\u00e9t\u00e9 dernier, nous \u00e9tions \u00e0 la plage. O\u00f9 \u00eates-vous all\u00e9s\u00a0?\n"
ENGLISH = "I don\u2019t know what to do, \u201cshe said\u201d, and it\u2019s late \u2013 very late.\n"
GERMAN = "Die Stra\u00dfe f\u00fchrte \u00fcber die Br\u00fccke. Er h\u00f6rte sch\u00f6ne Musik.\n"
SPANISH = "\u00bfQu\u00e9 quieres? El ni\u00f1o comi\u00f3 una manzana ma\u00f1ana.\n"
ICELANDIC = "\u00c9g veit ekki hva\u00f0 \u00e9g \u00e1 a\u00f0 gera. \u00dea\u00f0 var \u00fe\u00e1.\n"
POLISH = (
    "Wczoraj pojecha\u0142em do \u0141odzi. By\u0142o bardzo zimno, wi\u0119c wr\u00f3ci\u0142em p\u00f3"
    "\u017ano. G\u0119\u015b.\n"
)
HUNGARIAN = "Elment\u00fcnk a v\u00e1rosba kenyeret venni. \u0150r\u00fclt f\u0171szer, n\u0151.\n"
TURKISH = (
    "D\u00fcn \u0130stanbul'a gittim. Hava \u00e7ok g\u00fczeldi, \u015fimdi eve d\u00f6n\u00fcyorum. I\u015f\u0131k.\n"
)
RUSSIAN = (
    "\u042f \u043d\u0435 \u0437\u043d\u0430\u044e, \u0447\u0442\u043e \u0434\u0435\u043b\u0430\u0442"
    "\u044c. \u041c\u044b \u043f\u043e\u0435\u0445\u0430\u043b\u0438 \u0432 \u0433\u043e\u0440\u043e"
    "\u0434.\n"
)
JAPANESE = (
    "\u79c1\u306f\u6628\u65e5\u3001\u6771\u4eac\u3078\u884c\u304d\u307e\u3057\u305f\u3002\u697d\u3057"
    "\u304b\u3063\u305f\u3067\u3059\u3002\n"
)
CHINESE = (
    "\u6211\u6628\u5929\u53bb\u4e86\u5317\u4eac\u3002\u5929\u6c14\u975e\u5e38\u597d\uff0c\u6211\u4eec"
    "\u5f88\u9ad8\u5174\u3002\n"
)


@pytest.mark.parametrize("times", [3, 10, 300])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        (ENGLISH, "cp1252"),
        (GERMAN, "cp1252"),
        (SPANISH, "cp1252"),
        (ICELANDIC, "cp1252"),
        (ENGLISH, "mac-roman"),
        (GERMAN, "cp850"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (HUNGARIAN, "cp1250"),
        (TURKISH, "cp1254"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "cp866"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
        (FRENCH, "utf-8"),
        (JAPANESE, "utf-8"),
        *((text, f"utf-{wide}") for text in (ENGLISH, RUSSIAN, JAPANESE) for wide in ("16-le", "16-be", "32-le")),
    ],
)
def test_an_encoding_is_found_from_a_few_lines_or_many(text: str, encoding: str, times: int) -> None:
    assert guess_encoding((text * times).encode(encoding)) == encoding


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030"])
def test_a_sample_may_begin_and_end_inside_a_character(encoding: str) -> None:
    content = ((JAPANESE if encoding == "shift_jis" else CHINESE) * 200).encode(encoding)
    assert guess_encoding(content[1:-2]) == encoding


@pytest.mark.parametrize("word", ["Gr\u00fc\u00dfe", "caf\u00e9 au lait", "it\u2019s", "na\u00efve"])
def test_a_word_of_western_europe_is_enough(word: str) -> None:
    assert guess_encoding(word.encode("cp1252")) == "cp1252"


def test_what_is_no_text_has_no_encoding() -> None:
    noise = random.Random(1)
    for content in (
        b"\x89PNG\0\0",
        b"some\0thing",
        noise.randbytes(1_000),
        noise.randbytes(1_000).replace(b"\0", b""),
        noise.randbytes(50_000),
        Path("/bin/sh").read_bytes()[:100_000],
    ):
        assert guess_encoding(content) is None
