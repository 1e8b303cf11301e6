"""What a file may hold of a tokenizer: everything else in it is refused, as files may come from anybody."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection
from typing import Any

from nextword.errors import CheckpointError
from nextword.text.abbreviations import MAX_ABBREVIATIONS
from nextword.text.clusters import is_printable
from nextword.text.pipeline import SCHEMES, SPACE, SURROGATE, Pipeline
from nextword.text.rules import VERSION
from nextword.text.vocabulary import (
    END,
    END_ID,
    MAX_NEW_WORD_LENGTH,
    MAX_RARE_WORDS,
    MAX_WORD_LENGTH,
    UNKNOWN,
    UNKNOWN_ID,
    Vocabulary,
)


def checked(tokenizer: dict[str, Any], vocabulary: dict[str, Any], size: int | None) -> Vocabulary:
    """What stands in two JSON texts, parsed; arguments as those of `WordTokenizer.from_json`.

    Raises:
        CheckpointError: Text is cut by rules that only a later version has.
        ValueError, or what comes of a value of another kind: AttributeError, KeyError, TypeError.
    """
    scheme, cased, forms = vocabulary["scheme"], vocabulary["cased"], vocabulary["surface_forms"]
    rare, version = vocabulary.get("rare", []), vocabulary.get("version", 1)  # files of earlier versions have neither
    abbreviations = vocabulary.get("abbreviations")  # nor these
    _check_version(version)
    ids = tokenizer["model"].pop("vocab")
    _check_vocabulary(ids, size)
    _check_forms(forms, ids)
    _check_rare(rare)
    if "abbreviations" in vocabulary:
        _check_abbreviations(abbreviations)
    if scheme not in SCHEMES or type(cased) is not bool:
        raise ValueError(f"there is no scheme {scheme!r}, or cased is {cased!r}")
    _check_pipeline(tokenizer, scheme, cased, version)
    return Vocabulary(sorted(ids, key=ids.__getitem__), scheme, cased, forms, rare, version, abbreviations)


def _check_version(version: int) -> None:
    if type(version) is not int or version < 1:
        raise ValueError("the version of its rules is none")
    if version > VERSION:
        raise CheckpointError(
            f"cuts text by the rules {version}; this version has those up to {VERSION}",
            "Upgrade nextword: pip install --upgrade nextword",
        )


def _check_pipeline(tokenizer: dict[str, Any], scheme: str, cased: bool, version: int) -> None:
    """Raise `ValueError` unless it cuts text as the pipeline does that is made anew for it.

    Another release of the library may write other fields, as long as there is nothing in them.
    """
    expected = json.loads(Pipeline(scheme, cased, version=version).library.to_str())
    named = tokenizer["model"]["type"], tokenizer["model"]["unk_token"]
    same = all(tokenizer.pop(part) == expected[part] for part in ("normalizer", "pre_tokenizer"))
    del tokenizer["model"], tokenizer["version"]
    if not same or named != ("WordLevel", UNKNOWN) or any(tokenizer.values()):
        raise ValueError("it cuts text in another way than this version does")


def _check_vocabulary(ids: dict[str, int], size: int | None) -> None:
    """Raise `ValueError` unless the words have the ids 0, 1, 2 ... once each, the special tokens first."""
    if size not in (None, len(ids)):
        raise ValueError(f"there are {len(ids):,} words, and rows of embedding.weight for {size:,}")
    if {*map(type, ids.values())} != {int} or sorted(ids.values()) != [*range(len(ids))]:
        raise ValueError("the words' ids are not 0, 1, 2 and so on")
    if ids.get(UNKNOWN) != UNKNOWN_ID or ids.get(END) != END_ID:
        raise ValueError(f"{UNKNOWN} and {END} are not the first words")
    if max(map(len, ids)) > MAX_WORD_LENGTH:
        raise ValueError("a word is too long")
    if SURROGATE.search("".join(ids)):
        raise ValueError("a word has half a character")


def _check_forms(forms: dict[str, str], ids: dict[str, int]) -> None:
    """Raise `ValueError` unless words have forms that can be theirs; a form may only be as odd as its word."""
    if not forms.keys() <= ids.keys() or not _are_texts(forms.values(), 2 * MAX_WORD_LENGTH):
        raise ValueError("a word cannot have this form, or is none")
    if not _are_plain(forms.values()):
        for word, form in forms.items():
            if not _is_plain(form) and _is_plain(word):
                raise ValueError(f"the form of {word[:MAX_NEW_WORD_LENGTH]!r} cannot be shown")


def _check_rare(rare: list[str]) -> None:
    """Raise `ValueError` unless these can be words to suggest."""
    if not isinstance(rare, list) or len(rare) > MAX_RARE_WORDS:
        raise ValueError("the rare words are no list, or too many")
    if not _are_texts(rare, 2 * MAX_NEW_WORD_LENGTH):
        raise ValueError("a rare word is no word")
    if not _are_plain(rare):
        raise ValueError("a rare word cannot be shown, or is none")


def _are_texts(values: Collection[Any], longest: int) -> bool:
    """Whether all values are strings of one character to `longest`."""
    return {*map(type, values)} <= {str} and all(0 < length <= longest for length in {*map(len, values)})


def _are_plain(words: Collection[str]) -> bool:
    """Whether `_is_plain` holds for all of many words, which are looked at together as far as that says it: faster."""
    joined = "".join(words)
    if joined.isprintable():  # then no other white space is in it
        return " " not in joined
    return all(word.isprintable() and " " not in word if word.isascii() else _is_plain(word) for word in words)


def _check_abbreviations(abbreviations: Any) -> None:
    """Raise `ValueError` unless these can be words, each once."""
    if not isinstance(abbreviations, list) or len(abbreviations) > MAX_ABBREVIATIONS:
        raise ValueError("the abbreviations are no list, or too many")
    for word in abbreviations:
        if not isinstance(word, str) or not 0 < len(word) <= MAX_NEW_WORD_LENGTH or not _is_plain(word):
            raise ValueError("an abbreviation is no word")
    if len(set(abbreviations)) < len(abbreviations):
        raise ValueError("an abbreviation stands twice")


def _is_plain(text: str) -> bool:
    """Whether a text is one word, and can be shown; what a later Unicode may have made a letter counts as one."""
    shown = is_printable(text) or all(char.isprintable() or unicodedata.category(char) == "Cn" for char in text)
    return shown and not SPACE.search(text)
