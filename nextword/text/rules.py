"""The rules by which ordinary text is cut into words, version by version; a vocabulary keeps the version it began with.

Version 1: curly quotes and dashes folded to their plain forms, words with inner apostrophes and hyphens kept whole,
every punctuation mark a token of its own, lower case unless `cased`.

Version 2, besides: an emoji is one token, however many characters it has; joiners inside a word belong to it where its
script has use for them, and are dropped elsewhere, as the controls of direction are; ligatures are unfolded; a Turkish
capital İ is an i, and a capital sigma at a word's end is the one that stands there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tokenizers import Regex, normalizers

from nextword.text.clusters import (
    EMOJI,
    JOINERS,
    JOINING,
    KEYCAP,
    PICTOGRAPHS,
    PICTURE,
    SKIN_TONES,
    TAGS,
    TEXT,
    VIRAMAS,
    ZERO_WIDTH_JOINER,
)

VERSION = 2  # of new vocabularies


class Rules(NamedTuple):
    """One version: regular expressions (Oniguruma's) and what takes the place of what they find, one after another."""

    fold: dict[str, str]  # to plain characters
    seldom_fold: dict[str, str]  # the same, and it finds something in few texts
    lower: dict[str, str]  # before every letter becomes its lower case
    seldom: str  # characters, one of which is in every text in which `seldom_fold` or `lower` finds something
    token: str  # one word, number or mark; what no token takes is dropped
    emoji: bool  # whether an emoji is a word
    divided: bool  # whether a line end may stand inside a word (`divided.py`)

    def normalizer(self, cased: bool, seldom: bool = True) -> normalizers.Sequence:
        """What folds a text; with `seldom` False, one that has none of these characters, which is faster."""
        steps = dict(self.fold)
        if seldom:
            steps |= self.seldom_fold | ({} if cased else self.lower)
        replacing = [normalizers.Replace(Regex(old), new) for old, new in steps.items()]
        return normalizers.Sequence([normalizers.NFC(), *replacing, *([] if cased else [normalizers.Lowercase()])])


# Letters and digits with inner apostrophes and hyphens (don't, mother-in-law), digits with inner points, commas and
# colons (3.14, 1,000, 10:30).
def _word(first: str, following: str) -> str:
    return rf"{first}{following}*(?:(?:['-]|(?<=\p{{N}})[.,:](?=\p{{N}})){first}{following}*)*"


_FOLDED = {
    "[\u2018\u2019\u201b\u02bc]": "'",
    "[\u201c-\u201f\u00ab\u00bb]": '"',
    "[\u2014\u2015]": "--",
    "[\u2010-\u2013]": "-",
    "\u2026": "...",
}
_LIGATURES = {
    **{"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "[\ufb05\ufb06]": "st"},
    **{"\u0132": "IJ", "\u0133": "ij"},  # Dutch
    **{"\ufb13": "\u0574\u0576", "\ufb14": "\u0574\u0565", "\ufb15": "\u0574\u056b"},  # Armenian
    **{"\ufb16": "\u057e\u0576", "\ufb17": "\u0574\u056d"},
    **{"[\ufef5\ufef6]": "\u0644\u0622", "[\ufef7\ufef8]": "\u0644\u0623"},  # lam and alef, a key of Arabic keyboards
    **{"[\ufef9\ufefa]": "\u0644\u0625", "[\ufefb\ufefc]": "\u0644\u0627"},
}
_INVISIBLE = "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
# What is said twice: that a picture is wanted where it is one anyway, and joiners in a row.
_REDUNDANT = (
    rf"(?<=\p{{Emoji_Presentation}}){PICTURE}+|{PICTURE}(?=[{PICTURE}{SKIN_TONES}])|[{JOINERS}]+(?=[{JOINERS}])"
)
_IN_SCRIPT = rf"[[{JOINING}]&&[\p{{L}}\p{{M}}\p{{N}}]]"
_IN_PLACE = (
    rf"(?<={_IN_SCRIPT})[{JOINERS}](?={_IN_SCRIPT})|(?<=[{VIRAMAS}]){ZERO_WIDTH_JOINER}"
    rf"|(?<=[{PICTOGRAPHS}{SKIN_TONES}{TAGS}]|[{PICTOGRAPHS}]{PICTURE}){ZERO_WIDTH_JOINER}(?=[{PICTOGRAPHS}])"
)
_STRAY_JOINER = f"(?!{_IN_PLACE})[{JOINERS}]"
_FINAL_SIGMA = r"(?<=\p{L}|\p{L}\p{M})Σ(?!'?[\p{L}\p{M}\p{N}])"
_FIRST = rf"(?!{KEYCAP})[\p{{L}}\p{{N}}]"
_FOLLOWING = rf"(?:(?!{KEYCAP})[\p{{L}}\p{{M}}\p{{N}}{JOINERS}])"

_FOLDED_SELDOM = {_INVISIBLE: "", _REDUNDANT: "", _STRAY_JOINER: ""} | _LIGATURES

RULES = {
    1: Rules(
        fold=_FOLDED | {"[\u00ad\u200b\u2060\ufeff]": ""},
        seldom_fold={},
        lower={},
        seldom="\ufeff",
        token=_word(r"[\p{L}\p{N}]", r"[\p{L}\p{M}\p{N}]") + r"|\.{2,}|-{2,}|\S",
        emoji=False,
        divided=False,
    ),
    2: Rules(
        fold=_FOLDED,
        seldom_fold=_FOLDED_SELDOM,
        lower={"İ|i\u0307": "i", _FINAL_SIGMA: "ς"},
        seldom=re.sub("[][]", "", _INVISIBLE + "".join(_LIGATURES)) + PICTURE + JOINERS + "İ\u0307Σ",
        token=rf"{EMOJI}|{_word(_FIRST, _FOLLOWING)}|\.{{2,}}|-{{2,}}|[^\s{JOINERS}{TEXT}{PICTURE}{TAGS}]",
        emoji=True,
        divided=True,
    ),
}
