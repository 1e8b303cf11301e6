"""Which encoding bytes seem to have: said in hints, and nothing is read by it.

The library tells writing systems apart. Which of the code pages for Latin letters it is, of which several often give
some letters for every byte, is seen from whether the letters are those of one language.
"""

from __future__ import annotations

import codecs
from string import ascii_letters

_PLAIN_LETTERS, _BEYOND_ASCII = ascii_letters.encode(), bytes(range(0x80, 0x100))
_MIN_WIDE_LENGTH = 16  # bytes of a text, fewer of which may be UTF-16 by chance
_MIN_CUT_LENGTH = 4_096  # bytes, from which on a first and a last line can be done without
_WIDE = ["utf_32_le", "utf_32_be", "utf_16_le", "utf_16_be"]
_NARROW = [
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
    *("cp1251", "koi8_r", "cp866", "iso8859_5", "cp1253", "cp1255", "cp1256"),
    *("cp1252", "cp1250", "cp1254", "cp1257", "mac_roman", "cp850"),
]
_BETTER_KNOWN = {"cp932": "shift_jis", "cp949": "euc_kr"}  # parts of them
_MAX_CHAOS = 0.15  # as the library counts it: 0 is a clean text, from 0.2 on it is none
_MIN_LEAD = 0.03  # by which the best must fit its language better than the next, where both are as clean

_WEST = ["àâçéèêëîïôùûüÿœæ", "äöüß", "áéíñóúüç", "ãáâàçéêíóôõúü", "àèéìíîòóù", "áéëïóöü", "åäöéæøü", "áéíóúýþæðö"]
_CENTER = ["ąćęłńóśźż", "áčďéěíňóřšťúůýžäĺľôŕ", "áéíóöőúüű", "čćđšž", "ăâîşţ"]
_LATIN = {  # the letters of languages, by code page; of two that fit as well it is the first
    "cp1252": _WEST,
    "cp1250": _CENTER,
    "cp1254": ["çğıİöşüâîû"],
    "cp1257": ["ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"],
    "iso8859-2": _CENTER,
    "mac-roman": _WEST,
    "cp850": _WEST,
}
_QUOTES_AND_DASHES = "\u2018\u2019\u201a\u201c\u201d\u201e\xab\xbb\u2013\u2014\u2026\u2022\xb4\xa1\xbf"
_MARKS = {*_QUOTES_AND_DASHES, *"\u20ac\xa3\xa7\xa9\xae\u2122\xb0\xaa\xba\xb7\xa0\xad"}
_MIN_LATIN_SHARE = 0.9  # of the characters beyond ASCII, that must be such marks or letters of one language


def guess_encoding(sample: bytes) -> str | None:
    """The encoding that some text seems to have; None where that is not sure.

    Args:
        sample: Bytes that begin at a multiple of four bytes of the text, and may begin and end inside a line.
    """
    if b"\0" in sample:
        return _found(sample[: len(sample) // 4 * 4], _WIDE) if len(sample) >= _MIN_WIDE_LENGTH else None
    lines = sample.splitlines(keepends=True)
    if len(sample) > _MIN_CUT_LENGTH and len(lines) > 2:
        lines = lines[1:-1]
    whole = b"".join(line for line in lines if not line.isascii()) or sample
    if _decodes(whole, "utf-8"):
        return "utf-8"
    if _count(whole, _PLAIN_LETTERS) > _count(whole, _BEYOND_ASCII) and (page := _latin_page(whole)):
        return page
    found = _found(whole, _NARROW)
    return _latin_page(whole) if found in _LATIN else found


def _found(sample: bytes, encodings: list[str]) -> str | None:
    """Which of some encodings the library finds, unless another one gives as good a text."""
    from charset_normalizer import from_bytes

    matches = [match for match in from_bytes(sample, cp_isolation=encodings) if match.chaos <= _MAX_CHAOS]
    matches = [match for match in matches if _is_likely(match.encoding, str(match))]
    if not matches:
        return None
    best, rivals = matches[0], [match for match in matches[1:] if match.chaos == matches[0].chaos]
    name = codecs.lookup(best.encoding).name
    if name not in _LATIN and any(best.coherence - rival.coherence < _MIN_LEAD for rival in rivals):
        return None
    part = _BETTER_KNOWN.get(name)
    return part if part and _decodes(sample, part) else name


def _is_likely(encoding: str, text: str) -> bool:
    """Whether a text is not one in KOI8-R that was read in another Russian code page, or Japanese read as Korean."""
    if encoding == "cp949":
        return 2 * sum("\uac00" <= char <= "\ud7a3" for char in text) > sum(not char.isascii() for char in text)
    return sum(map(str.isupper, text)) <= sum(map(str.islower, text))


def _latin_page(sample: bytes) -> str | None:
    """The code page in which the letters beyond ASCII are best those of one language."""
    shares = {page: _share(sample.decode(page), _LATIN[page]) for page in _LATIN if _decodes(sample, page)}
    best = max(shares, key=shares.__getitem__, default=None)
    return best if best and shares[best] >= _MIN_LATIN_SHARE else None


def _share(text: str, alphabets: list[str]) -> float:
    """How many of the characters beyond ASCII are marks in common use, or letters of one of the languages."""
    beyond = [(before, char) for before, char in zip(" " + text, text, strict=False) if not char.isascii()]
    marks = sum(char in _MARKS for _, char in beyond)
    letters = "".join(char for before, char in beyond if not (before.islower() and char.isupper()))
    most = max(sum(char in alphabet or char.lower() in alphabet for char in letters) for alphabet in alphabets)
    return (marks + most) / max(len(beyond), 1)


def _count(sample: bytes, values: bytes) -> int:
    return len(sample) - len(sample.translate(None, values))


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
