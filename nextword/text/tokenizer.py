"""Text to words to ids.

`WordTokenizer` wraps a word-level tokenizer of the `tokenizers` library and adds what that library has no notion of:
the surface form in which a word is usually written, and the end of a paragraph. What is one word, `rules.py` says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.text.abbreviations import AMBIGUOUS, MAX_ABBREVIATIONS
from nextword.text.casing import capitalized_at_start
from nextword.text.divided import DividedWords
from nextword.text.encoder import Encoder, Text
from nextword.text.learning import learn_words
from nextword.text.pipeline import MAX_CHUNK_LENGTH, SPACES, Chunk, Pipeline, Tokens, without_surrogates
from nextword.text.rules import RULES, VERSION
from nextword.text.sentences import SentencePosition
from nextword.text.stored import checked
from nextword.text.token_file import TokenFile
from nextword.text.vocabulary import (
    END,
    END_ID,
    MAX_FORMS,
    MAX_RARE_WORDS,
    UNKNOWN,
    UNKNOWN_ID,
    Vocabulary,
    is_learnable,
    is_word,
)
from nextword.text.written import Token, located

__all__ = [
    "END",
    "END_ID",
    "UNKNOWN",
    "UNKNOWN_ID",
    "Encoded",
    "LearnedVocabulary",
    "Token",
    "WordTokenizer",
]


@dataclass
class Encoded:
    """What a typed text became."""

    ids: list[int] = field(default_factory=list)
    unknown_words: dict[int, str] = field(default_factory=dict)  # place in `ids` to how the text has it

    @property
    def unknown(self) -> list[str]:
        """The words outside the vocabulary, in order, each once."""
        return list(dict.fromkeys(self.unknown_words.values()))

    def append(self, chunk: Chunk, tokens: Tokens) -> None:
        """Add what the next chunk of the text became."""
        ids = tokens.ids
        if UNKNOWN_ID in ids:
            for place, (token_id, (begin, end)) in enumerate(zip(*tokens, strict=True), len(self.ids)):
                if token_id == UNKNOWN_ID:
                    self.unknown_words[place] = chunk.text[begin:end]
        self.ids += ids
        if chunk.ended:
            self.ids.append(END_ID)

    def chunks(self, length: int) -> Iterator[Encoded]:
        """The same in chunks of `length` words, the last of which may be shorter; a short text is one of its own."""
        if len(self.ids) <= length:
            yield self
            return
        for begin in range(0, len(self.ids), length):
            ids = self.ids[begin : begin + length]
            places = range(begin, begin + len(ids))
            yield Encoded(ids, {p - begin: self.unknown_words[p] for p in places if p in self.unknown_words})


class LearnedVocabulary(NamedTuple):
    """What reading a text for the first time gave."""

    tokenizer: WordTokenizer
    ids: TokenFile  # the text
    missed: int  # how many times at most a word was met and not counted; 0 unless there are a million different ones


class WordTokenizer:
    """Words to ids, for one vocabulary.

    Ids run from 0: `<unk>`, `<eos>`, then the words from the most to the least frequent in the training text. The
    words too rare for the vocabulary are read as unknown, and suggested where their first letters are typed.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.words = list(vocabulary.words)
        self.scheme, self.cased, self.version = vocabulary.scheme, vocabulary.cased, vocabulary.version
        self.surface_forms = vocabulary.surface_forms
        self.rare = list(vocabulary.rare)
        self._pipeline = Pipeline(self.scheme, self.cased, self.words, self.version)
        self._divided = DividedWords(self._pipeline, self.rare)
        self._learned = vocabulary.abbreviations  # None: nobody looked for words whose full stop ends no sentence
        self.abbreviations = frozenset(AMBIGUOUS.difference(self.words) if self._learned is None else self._learned)

    # -- making one ----------------------------------------------------------------------------------------------

    @classmethod
    def train(
        cls,
        texts: Iterable[Text],
        scheme: str = "words",
        cased: bool = False,
        vocab_size: int = 50_000,
        min_count: int = 2,
        version: int = VERSION,
    ) -> WordTokenizer:
        """Learn a vocabulary, and the surface forms of its words, from `texts`."""
        return cls.train_and_encode(texts, scheme, cased, vocab_size, min_count, version=version).tokenizer

    @classmethod
    def train_and_encode(
        cls,
        texts: Iterable[Text],
        scheme: str = "words",
        cased: bool = False,
        vocab_size: int = 50_000,
        min_count: int = 2,
        on_progress: Callable[[int, int], None] | None = None,
        max_forms: int = MAX_FORMS,
        version: int = VERSION,
    ) -> LearnedVocabulary:
        """Learn a vocabulary, and the surface forms of its words, from `texts`, read once and never held; encode them.

        Args:
            texts: Each as a string or in chunks.
            scheme: `words` or `whitespace`.
            cased: Whether upper and lower case are different words.
            vocab_size: Most words the vocabulary may hold, the two special tokens included.
            min_count: Words met less often are left out.
            on_progress: Called with how many tokens are encoded and how many there are, once all text is read.
            max_forms: Different spellings counted before the rarest are forgotten.
            version: Of the rules by which text is cut into words.

        Raises:
            StorageError: The temporary folder is full or not writable.
        """
        cased = cased or scheme == "whitespace"
        learned = learn_words(texts, scheme, cased, vocab_size, min_count, on_progress, max_forms, version)
        return LearnedVocabulary(cls(learned[0]), *learned[1:])

    def extended(self, texts: Iterable[Text], vocab_size: int, min_count: int) -> tuple[WordTokenizer, int]:
        """This vocabulary, and after it the words of `texts` that are new; what was known keeps its id and its form.

        Args:
            texts: More text.
            vocab_size: Most words that the vocabulary may grow to; none is taken away.
            min_count: New words seen less often stay unknown.

        Returns:
            The larger vocabulary; how many times at most a word was met and not counted.
        """
        learned, _, missed = self.train_and_encode(
            texts, self.scheme, self.cased, vocab_size, min_count, version=self.version
        )
        known = set(self.words)
        new = [word for word in learned.words if word not in known][: max(0, vocab_size - len(self))]
        known.update(new)
        forms = self.surface_forms | {w: learned.surface_forms[w] for w in new if w in learned.surface_forms}
        rare = {self.normalize(form): form for form in [*learned.rare, *self.rare]}
        left = [form for word, form in rare.items() if word not in known][:MAX_RARE_WORDS]
        abbreviations = None if self.cased else sorted(self.abbreviations | learned.abbreviations)[:MAX_ABBREVIATIONS]
        words = [*self.words, *new]
        vocabulary = Vocabulary(words, self.scheme, self.cased, forms, left, self.version, abbreviations)
        return WordTokenizer(vocabulary), missed

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
            return cls(checked(tokenizer, vocabulary, size))
        except (AttributeError, KeyError, TypeError, RecursionError, ValueError) as error:
            raise ValueError(f"not a tokenizer: {error}") from error

    def to_json(self) -> tuple[str, str]:
        """(the `tokenizers` JSON, what nextword adds to it as JSON); `from_json` takes both."""
        facts = {"version": self.version, "scheme": self.scheme, "cased": self.cased}
        facts |= {"surface_forms": self.surface_forms, "rare": self.rare}
        facts |= {} if self._learned is None else {"abbreviations": list(self._learned)}
        return self._pipeline.library.to_str(), json.dumps(facts, ensure_ascii=False)

    # -- the vocabulary ------------------------------------------------------------------------------------------

    def is_word(self, token: str) -> bool:
        """Whether `token` is a word to suggest: neither a special token nor only punctuation."""
        return is_word(token, RULES[self.version].emoji)

    def is_learnable(self, word: str) -> bool:
        """Whether a normalized word outside the vocabulary is one to remember and suggest."""
        return is_learnable(word, RULES[self.version].emoji)

    def __len__(self) -> int:
        return len(self.words)

    def token_id(self, word: str) -> int | None:
        """The id of a normalized word; None where it is not in the vocabulary."""
        return self._pipeline.ids.get(word)

    def known_id(self, form: str) -> int | None:
        """The id of a word however it is written; None where it is not in the vocabulary."""
        return self.token_id(self.normalize(form))

    def surface(self, token_id: int, at_start: bool = False) -> str:
        """The word as people write it, with a capital where a sentence starts."""
        word = self.words[token_id]
        return self.placed(self.surface_forms.get(word, word), at_start)

    def placed(self, form: str, at_start: bool) -> str:
        """A word's form as it stands where a sentence starts, or inside one."""
        return capitalized_at_start(form) if at_start and not self.cased else form

    # -- text to ids ---------------------------------------------------------------------------------------------

    def encode(self, text: str) -> Encoded:
        """Ids of a typed text: `<eos>` wherever the text itself ends a paragraph (a line, in `whitespace`).

        The end of the text ends nothing, so a text may be fed in chunks.
        """
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[Encoded]:
        """`encode` for each of many texts, all together, which is faster."""
        encoded = [Encoded() for _ in texts]
        for chunk, encoding in self._pipeline.encodings([self._divided.prepared(text)[0] for text in texts]):
            encoded[chunk.source].append(chunk, encoding)
        return encoded

    def position(self, encoded: Encoded, begin: SentencePosition | None = None) -> SentencePosition:
        """Where in a sentence a text has got to that began at `begin`, by its words as they stand there."""
        return (begin or SentencePosition()).after_all(self.tokens(encoded), self.abbreviations)

    def tokens(self, encoded: Encoded) -> list[str]:
        """The normalized words of a text, those outside the vocabulary, too."""
        tokens = [self.words[token_id] for token_id in encoded.ids]
        if encoded.unknown_words:
            forms = self.normalize("\n".join(encoded.unknown_words.values())).split("\n")  # faster than one by one
            for place, form in zip(encoded.unknown_words, forms, strict=True):
                tokens[place] = form
        return tokens

    def cut(self, text: str) -> list[str]:
        """The words and marks of a text as they are written there; none of its line ends counts."""
        encodings = self._pipeline.encodings([self._pipeline.prepared(text)])
        return [chunk.text[begin:end] for chunk, encoding in encodings for begin, end in encoding.offsets]

    def normalize(self, word: str) -> str:
        """A word as the vocabulary would have it: plain characters, and lower case unless cased."""
        return self._pipeline.normalize(word)

    def normalize_all(self, words: Sequence[str]) -> list[str]:
        """`normalize` for each of many words without a line's end, all together, which is faster."""
        return self._pipeline.normalize_all(words)

    def split_unfinished(self, text: str) -> tuple[str, str]:
        """A text being typed as (what is complete, the letters of the word at its end); together they are the text.

        The second is empty where the text ends in white space or in punctuation.
        """
        near = without_surrogates(text[-MAX_CHUNK_LENGTH:])
        near = near[max(map(near.rfind, SPACES)) + 1 :]  # no token reaches across white space
        # With another letter, the word is the last token.
        begin = len(text) - len(near) + self._pipeline.spans(near + "x")[-1][1][0]
        return text[:begin], text[begin:]

    def ending(self, text: str, most: int) -> str:
        """The end of a typed text that `encode` gives `most` ids, or the whole text where it has no more."""
        typed, _ = self._divided.prepared(text)
        if len(typed) <= most:  # a token has a character at least
            return text
        begins = self._pipeline.begins(typed)
        return typed[begins[-most] :] if len(begins) > most else text

    def encode_documents(self, texts: Iterable[Text]) -> Iterator[NDArray[np.int32]]:
        """Ids of whole documents, in order, some at a time; every paragraph (or line) ends with `<eos>`.

        Args:
            texts: Each as a string or in chunks, cut anywhere; none of them is held in memory.
        """
        return Encoder(self._pipeline, self._divided.id_of, self._divided.ids_of).encode(texts)

    def written(self, document: str) -> Iterator[Token]:
        """The tokens of a document whose ids `encode_documents` gives, with how and where each is written.

        In `words` they are given in NFC.
        """
        return located(self._pipeline, *self._divided.prepared(document))
