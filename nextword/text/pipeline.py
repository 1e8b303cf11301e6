"""Cutting text into words, in both schemes.

- `words`, for ordinary text: Unicode NFC, then the rules of `rules.py`. A blank line ends a paragraph, as does
  Unicode's mark for it, and every paragraph ends with `<eos>`; line ends inside one are plain spaces.
- `whitespace`, for text already cut into tokens (Penn Treebank, WikiText): split at white space, case kept, one
  `<eos>` for every line, `<unk>` in the text is the unknown word.

White space is what the `tokenizers` library takes for it, everywhere: no token reaches across it, and nothing else is
blank. (`str.isspace` and `str.split` know four control characters more.)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, count
from typing import Any, NamedTuple

from tokenizers import PreTokenizedString, Regex, Tokenizer, models, normalizers, pre_tokenizers

from nextword.text.paragraphs import PARAGRAPH_END
from nextword.text.rules import RULES, VERSION
from nextword.text.vocabulary import END, UNKNOWN, UNKNOWN_ID, Form

SCHEMES = ("words", "whitespace")
SPACES = "".join(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029]))
SPACES += "\u202f\u205f\u3000"
SPACE = re.compile(f"[{SPACES}]")
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no UTF-8 can hold
MAX_CHUNK_LENGTH = 1 << 16  # characters given to the library as one text, if there are spaces to cut it at
MAX_PRETOKEN_LENGTH = 1 << 18  # characters without a space before they are cut all the same
_BATCH_LENGTH = 1 << 20  # characters given to it at once

_BLANK_LINE = re.compile(rf"\n[{SPACES.replace(chr(10), '')}]*\n[{SPACES}]*")
_PARAGRAPH_END = re.compile(rf"{_BLANK_LINE.pattern}|{PARAGRAPH_END}[{SPACES}]*")
_LINE_END = re.compile(r"\n")
_LEFT_DOT = re.compile("i\u0307(?![\u0300-\u036f])")


def without_surrogates(text: str) -> str:
    """`text` as UTF-8 can hold it."""
    return text if text.isascii() else SURROGATE.sub("\ufffd", text)


class Chunk(NamedTuple):
    """Some of a text that is cut into words by itself."""

    source: int  # which of several texts it is from
    begin: int  # where it stands there
    text: str
    ended: bool  # whether the paragraph (or line) ends with it, and another one begins


class Tokens(NamedTuple):
    """The tokens of a chunk."""

    ids: list[int]
    offsets: list[tuple[int, int]]  # where each begins in the chunk, and where it ends


class Pipeline:
    """What cuts a text into words and looks up their ids.

    Args:
        scheme: `words` or `whitespace`.
        cased: Whether upper and lower case are different words.
        words: By id.
        version: Of the rules; the scheme `whitespace` has but one.

    Attributes:
        ids: Of each word.
        by_line: Whether `<eos>` ends a line, or a paragraph.
        end: Where a text has its `<eos>`: the end of a line, or that of a paragraph with all white space behind it.
        divided: Whether a line's end may stand inside a word, as `divided.py` says.
    """

    def __init__(self, scheme: str, cased: bool, words: Iterable[str] = (UNKNOWN, END), version: int = VERSION) -> None:
        rules = RULES[version]
        self._rules, self._cased = rules, cased
        self._seldom = re.compile(f"[{rules.seldom}]")
        self._normalizers: dict[tuple[bool, bool], normalizers.Normalizer] = {}
        self.divided = rules.divided and scheme == "words"
        self.by_line = scheme == "whitespace"
        self.end = _LINE_END if self.by_line else _PARAGRAPH_END
        self.ids = dict(zip(words, count()))
        self._pre_tokenizer: pre_tokenizers.PreTokenizer = (
            pre_tokenizers.WhitespaceSplit()
            if self.by_line
            else pre_tokenizers.Split(Regex(rules.token), behavior="removed", invert=True)
        )

    @cached_property
    def library(self) -> Tokenizer:
        """The normalizer, the pre-tokenizer and the vocabulary; all of its JSON is made from these three.

        Made when it is first wanted: a single text is cut and looked up without it.
        """
        library = Tokenizer(models.WordLevel(self.ids, unk_token=UNKNOWN))
        library.pre_tokenizer = self._pre_tokenizer
        if not self.by_line:
            library.normalizer = self._whole_normalizer
        return library

    @cached_property
    def _whole_normalizer(self) -> normalizers.Normalizer:
        return self._rules.normalizer(self._cased)

    def prepared(self, text: str) -> str:
        """`text` as the library can take it, whose offsets leave out accents that stand apart."""
        return self.composed(without_surrogates(text))

    def composed(self, text: str) -> str:
        """`text` in NFC, and without the dot that lower case leaves of a Turkish capital İ."""
        if self.by_line or text.isascii():
            return text
        text = unicodedata.normalize("NFC", text)
        return _LEFT_DOT.sub("i", text) if self._rules.lower and not self._cased else text

    def split(self, text: str) -> list[str]:
        """A text cut wherever `end` is found, many times as fast."""
        if self.by_line:
            return text.split("\n")
        return _BLANK_LINE.split(text.replace(PARAGRAPH_END, "\n\n"))

    def normalize(self, word: str) -> str:
        """A word as the vocabulary would have it."""
        word = without_surrogates(word)
        return word if self.by_line else str(self._whole_normalizer.normalize_str(word))

    def normalize_all(self, words: Sequence[str]) -> list[str]:
        """`normalize` for each of many words without a line's end."""
        if self.by_line or self._cased:
            return self.normalize("\n".join(words)).split("\n") if words else []
        normalized = [*map(str.lower, words)]  # which is all that there is to do to ASCII
        places = [place for place, word in enumerate(words) if not word.isascii()]
        if places:
            for place, word in zip(
                places, self.normalize("\n".join(words[i] for i in places)).split("\n"), strict=True
            ):
                normalized[place] = word
        return normalized

    def folded(self, text: str) -> str:
        """`text` in plain characters, its case kept."""
        return text if text.isascii() else str(self._normalizer(True, text).normalize_str(text))

    def _normalizer(self, cased: bool, text: str) -> normalizers.Normalizer:
        """What folds `text`, left out what would find nothing in it."""
        seldom = self._seldom.search(text) is not None
        if (cased, seldom) not in self._normalizers:
            self._normalizers[cased, seldom] = self._rules.normalizer(cased, seldom)
        return self._normalizers[cased, seldom]

    def cut_all(self, texts: Sequence[str]) -> Iterator[list[Form]]:
        """The tokens of each of some texts, which are cut together; nothing is prepared."""
        joined = "\n".join(texts)
        tokens = self.spans(joined)
        place = index = 0
        for text in texts:
            place += len(text)
            begin = index
            while index < len(tokens) and tokens[index][1][0] < place:
                index += 1
            yield [(token, joined[span[0] : span[1]]) for token, span, _ in tokens[begin:index]]
            place += 1

    def spans(self, text: str) -> list[tuple[str, tuple[int, int], Any]]:
        """The tokens of a text, and where each stands in it; nothing is prepared, and none of its line ends counts."""
        if text.isascii():  # nothing to fold: this is faster, and the same
            string = PreTokenizedString(text if self.by_line or self._cased else text.lower())
        else:
            string = PreTokenizedString(text)
            if not self.by_line:
                string.normalize(self._normalizer(self._cased, text).normalize)
        self._pre_tokenizer.pre_tokenize(string)
        splits: list[tuple[str, tuple[int, int], Any]] = string.get_splits("original", "char")
        return splits

    def encodings(self, texts: Sequence[str]) -> Iterator[tuple[Chunk, Tokens]]:
        """Prepared texts in chunks, in order, with the tokens of each and where they stand in it."""
        batch: list[Chunk] = []
        length = 0
        for chunk in chain.from_iterable(map(self._chunks, texts, count())):
            batch.append(chunk)
            length += len(chunk.text) + 1
            if length > _BATCH_LENGTH:
                yield from self._encoded(batch)
                batch, length = [], 0
        yield from self._encoded(batch)

    def begins(self, text: str) -> list[int]:
        """Where the tokens of a prepared text begin, and the ends of its paragraphs (or lines)."""
        begins: list[int] = []
        for chunk, encoding in self.encodings([text]):
            begins += [chunk.begin + begin for begin, _ in encoding.offsets]
            if chunk.ended:
                begins.append(chunk.begin + len(chunk.text))
        return begins

    def _encoded(self, batch: Sequence[Chunk]) -> Iterator[tuple[Chunk, Tokens]]:
        if len(batch) == 1:  # without the threads that many are shared out to, and without the library's vocabulary
            spans = self.spans(batch[0].text)
            yield batch[0], Tokens([self.ids.get(span[0], UNKNOWN_ID) for span in spans], [span[1] for span in spans])
            return
        encodings = self.library.encode_batch([chunk.text for chunk in batch])
        for chunk, encoding in zip(batch, encodings, strict=True):
            yield chunk, Tokens(encoding.ids, encoding.offsets)

    def _chunks(self, text: str, source: int) -> Iterator[Chunk]:
        """A text cut where it has its `<eos>`, and at spaces, so that a long one takes little memory."""
        begin = 0
        for found in chain(self.end.finditer(text), [None]):
            end = found.start() if found else len(text)
            while end - begin > MAX_CHUNK_LENGTH:
                longest = min(begin + MAX_PRETOKEN_LENGTH, end)
                space = SPACE.search(text, begin + MAX_CHUNK_LENGTH // 2, longest)
                cut = space.start() if space else longest
                yield Chunk(source, begin, text[begin:cut], False)
                begin = cut
            yield Chunk(source, begin, text[begin:end], found is not None)
            begin = found.end() if found else end
