"""A line while it is being typed: what is suggested at every key, and what taking a suggestion makes of the line.

The words completed so far are read ahead, in a session of the line's own that goes on from the conversation's; so
dropping the line leaves nothing behind.
"""

from __future__ import annotations

import re
from functools import lru_cache

from nextword.inference.outlook import Outlook, Prediction
from nextword.inference.phrases import beginning, one_more
from nextword.inference.session import Session
from nextword.interactive.incremental import IncrementalReader, chunks_of
from nextword.text.casing import rest_of

# Where no space comes between what is typed and the word that follows: brackets, slashes, and quotes that open.
_OPEN = re.compile(r"""(?:[(\[{/\u201c\u2018@#\u2014-]|(?:^|[\s(\[{])["'])$""")
_FINISHED = re.compile(r"(\w(?:\S*\w)?)([^\w\s]?\s?)")  # a word, and the mark or space that shows that it is whole
_CLOSING = frozenset(".,;:!?)]}'\u2019\u201d\u2026")


class TypingLine:
    """One line, from its first key to its last; texts given to its methods are what stands before the cursor.

    Args:
        session: The conversation; it stays where it is.
        k: How many words to suggest.
    """

    def __init__(self, session: Session, k: int) -> None:
        self.k = k
        self._normalize = session.engine.tokenizer.normalize
        self._split = lru_cache(maxsize=1)(session.engine.tokenizer.split_unfinished)
        ahead = Session(session.engine, session.adapt)
        ahead.restore(session.snapshot)
        self._reader = IncrementalReader(ahead)
        self._taken = ""  # the text that ends with a taken word and the space that came with it
        self._suggested: tuple[str, list[Prediction]] | None = None  # for which text, and what
        self._phrase: list[Prediction] = []  # the first of these, and perhaps more
        self._unfinished: tuple[str, Outlook] | None = None  # what the last unfinished word comes after

    def read(self, text: str, limit: int | None = None) -> bool:
        """Read on to the last complete word of `text`.

        Args:
            text: What is typed; any change since the last call is allowed.
            limit: How many words (chunks between white space) to read now; None: all.

        Returns:
            Whether all are read; until then nothing is suggested.
        """
        return self._reader.replace(0, self._chunks(text), limit)

    def is_read(self, text: str) -> bool:
        """Whether `text` is what was read last, and all of it."""
        return self._reader.chunks == self._chunks(text)

    def _chunks(self, text: str) -> list[str]:
        """The complete words of `text`, each with the white space before it."""
        return chunks_of(self._split(text)[0])

    def suggestions(self, text: str) -> list[Prediction]:
        """The words to come, or those that the unfinished word may become, the likeliest first."""
        if self._suggested is None or self._suggested[0] != text:
            self.read(text)
            complete, letters = self._split(text)
            if letters:
                self._unfinished = complete, self._reader.session.outlook()
            self._suggested = text, self._reader.suggest(self.k, letters)
            self._phrase = beginning(self._suggested[1], letters)
        return self._suggested[1]

    def ghost(self, text: str) -> str:
        """What the likeliest word would add to `text`: the rest of its letters, or all of them; never its space.

        And the words after it, as far as `grow` has found them.
        """
        words = self.suggestions(text)
        complete, letters = self._split(text)
        rest = rest_of(words[0].word, letters, self._normalize) if words else None
        if rest is None:
            return ""
        return _space(complete, letters) + " ".join([rest, *(one.word for one in self._phrase[1:])])

    def grow(self, text: str) -> bool:
        """Look for one more word that is worth showing after `text`; False if there is none."""
        self.suggestions(text)
        longer = one_more(self._reader.session, self._phrase)
        self._phrase = longer or self._phrase
        return longer is not None

    def take_all(self, text: str) -> str:
        """`text` with all that `ghost` shows, or with the first suggestion, and a space."""
        ghost = self.ghost(text)
        if not ghost:
            return self.take(text)
        self._taken = f"{text}{ghost} "
        return self._taken

    def correction(self, text: str) -> str | None:
        """What was probably meant by the word just finished, if no one writes that; None where nothing is."""
        finished = self._finished(text)
        return finished[1].correction(finished[0]) if finished else None

    def correct(self, text: str) -> str:
        """`text` with that in the place of its last word."""
        corrected, finished = self.correction(text), self._finished(text)
        if corrected is None or finished is None or self._unfinished is None:
            return text
        complete = self._unfinished[0]
        return complete + corrected + text[len(complete) + len(finished[0]) :]

    def _finished(self, text: str) -> tuple[str, Outlook] | None:
        """The word just finished, and what was expected in its place."""
        if self._unfinished and text.startswith(self._unfinished[0]):
            complete, outlook = self._unfinished
            if (found := _FINISHED.fullmatch(text, len(complete))) and not self._split(text)[1]:
                return found[1], outlook
        return None

    def take(self, text: str, rank: int = 1) -> str:
        """`text` with the suggestion of that rank and a space in the place of the unfinished word.

        Without such a suggestion the text stays as it is.
        """
        words = self.suggestions(text)
        if rank > len(words):
            return text
        complete, letters = self._split(text)
        self._taken = f"{complete}{_space(complete, letters)}{words[rank - 1].word} "
        return self._taken

    def typed(self, text: str, character: str) -> str:
        """`text` and the character typed after it.

        The space that came with a word just taken steps aside for punctuation, and is not doubled.
        """
        if text and text == self._taken:
            if character == " ":
                return text
            if character in _CLOSING or (character == '"' and text.count('"') % 2):
                return text[:-1] + character
        return text + character


def _space(complete: str, letters: str) -> str:
    """The space wanted between a text and the word that comes after it."""
    return "" if letters or not complete or complete[-1].isspace() or _OPEN.search(complete) else " "
