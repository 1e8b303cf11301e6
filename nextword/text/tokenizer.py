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
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count, islice
from operator import ne
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Regex, Tokenizer, models, normalizers, pre_tokenizers

from nextword.text.encoder import LINE_END, PARAGRAPH_END, SPACES, SURROGATE, Encoder, Text
from nextword.text.sentences import SentencePosition, SentenceStarts
from nextword.text.token_file import TokenFile, read_ids, spool, write_ids
from nextword.text.vocabulary import END, END_ID, MAX_WORD_LENGTH, UNKNOWN, UNKNOWN_ID, FormCounts

__all__ = [
    "END",
    "END_ID",
    "UNKNOWN",
    "UNKNOWN_ID",
    "Detokenizer",
    "Encoded",
    "LearnedVocabulary",
    "SentencePosition",
    "Token",
    "WordTokenizer",
]

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
_MAX_NEW_WORD_LENGTH = 64  # characters
MAX_RARE_WORDS = 20_000  # words outside the vocabulary that are suggested; some 200 kilobytes
_CLOSING, _OPENING = frozenset((*".,;:!?)]", "...")), frozenset("([")  # no space before, no space after
_STRETCH = 1 << 16  # characters of a typed text given to the library at once
_SPACE = re.compile(f"[{SPACES}]")
_BATCH = 2048  # paragraphs given to the library at once
_FOLDS = [normalizers.NFC(), *(normalizers.Replace(Regex(old), new) for old, new in _FOLDED.items())]
_FOLD = normalizers.Sequence(_FOLDS)


class Encoded(NamedTuple):
    """What a typed text became."""

    ids: list[int]
    unknown_words: dict[int, str]  # place in `ids` to how the text has it, for every word outside the vocabulary

    @property
    def unknown(self) -> list[str]:
        """The words outside the vocabulary, in order, each once."""
        return list(dict.fromkeys(self.unknown_words.values()))

    def append(self, text: str, encoding: Encoding) -> None:
        """Add what the next stretch of the text became."""
        ids = encoding.ids
        if UNKNOWN_ID in ids:
            begin = len(self.ids)
            for place, (token, (first, end)) in enumerate(zip(ids, encoding.offsets, strict=True), begin):
                if token == UNKNOWN_ID:
                    self.unknown_words[place] = text[first:end]
        self.ids.extend(ids)

    def portions(self, most: int) -> Iterator[Encoded]:
        """The same in portions of at most `most` words; what is short is one of its own."""
        if len(self.ids) <= most:
            yield self
            return
        for begin in range(0, len(self.ids), most):
            places = range(begin, min(begin + most, len(self.ids)))
            unknown_words = {
                place - begin: self.unknown_words[place] for place in places if place in self.unknown_words
            }
            yield Encoded(self.ids[places.start : places.stop], unknown_words)


class Token(NamedTuple):
    """One token of a document, as it stands there."""

    token_id: int
    word: str  # as it is written; "<eos>" for the end of a paragraph
    line: int  # from 1
    position: int  # from 1 in each line; the end of a paragraph comes after the last word
    spaced: bool  # whether white space follows, and then another token of the paragraph


class LearnedVocabulary(NamedTuple):
    """What reading a text for the first time gave."""

    tokenizer: WordTokenizer
    ids: TokenFile  # the text
    missed: int  # how many times at most a word was met and not counted; 0 unless there are a million different ones


class WordTokenizer:
    """Words to ids and back, for one vocabulary.

    Ids run from 0: `<unk>`, `<eos>`, then the words from the most to the least frequent in the training text.

    Args:
        tokenizer: The `tokenizers` pipeline: normalizer, pre-tokenizer, word-level model.
        scheme: `words` or `whitespace`.
        cased: Whether upper and lower case are different words.
        surface_forms: Normalized word to the form it is usually written in, where the two differ.
        rare: Words of the training text that were too rare for the vocabulary, as they are written, the most frequent
            first. They are read as unknown, and suggested where their first letters are typed.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        scheme: str,
        cased: bool,
        surface_forms: dict[str, str],
        rare: Sequence[str] = (),
    ) -> None:
        self._tokenizer = tokenizer
        self.scheme = scheme
        self.cased = cased
        self.surface_forms = surface_forms
        self.rare = list(rare)

    # -- making one ----------------------------------------------------------------------------------------------

    @classmethod
    def train(
        cls,
        texts: Iterable[Text],
        scheme: str = "words",
        cased: bool = False,
        vocab_size: int = 50_000,
        min_count: int = 2,
    ) -> WordTokenizer:
        """Learn a vocabulary, and the surface forms of its words, from `texts`."""
        return cls.train_and_encode(texts, scheme, cased, vocab_size, min_count).tokenizer

    @classmethod
    def train_and_encode(
        cls,
        texts: Iterable[Text],
        scheme: str = "words",
        cased: bool = False,
        vocab_size: int = 50_000,
        min_count: int = 2,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> LearnedVocabulary:
        """Learn a vocabulary, and the surface forms of its words, from `texts`, and encode them.

        The text is read once and never held: every word gets a provisional number, written to a temporary file, and
        the numbers become ids when all words are counted.

        Args:
            texts: Each as a string or in portions.
            scheme: `words` or `whitespace`.
            cased: Whether upper and lower case are different words.
            vocab_size: Most words the vocabulary may hold, the two special tokens included.
            min_count: Words met less often are left out.
            on_progress: Called with how many tokens are encoded and how many there are, once all text is read.

        Raises:
            StorageError: The temporary folder is full or not writable.
        """
        pipeline = _pipeline(scheme, cased, {UNKNOWN: UNKNOWN_ID, END: END_ID})
        cased = cased or scheme == "whitespace"
        counts = FormCounts(vocab_size)

        def number(token: str, written: str) -> int:
            return counts.number(token, token if cased else _folded(written))

        encoder = Encoder(pipeline, scheme == "whitespace", number)
        with spool() as file:
            for numbers in encoder.encode(texts):
                write_ids(file, [numbers])
                if counts.count(numbers):
                    encoder.forget()
            del encoder
            words, rare = counts.vocabulary(vocab_size, min_count, MAX_RARE_WORDS)
            rare = [word for word in rare if _is_learnable(word)]
            resolve = counts.resolver([*words, *rare])
            forms = None if cased else _FormsByPlace([*words, *rare], len(resolve))

            def ids() -> Iterator[NDArray[np.int32]]:
                done = 0
                for numbers in read_ids(file):
                    resolved = resolve(numbers)
                    if forms:
                        forms.count(numbers, resolved)
                    done += len(numbers)
                    if on_progress:
                        on_progress(done, counts.tokens)
                    resolved[resolved >= len(words)] = UNKNOWN_ID
                    yield resolved

            token_file = TokenFile(ids())
        pipeline.model = models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN)
        surface_forms = forms.most_frequent(counts) if forms else {}
        rare_forms = [surface_forms.pop(word, word) for word in rare]
        return LearnedVocabulary(cls(pipeline, scheme, cased, surface_forms, rare_forms), token_file, counts.missed)

    def extended(self, texts: Iterable[Text], vocab_size: int, min_count: int) -> WordTokenizer:
        """This vocabulary, and after it the words of `texts` that are new; what was known keeps its id and its form.

        Args:
            texts: More text.
            vocab_size: Most words that the vocabulary may grow to; none is taken away.
            min_count: New words seen less often stay unknown.
        """
        learned = WordTokenizer.train(texts, self.scheme, self.cased, vocab_size, min_count)
        known = set(self.words)
        new = [word for word in learned.words if word not in known][: max(0, vocab_size - len(self))]
        content = json.loads(self._tokenizer.to_str())
        content["model"]["vocab"] = {word: index for index, word in enumerate([*self.words, *new])}
        forms = {word: learned.surface_forms[word] for word in new if word in learned.surface_forms}
        tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
        rare = {self.normalize(form): form for form in [*learned.rare, *self.rare]}
        left = [form for word, form in rare.items() if tokenizer.token_to_id(word) is None]
        return WordTokenizer(tokenizer, self.scheme, self.cased, self.surface_forms | forms, left[:MAX_RARE_WORDS])

    @classmethod
    def from_json(cls, tokenizer: dict[str, Any], vocabulary: dict[str, Any], size: int | None = None) -> WordTokenizer:
        """Rebuild from what stands in the two JSON texts that `to_json` gave.

        Args:
            tokenizer: The first of them, parsed; what is read of it is taken out.
            vocabulary: The second, parsed.
            size: How many words there must be; None: any number.

        Raises:
            ValueError: Either is not what `to_json` writes, or there are more words or fewer.
        """
        try:
            scheme, cased, forms = vocabulary["scheme"], vocabulary["cased"], vocabulary["surface_forms"]
            rare = vocabulary.get("rare", [])  # files of earlier versions have none
            ids = tokenizer["model"].pop("vocab")
            _check_vocabulary(ids, size)
            _check_forms(forms, ids)
            _check_rare(rare)
            if scheme not in ("words", "whitespace") or type(cased) is not bool:
                raise ValueError(f"there is no scheme {scheme!r}, or cased is {cased!r}")
            # The pipeline is made anew; what the file has must cut text in the same way. Another release of the library
            # may write other fields, as long as there is nothing in them.
            expected = json.loads(_pipeline(scheme, cased, {}).to_str())
            named = tokenizer["model"]["type"], tokenizer["model"]["unk_token"]
            same = all(tokenizer.pop(part) == expected[part] for part in ("normalizer", "pre_tokenizer"))
            del tokenizer["model"], tokenizer["version"]
            if not same or named != ("WordLevel", UNKNOWN) or any(tokenizer.values()):
                raise ValueError("it cuts text in another way than this version does")
            return cls(_pipeline(scheme, cased, ids), scheme, cased, forms, rare)
        except (AttributeError, KeyError, TypeError, RecursionError, ValueError) as error:
            raise ValueError(f"not a tokenizer: {error}") from error

    def to_json(self) -> tuple[str, str]:
        """(the `tokenizers` JSON, what nextword adds to it as JSON); `from_json` takes both."""
        facts = {"scheme": self.scheme, "cased": self.cased, "surface_forms": self.surface_forms}
        facts["rare"] = self.rare
        return self._tokenizer.to_str(), json.dumps(facts, ensure_ascii=False)

    # -- the vocabulary ------------------------------------------------------------------------------------------

    @cached_property
    def words(self) -> list[str]:
        """The normalized words, by id."""
        vocabulary = self._tokenizer.get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def token_id(self, word: str) -> int | None:
        """The id of a normalized word; None where it is not in the vocabulary."""
        found: int | None = self._tokenizer.token_to_id(word)
        return found

    def is_word(self, token: str) -> bool:
        """Whether `token` is a word to suggest: neither a special token nor only punctuation."""
        return _is_word(token)

    def is_learnable(self, word: str) -> bool:
        """Whether a normalized word outside the vocabulary is one to remember and suggest."""
        return _is_learnable(word)

    def surface(self, token_id: int, at_start: bool = False) -> str:
        """The word as people write it, with a capital where a sentence starts."""
        word = self.words[token_id]
        return self.placed(self.surface_forms.get(word, word), at_start)

    def placed(self, form: str, at_start: bool) -> str:
        """A word's form as it stands where a sentence starts, or inside one."""
        return capitalized(form) if at_start and not self.cased else form

    # -- text to ids ---------------------------------------------------------------------------------------------

    def encode(self, text: str) -> Encoded:
        """Ids of a typed text: `<eos>` wherever the text itself ends a paragraph (a line, in `whitespace`).

        The end of the text ends nothing, so a text may be fed in pieces.
        """
        encoded = Encoded([], {})
        for index, piece in enumerate(self._breaks.split(self._typed(text))):
            if index:
                encoded.ids.append(END_ID)
            for stretch in _stretches(piece):
                encoded.append(stretch, self._tokenizer.encode(stretch))
        return encoded

    def encode_many(self, texts: Sequence[str]) -> list[Encoded]:
        """`encode` for each of many texts, the short ones all together, which is faster."""
        texts = [self._typed(text) for text in texts]
        short = [text for text in texts if len(text) <= _STRETCH and not self._breaks.search(text)]
        together = iter(self._tokenizer.encode_batch(short))
        encoded = []
        for text in texts:
            if len(text) <= _STRETCH and not self._breaks.search(text):
                encoded.append(Encoded([], {}))
                encoded[-1].append(text, next(together))
            else:
                encoded.append(self.encode(text))
        return encoded

    def _typed(self, text: str) -> str:
        """`text` as the `tokenizers` library can take it: its offsets leave out accents that stand apart."""
        text = SURROGATE.sub("\ufffd", text)
        return unicodedata.normalize("NFC", text) if self.scheme == "words" else text

    @property
    def _breaks(self) -> re.Pattern[str]:
        """Where a typed text has its `<eos>`."""
        return LINE_END if self.scheme == "whitespace" else PARAGRAPH_END

    def cut(self, text: str) -> list[str]:
        """The words and marks of a text as they are written there; none of its line ends counts."""
        text = SURROGATE.sub("\ufffd", text)
        if self.scheme == "words":  # the offsets of the `tokenizers` library leave out accents that stand apart
            text = unicodedata.normalize("NFC", text)
        return [text[begin:end] for begin, end in self._tokenizer.encode(text).offsets]

    def normalize(self, word: str) -> str:
        """A word as the vocabulary would have it: plain characters, and lower case unless cased."""
        normalizer = self._tokenizer.normalizer
        return str(normalizer.normalize_str(SURROGATE.sub("\ufffd", word))) if normalizer else word

    def split_unfinished(self, text: str) -> tuple[str, str]:
        """A text being typed as (what is complete, the letters of the word at its end); together they are the text.

        The second is empty where the text ends in white space or in punctuation.
        """
        near = SURROGATE.sub("\ufffd", text[-_STRETCH:])
        near = near[max(map(near.rfind, SPACES)) + 1 :]  # no token reaches across white space
        encoding: Encoding = self._tokenizer.encode(near + "x")  # with another letter, the word is the last token
        begin = len(text) - len(near) + encoding.offsets[-1][0]
        return text[:begin], text[begin:]

    def ending(self, text: str, most: int) -> str:
        """The end of a typed text that `encode` gives `most` ids, or the whole text where it has no more."""
        typed = self._typed(text)
        if len(typed) <= most:  # a token has a character at least
            return text
        begins = [found.start() for found in self._breaks.finditer(typed)]
        position = 0
        for stretch in _stretches(typed):
            begins += [position + begin for begin, _ in self._tokenizer.encode(stretch).offsets]
            position += len(stretch)
        return typed[sorted(begins)[-most] :] if len(begins) > most else text

    def encode_documents(self, texts: Iterable[Text]) -> Iterator[NDArray[np.int32]]:
        """Ids of whole documents, in order and in handy portions; every paragraph (or line) ends with `<eos>`.

        Args:
            texts: Each as a string or in portions, cut anywhere; none of them is held in memory.
        """
        ids = {word: index for index, word in enumerate(self.words)}
        return Encoder(
            self._tokenizer, self.scheme == "whitespace", lambda token, _: ids.get(token, UNKNOWN_ID)
        ).encode(texts)

    def written(self, document: str) -> Iterator[Token]:
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
            yield from (piece for piece in PARAGRAPH_END.split(document) if piece and not piece.isspace())

    # -- ids to text ---------------------------------------------------------------------------------------------

    def detokenize(self, ids: Iterable[int]) -> str:
        """Running text again: surface forms, capitals at sentence starts, no space before a full stop.

        In `whitespace` the tokens joined by spaces, one line for each `<eos>`.
        """
        writer = Detokenizer(self)
        return "".join(map(writer.add, ids))


class Detokenizer:
    """Writes running text token by token; `WordTokenizer.detokenize` says how it looks.

    Args:
        tokenizer: The words.
        position: Where in a sentence the text stands that is to be gone on with; None: at its beginning.
        joined: Whether the next word follows without a space: the text is empty, or ends in one.

    Attributes:
        position: Where in a sentence the text stands now.
    """

    def __init__(self, tokenizer: WordTokenizer, position: SentencePosition | None = None, joined: bool = True) -> None:
        self._tokenizer, self.position = tokenizer, position or SentencePosition()
        self._plain = tokenizer.scheme == "whitespace"
        self._joined = joined or self._opened()

    def add(self, token_id: int) -> str:
        """What is to be appended to the text so that it goes on with this token."""
        token = self._tokenizer.words[token_id]
        position, self.position = self.position, self.position.after(token)
        if token == END:
            self._joined = True
            return "\n" if self._plain else "\n\n"
        tight = not self._plain and (token in _CLOSING or (token == '"' and position.quoted))
        space = "" if self._joined or tight else " "
        self._joined = self._opened()
        return space + self._tokenizer.surface(token_id, position.at_start)

    def _opened(self) -> bool:
        """Whether the last token is written to the next one: a bracket or a quotation mark that opens."""
        previous, quoted = self.position.previous, self.position.quoted
        return not self._plain and (previous in _OPENING or (previous == '"' and quoted))


def _stretches(text: str) -> Iterator[str]:
    """The text cut at spaces, so that a long one takes little memory; where it has none it is cut all the same."""
    begin = 0
    while len(text) - begin > _STRETCH:
        space = _SPACE.search(text, begin + _STRETCH // 2, begin + _STRETCH)
        end = space.start() if space else begin + _STRETCH
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _written_piece(piece: str, encoding: Encoding, line: int) -> Iterator[Token]:
    """The tokens of a piece that begins in `line`, and its `<eos>`."""
    position, end = 0, 0
    for index, (token_id, (begin, after)) in enumerate(zip(encoding.ids, encoding.offsets, strict=True)):
        if breaks := piece.count("\n", end, begin):
            line, position = line + breaks, 0
        position, end = position + 1, after
        upcoming = encoding.offsets[index + 1][0] if index + 1 < len(encoding.ids) else after
        yield Token(token_id, piece[begin:after], line, position, any(map(str.isspace, piece[after:upcoming])))
    yield Token(END_ID, END, line, position + 1, False)


class _FormsByPlace:
    """How often every form stands inside sentences, where a capital is a choice, and at their start, where it is none.

    Args:
        words: The vocabulary.
        forms: How many numbers of forms there are.
    """

    def __init__(self, words: list[str], forms: int) -> None:
        self._words = words
        self._starts = SentenceStarts(words)
        self._inside: NDArray[np.int64] = np.zeros(forms, np.int64)
        self._opening: NDArray[np.int64] = np.zeros(forms, np.int64)

    def count(self, numbers: NDArray[np.int32], ids: NDArray[np.int32]) -> None:
        """Count the next stretch of the text: (N,) numbers of forms, and the ids of their words."""
        at_start, known = self._starts(ids), ids != UNKNOWN_ID
        self._opening += np.bincount(numbers[at_start & known], minlength=len(self._opening))
        self._inside += np.bincount(numbers[~at_start & known], minlength=len(self._inside))

    def most_frequent(self, counts: FormCounts) -> dict[str, str]:
        """Normalized word to its most frequent form, where that is not the word itself."""
        best: dict[str, tuple[bool, int, str]] = dict.fromkeys(self._words, (False, 0, ""))
        inside, opening = self._inside.tolist(), self._opening.tolist()
        for word, form, number in counts.forms():
            if word in best and inside[number]:
                best[word] = max(best[word], (True, inside[number], form))
            # Met at sentence starts alone, a word's first capital says nothing; "McDonald" or "NASA" still does.
            if word in best and opening[number]:
                best[word] = max(best[word], (False, opening[number], form))
        return {
            word: form
            for word, (chosen, _, form) in best.items()
            if form and form != word and (chosen or form != word.capitalize())
        }


def _pipeline(scheme: str, cased: bool, ids: dict[str, int]) -> Tokenizer:
    """What cuts a text into words and looks up their ids: all of the `tokenizers` JSON is made from these three."""
    pipeline = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    if scheme == "whitespace":
        pipeline.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    else:
        pipeline.normalizer = normalizers.Sequence([*_FOLDS] if cased else [*_FOLDS, normalizers.Lowercase()])
        pipeline.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKEN), behavior="removed", invert=True)
    return pipeline


def _check_vocabulary(ids: dict[str, int], size: int | None) -> None:
    """Raise `ValueError` unless the words have the ids 0, 1, 2 ... once each, the special tokens first."""
    if size not in (None, len(ids)):
        raise ValueError(f"there are {len(ids):,} words, and rows of embedding.weight for {size:,}")
    if not all(type(index) is int for index in ids.values()) or any(map(ne, sorted(ids.values()), count())):
        raise ValueError("the words' ids are not 0, 1, 2 and so on")
    if ids.get(UNKNOWN) != UNKNOWN_ID or ids.get(END) != END_ID:
        raise ValueError(f"{UNKNOWN} and {END} are not the first words")
    if any(len(word) > MAX_WORD_LENGTH for word in ids):
        raise ValueError("a word is too long")


def _check_forms(forms: dict[str, str], ids: dict[str, int]) -> None:
    """Raise `ValueError` unless words have forms that can be theirs; a form may only be as odd as its word."""
    for word, form in forms.items():
        if word not in ids or not isinstance(form, str) or not 0 < len(form) <= 2 * MAX_WORD_LENGTH:
            raise ValueError(f"{word[:_MAX_NEW_WORD_LENGTH]!r} cannot have this form")
        if not _is_plain(form) and _is_plain(word):
            raise ValueError(f"the form of {word[:_MAX_NEW_WORD_LENGTH]!r} cannot be shown")


def _check_rare(rare: list[str]) -> None:
    """Raise `ValueError` unless these can be words to suggest."""
    if not isinstance(rare, list) or len(rare) > MAX_RARE_WORDS:
        raise ValueError("the rare words are no list, or too many")
    for word in rare:
        if not isinstance(word, str) or not 0 < len(word) <= 2 * _MAX_NEW_WORD_LENGTH or not _is_plain(word):
            raise ValueError("a rare word is no word")


def _is_plain(text: str) -> bool:
    """Whether a text is one word, and can be shown; what a later Unicode may have made a letter counts as one."""
    shown = text.isprintable() or all(char.isprintable() or unicodedata.category(char) == "Cn" for char in text)
    return shown and not _SPACE.search(text)


def _is_word(token: str) -> bool:
    return token not in (UNKNOWN, END) and any(map(str.isalnum, token))


def _is_learnable(word: str) -> bool:
    return len(word) <= _MAX_NEW_WORD_LENGTH and word.isprintable() and _is_word(word)


def capitalized(form: str) -> str:
    """`form` with a capital first letter, the others as they are."""
    return form[:1].upper() + form[1:]


def _folded(text: str) -> str:
    """`text` in plain characters, its case kept."""
    return text if text.isascii() else str(_FOLD.normalize_str(text))
