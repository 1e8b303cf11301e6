"""What is answered to an editor's lines: which text they continue, and the words that may come after it.

A line that ends in white space asks for the next word; else its last word is one being typed, and the replies begin
with it, unless slips are forgiven. The same line comes again at every key, a little longer, and some plug-ins send the
lines above it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor
from nextword.interactive.incremental import IncrementalReader, common_prefix
from nextword.text.casing import rest_of
from nextword.text.clusters import is_printable
from nextword.text.tokenizer import WordTokenizer

MAX_REPLY_LENGTH = 60_000  # bytes; a pipe holds 64 KiB
MAX_CHARACTERS = 8_000  # the end of a request that is looked at
MAX_WORDS = 500  # the end of a request that is read
MAX_KEPT_WORDS = 800  # the document, each word with its snapshot; a request's words may come on top
_CUT_LENGTH = 1_000  # characters that vscode-nextword sends, the first of them often from inside a word
_MIN_SHARED = 3  # words that a request must share with earlier text to be taken for it
_FIRST_WORD = re.compile(r"\S+")


class LineFilter:
    """Answers requests, a line each.

    Args:
        predictor: The model.
        count: Most words in a reply; None: as many as fit.
        adapt: How it learns from what is typed; None: not at all.
        forgive: Whether replies may begin with other letters than those typed, where these may be a slip.
    """

    def __init__(
        self,
        predictor: Predictor,
        count: int | None = 10,
        adapt: AdaptConfig | None = None,
        forgive: bool = False,
    ) -> None:
        self._forgive = forgive
        self._tokenizer = predictor.tokenizer
        self._reader = IncrementalReader(predictor.session(adapt))
        self._document = Document(self._reader, self._tokenizer)
        self._count = min(count or MAX_REPLY_LENGTH, MAX_REPLY_LENGTH)

    def answer(self, request: bytes) -> bytes:
        """The reply to a line without its end, itself without one; empty where the line is no UTF-8."""
        try:
            line = request.decode()
        except UnicodeDecodeError:
            return b""
        line, cut = line[-MAX_CHARACTERS:], len(line) > MAX_CHARACTERS or len(line) == _CUT_LENGTH
        complete, unfinished = self._tokenizer.split_unfinished(line)
        if cut:
            complete = _FIRST_WORD.sub("", complete, count=1)
        words = self._tokenizer.cut(complete)[-MAX_WORDS:]
        if unfinished or line[-1:].isspace() or not words:
            self._document.turn_to(words, unfinished)
            return joined(self._candidates(unfinished)) if line else b""
        self._document.turn_to(words[:-1], words[-1])  # a mark at the end may grow, too, as "." to "..."
        return b""

    def _candidates(self, unfinished: str) -> Iterator[str]:
        """The likeliest words that begin with the letters typed, as these are, and those that they are forgiven for."""
        for prediction in self._reader.suggest(self._count, unfinished, forgive=self._forgive):
            rest = rest_of(prediction.word, unfinished, self._tokenizer.normalize)
            if rest is not None or self._forgive:
                yield prediction.word if rest is None else unfinished + rest


def joined(words: Iterable[str]) -> bytes:
    """A reply: each word once, those left out that would break the line up, as many as fit."""
    reply = bytearray()
    for word in dict.fromkeys(words):
        encoded = word.encode()
        if len(reply) + len(encoded) >= MAX_REPLY_LENGTH:
            break
        if is_printable(word) and " " not in word:
            reply += b" " * bool(reply) + encoded
    return bytes(reply)


class Document:
    """What was read so far, word by word, and where in it the present line begins.

    Args:
        reader: Reads it.
        tokenizer: Knows the words that a line may end with when it is left.
    """

    def __init__(self, reader: IncrementalReader, tokenizer: WordTokenizer) -> None:
        self._reader = reader
        self._tokenizer = tokenizer
        self._start = 0  # where the present line begins
        self._unfinished = ""

    @property
    def words(self) -> Sequence[str]:
        """The words that a line is compared with, the present line's last."""
        return self._reader.chunks

    def turn_to(self, words: list[str], unfinished: str) -> None:
        """Have these words read, and only these of the present line.

        They are compared with what was read before. A line that grew is read on, one that shrank or was changed is
        read anew from there; a window that has moved on, or text from further up, is found where it was read before.
        Any other line comes after all that was read.

        Args:
            words: The words of the line.
            unfinished: Letters of a word at its end, which is not read.
        """
        begin = self._place(words, unfinished)
        if begin is None:
            if self._tokenizer.known_id(self._unfinished) is not None:
                self._reader.replace(len(self.words), [self._unfinished])  # the line was left: its last word is whole
            begin = len(self.words)
        self._reader.replace(begin, words)
        self._start, self._unfinished = begin, unfinished
        if len(self.words) > MAX_KEPT_WORDS:
            self._start -= self._reader.drop(min(len(self.words) // 2, begin))

    def _place(self, words: list[str], unfinished: str) -> int | None:
        """Where a request begins in what was read; None if it is a new line."""
        known = self.words[self._start :]
        before = common_prefix(known, words)
        if before == len(known) and (known or len(words) <= 1):
            return self._start
        if before == len(words) and (known[before].startswith(unfinished) if words else len(known) == 1):
            return self._start  # it became shorter, and did not just begin with a word that the next line begins with
        if (found := self._found(words)) is not None:
            return found
        after = common_prefix(known[before:][::-1], words[before:][::-1])
        return self._start if 2 * (before + after) > max(len(known), len(words)) else None

    def _found(self, words: list[str]) -> int | None:
        """Where a request begins in what was read, if most of it, or all that was read from there, is the same."""
        most, place = _MIN_SHARED - 1, None
        for begin in range(len(self.words)) if words else ():
            if self.words[begin] == words[0]:
                shared = common_prefix(self.words[begin:], words)
                if shared > most and (begin + shared == len(self.words) or 2 * shared > len(words)):
                    most, place = shared, begin
        return place
