"""Text to words to ids, and back.

`WordTokenizer` wraps a word-level tokenizer of the `tokenizers` library and adds what that library has no notion
of: the surface form in which a word is usually written ("Paris", "I", "McDonald"), where sentences start, and how
words are joined to text again. Knows nothing of files, models or screens.

Two schemes:

- `words`, for ordinary text: Unicode NFC, curly quotes and dashes folded to their plain forms, words with inner
  apostrophes and hyphens kept whole, every punctuation mark a token of its own, lower case unless `cased`.
  A blank line ends a paragraph, and every paragraph ends with `<eos>`; line ends inside one are plain spaces.
- `whitespace`, for text already cut into tokens (Penn Treebank, WikiText): split at white space, case kept, one
  `<eos>` for every line, `<unk>` in the text is the unknown word.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

UNKNOWN, END = "<unk>", "<eos>"
UNKNOWN_ID, END_ID = 0, 1

# One word, number or punctuation mark: letters and digits with inner apostrophes and hyphens (don't, mother-in-law),
# digits with inner points, commas and colons (3.14, 1,000, 10:30), runs of dots and of dashes, else one character.
_WORD = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:(?:['-]|(?<=\p{N})[.,:](?=\p{N}))[\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*"
_TOKEN = _WORD + r"|\.{2,}|-{2,}|\S"
_FOLDED = {
    "[\u2018\u2019\u201b\u02bc]": "'",
    "[\u201c-\u201f\u00ab\u00bb]": '"',
    "[\u2014\u2015]": "--",
    "[\u2010-\u2013]": "-",
    "\u2026": "...",
    "[\u00ad\u200b\u2060\ufeff]": "",
}
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no UTF-8 can hold
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*")
_BATCH = 2048  # paragraphs encoded at once: enough to keep every core busy, little enough to hold


class Encoded(NamedTuple):
    """What a typed text became."""

    ids: list[int]
    unknown: list[str]  # the words outside the vocabulary, in order, each once


class Written(NamedTuple):
    """One token of a document, as it stands there."""

    token_id: int
    word: str  # as it is written; "<eos>" for the end of a paragraph
    line: int  # from 1
    position: int  # from 1 in each line; the end of a paragraph comes after the last word
    spaced: bool  # whether white space follows, and then another token of the paragraph


class SentencePosition(NamedTuple):
    """Where in a sentence a text has got to, followed token by token; a new one stands after an `<eos>`."""

    at_start: bool = True  # the next word opens a sentence or a quotation
    quoted: bool = False  # a double quote is open
    previous: str = ""

    def after(self, token: str) -> SentencePosition:
        """The position once `token` (a normalised word) has been read."""
        if token == END:
            return SentencePosition()
        if token == '"':
            opens = not self.quoted
            starts = (self.at_start or self.previous in {",", ":"}) if opens else self.previous == "."
            return SentencePosition(starts, opens, token)
        if token in {"!", "?", "..."}:
            return SentencePosition(True, self.quoted, token)
        if token == ".":
            return SentencePosition(not _is_abbreviation(self.previous), self.quoted, token)
        if token in {"'", "(", "[", ")", "]", "_", "*", "#", "--", "-"}:
            return SentencePosition(self.at_start, self.quoted, token)
        return SentencePosition(False, self.quoted, token)


def _is_abbreviation(word: str) -> bool:
    """Whether a full stop after `word` usually belongs to it: an initial or a title."""
    return (len(word) == 1 and word.isalpha() and word != "i") or word.lower() in _ABBREVIATIONS


_ABBREVIATIONS = frozenset(("mr", "mrs", "ms", "dr", "prof", "st", "rev", "capt", "col", "gen", "vs", "jr", "sr"))


class WordTokenizer:
    """Words to ids and back, for one vocabulary.

    Ids run from 0: `<unk>`, `<eos>`, then the words from the most to the least frequent in the training text.

    Args:
        tokenizer: The `tokenizers` pipeline: normaliser, pre-tokenizer, word-level model.
        scheme: `words` or `whitespace`.
        cased: Whether upper and lower case are different words.
        surface_forms: Normalised word to the form it is usually written in, where the two differ.
    """

    def __init__(self, tokenizer: Tokenizer, scheme: str, cased: bool, surface_forms: dict[str, str]) -> None:
        self._tokenizer = tokenizer
        self.scheme = scheme
        self.cased = cased
        self.surface_forms = surface_forms

    # -- making one ----------------------------------------------------------------------------------------------

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        scheme: str = "words",
        cased: bool = False,
        vocab_size: int = 50_000,
        min_count: int = 2,
    ) -> WordTokenizer:
        """Learn a vocabulary, and the surface forms of its words, from `texts` (iterated over twice)."""
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        if scheme == "whitespace":
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        else:
            fold = [normalizers.NFC(), *(normalizers.Replace(Regex(old), new) for old, new in _FOLDED.items())]
            tokenizer.normalizer = normalizers.Sequence([*fold] if cased else [*fold, normalizers.Lowercase()])
            tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKEN), behavior="removed", invert=True)
        made = cls(tokenizer, scheme, cased or scheme == "whitespace", {})
        trainer = trainers.WordLevelTrainer(
            vocab_size=vocab_size, min_frequency=min_count, special_tokens=[UNKNOWN, END], show_progress=False
        )
        tokenizer.train_from_iterator((piece for text in texts for piece in made._pieces(text)), trainer)
        # The trainer marks <unk> and <eos> as special, and specials are cut out of running text before anything
        # else looks at it. Rebuilt from the bare words, "<eos>" in a text is text like any other; and where the
        # text itself says "<unk>", for which the trainer counts off a second id, the ids still run without a gap.
        learned = tokenizer.get_vocab(with_added_tokens=False)
        words = [
            UNKNOWN,
            END,
            *(word for word in sorted(learned, key=learned.__getitem__) if word not in (UNKNOWN, END)),
        ]
        tokenizer.model = models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN)
        bare = json.loads(tokenizer.to_str())
        bare["added_tokens"] = []
        made._tokenizer = Tokenizer.from_str(json.dumps(bare, ensure_ascii=False))
        if not made.cased:
            made.surface_forms = made._learn_surface_forms(texts)
        return made

    def _learn_surface_forms(self, texts: Iterable[str]) -> dict[str, str]:
        """Each word's most frequent spelling inside sentences, where a capital is a choice and not a duty."""
        inside: Counter[tuple[int, str]] = Counter()
        opening: Counter[tuple[int, str]] = Counter()
        fold = normalizers.Sequence(
            [normalizers.NFC(), *(normalizers.Replace(Regex(o), n) for o, n in _FOLDED.items())]
        )
        for text in texts:
            pieces = [fold.normalize_str(piece) for piece in self._pieces(text)]
            for piece, encoding in zip(pieces, self._tokenizer.encode_batch(pieces), strict=True):
                position = SentencePosition()
                for token, (begin, end) in zip(encoding.ids, encoding.offsets, strict=True):
                    (opening if position.at_start else inside)[token, piece[begin:end]] += 1
                    position = position.after(self.words[token])
        return _choose_surface_forms(self.words, inside, opening)

    @classmethod
    def from_json(cls, tokenizer: str, vocabulary: str) -> WordTokenizer:
        """Rebuild from the two strings that `to_json` gave.

        Raises:
            ValueError: Either is not what `to_json` writes.
        """
        try:
            facts = json.loads(vocabulary)
            return cls(Tokenizer.from_str(tokenizer), facts["scheme"], facts["cased"], facts["surface_forms"])
        except Exception as error:  # the tokenizers library raises bare Exception for damaged JSON
            raise ValueError(f"not a tokenizer: {error}") from error

    def to_json(self) -> tuple[str, str]:
        """(the `tokenizers` JSON, what nextword adds to it as JSON); `from_json` takes both."""
        facts = {"scheme": self.scheme, "cased": self.cased, "surface_forms": self.surface_forms}
        return self._tokenizer.to_str(), json.dumps(facts, ensure_ascii=False)

    # -- the vocabulary ------------------------------------------------------------------------------------------

    @cached_property
    def words(self) -> list[str]:
        """The normalised words, by id."""
        vocabulary = self._tokenizer.get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def is_word(self, token: str) -> bool:
        """Whether `token` is a word to suggest: neither a special token nor only punctuation."""
        return token not in (UNKNOWN, END) and any(map(str.isalnum, token))

    def surface(self, token_id: int, at_start: bool = False) -> str:
        """The word as people write it, with a capital where a sentence starts."""
        word = self.words[token_id]
        form = self.surface_forms.get(word, word)
        return form[:1].upper() + form[1:] if at_start and not self.cased else form

    # -- text to ids ---------------------------------------------------------------------------------------------

    def encode(self, text: str) -> Encoded:
        """Ids of a typed text: `<eos>` wherever the text itself ends a paragraph (a line, in `whitespace`).

        The end of the text ends nothing, so a text may be fed in pieces.
        """
        ids: list[int] = []
        unknown: dict[str, None] = {}
        breaks = re.compile(r"\n") if self.scheme == "whitespace" else _PARAGRAPH_END
        for index, piece in enumerate(breaks.split(_SURROGATE.sub("\ufffd", text))):
            if index:
                ids.append(END_ID)
            encoding: Encoding = self._tokenizer.encode(piece)
            ids += encoding.ids
            for token, (begin, end) in zip(encoding.ids, encoding.offsets, strict=True):
                if token == UNKNOWN_ID:
                    unknown[piece[begin:end]] = None
        return Encoded(ids, list(unknown))

    def encode_documents(self, texts: Iterable[str]) -> Iterator[NDArray[np.int32]]:
        """Ids of whole documents, in order and in handy portions; every paragraph (or line) ends with `<eos>`."""
        pieces = (piece for text in texts for piece in self._pieces(text))
        while batch := list(islice(pieces, _BATCH)):
            ids: list[int] = []
            for encoding in self._tokenizer.encode_batch_fast(batch):
                ids += encoding.ids
                ids.append(END_ID)
            yield np.asarray(ids, np.int32)

    def written(self, document: str) -> Iterator[Written]:
        """The tokens of a document whose ids `encode_documents` gives, with how and where each is written.

        In `words` they are given in NFC: the offsets of the `tokenizers` library leave out accents that stand apart.
        """
        if self.scheme == "words":
            document = unicodedata.normalize("NFC", document)
        line, end = 1, 0
        pieces = self._pieces(document)
        while batch := list(islice(pieces, _BATCH)):
            for piece, encoding in zip(batch, self._tokenizer.encode_batch(batch), strict=True):
                begin = document.index(piece, end)
                line += document.count("\n", end, begin)
                yield from _written_piece(piece, encoding, line)
                line += piece.count("\n")
                end = begin + len(piece)
                if self.scheme == "whitespace":  # the next piece, which may be empty, is the next line
                    line, end = line + 1, end + 1

    def _pieces(self, document: str) -> Iterator[str]:
        """The stretches of a document that end with `<eos>`: its lines, or its paragraphs that are not blank."""
        if self.scheme == "whitespace":
            yield from document.removesuffix("\n").split("\n")
        else:
            yield from (piece for piece in _PARAGRAPH_END.split(document) if piece and not piece.isspace())

    # -- ids to text ---------------------------------------------------------------------------------------------

    def detokenize(self, ids: Iterable[int]) -> str:
        """Running text again: surface forms, capitals at sentence starts, no space before a full stop.

        In `whitespace` the tokens joined by spaces, one line for each `<eos>`.
        """
        text, position, glue = "", SentencePosition(), True
        for token_id in ids:
            token = self.words[token_id]
            if token == END:
                text, position, glue = (
                    text.rstrip(" ") + ("\n" if self.scheme == "whitespace" else "\n\n"),
                    position.after(token),
                    True,
                )
                continue
            closes = token == '"' and position.quoted
            tight = self.scheme == "words" and (token in {".", ",", ";", ":", "!", "?", ")", "]", "..."} or closes)
            text += ("" if glue or tight else " ") + self.surface(token_id, position.at_start)
            glue = self.scheme == "words" and (token in {"(", "["} or (token == '"' and not closes))
            position = position.after(token)
        return text


def _written_piece(piece: str, encoding: Encoding, line: int) -> Iterator[Written]:
    """The tokens of a piece that begins in `line`, and its `<eos>`."""
    position, end = 0, 0
    for index, (token_id, (begin, after)) in enumerate(zip(encoding.ids, encoding.offsets, strict=True)):
        if breaks := piece.count("\n", end, begin):
            line, position = line + breaks, 0
        position, end = position + 1, after
        upcoming = encoding.offsets[index + 1][0] if index + 1 < len(encoding.ids) else after
        yield Written(token_id, piece[begin:after], line, position, any(map(str.isspace, piece[after:upcoming])))
    yield Written(END_ID, END, line, position + 1, False)


def _choose_surface_forms(
    words: list[str], inside: Counter[tuple[int, str]], opening: Counter[tuple[int, str]]
) -> dict[str, str]:
    """Normalised word to its most frequent form, where that is not the word itself."""
    forms = _most_frequent(inside)
    for token, form in _most_frequent(opening).items():
        # Met at sentence starts alone, a word's first capital says nothing; "McDonald" or "NASA" still does.
        if token not in forms and form != words[token].capitalize():
            forms[token] = form
    return {words[token]: form for token, form in sorted(forms.items()) if token != UNKNOWN_ID and form != words[token]}


def _most_frequent(counts: Counter[tuple[int, str]]) -> dict[int, str]:
    """The form with the highest count for each token."""
    best: dict[int, tuple[int, str]] = {}
    for (token, form), count in counts.items():
        best[token] = max(best.get(token, (0, "")), (count, form))
    return {token: form for token, (_, form) in best.items()}
