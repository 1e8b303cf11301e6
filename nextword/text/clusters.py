"""Several characters that are written as one: emoji, and letters with a joiner between them.

A joiner (U+200D) or non-joiner (U+200C) cannot be seen; anywhere else than in an emoji or in a word of a script that
has use for it, it may hide or command something. `IN_PLACE` is where it may stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

ZERO_WIDTH_JOINER = "\u200d"
JOINERS = "\u200c\u200d"
TEXT, PICTURE = "\ufe0e", "\ufe0f"  # which of the two the sign before is to be
# The letters, marks and digits between which joiners decide how they look: of Arabic, Syriac and N'Ko, of the scripts
# of India and Sri Lanka, Tibetan, Myanmar, Khmer, Mongolian, and their neighbors.
JOINING = "\u0620-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\u1810-\u18af\u1900-\u1c4f\u1cd0-\u1cff"
JOINING += "\ua800-\ua8ff\ua930-\ua95f\ua980-\uaa7f\uaae0-\uaaff\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc"
JOINING += "\U00010a00-\U00010aff\U00010b80-\U00010baf\U00010d00-\U00010d3f\U00010f30-\U00011fff\U0001e900-\U0001e95f"
# The signs that take a consonant's vowel away; a joiner after one counts at a word's end, too.
VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"

PICTOGRAPHS = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712"
    "\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797"
    "\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f"
    "\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff"
    "\U0001fc00-\U0001fffd"
)
# Of those below U+1F000, the ones that are a picture without asking for it (U+FE0F), and four that people use as one.
_PICTURES = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd"
    "\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\u2639\u263a\u2665\u2764"
)
SKIN_TONES = "\U0001f3fb-\U0001f3ff"
TAGS = "\U000e0020-\U000e007f"
KEYCAP = "[0-9#*]\ufe0f?\u20e3"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_PICTOGRAPH = f"[{PICTOGRAPHS}](?:[\ufe0e\ufe0f]\u20e3?|[{SKIN_TONES}]|[{TAGS}]+)?"
# One emoji (Unicode Technical Standard 51, section 1.4.9), and with it the single signs that may become one.
EMOJI = f"(?:{_FLAG}|{KEYCAP}|{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH})*)"
IN_PLACE = f"{EMOJI}|(?<=[{JOINING}])[{JOINERS}](?=[{JOINING}])|(?<=[{VIRAMAS}])\u200d"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern compiled when it is first wanted: many a command never meets one of these characters."""
    return re.compile(pattern)


def is_emoji(token: str) -> bool:
    """Whether a token is one emoji, and no sign that is as often a plain mark, such as a check mark or an arrow."""
    if token.isascii() or not _compiled(EMOJI).fullmatch(token):
        return False
    return len(token) > 1 or token >= "\U0001f000" or bool(_compiled(f"[{_PICTURES}]").match(token))


def is_printable(text: str) -> bool:
    """`str.isprintable`, for which no joiner is printable; here those in their place are."""
    return text.isprintable() or _compiled(IN_PLACE).sub("-", text).isprintable()


def replace_elsewhere(unwanted: re.Pattern[str], replacement: Callable[[re.Match[str]], str], text: str) -> str:
    """`unwanted.sub(replacement, text)`, but for what stands in its place in an emoji or a word."""
    if not unwanted.search(text):
        return text
    pattern = _compiled(f"(?P<kept>{IN_PLACE})|{unwanted.pattern}")
    return pattern.sub(lambda match: match.group() if match["kept"] else replacement(match), text)
