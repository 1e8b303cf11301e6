"""A line while it is being typed: what is suggested at every key, and what taking a suggestion makes of the line.

The words completed so far are read ahead, in a session of the line's own that goes on from the conversation's; the
letters of an unfinished word are not. So a key costs one step of the LSTM if it completes a word, else none, and
dropping the line leaves nothing behind. Knows sessions and strings; nothing of keys and screens.
"""

from __future__ import annotations

import re

from nextword.inference.outlook import Prediction
from nextword.inference.session import Session, Snapshot

_PIECE = re.compile(r"\s*\S+")
# Where no space comes between what is typed and the word that follows: brackets, slashes, and quotes that open.
_OPEN = re.compile(r"""(?:[(\[{/\u201c\u2018@#\u2014-]|(?:^|[\s(\[{])["'])$""")
_CLOSING = frozenset(".,;:!?)]}'\u2019\u201d\u2026")


class TypingLine:
    """One line, from its first key to its last; texts given to its methods are what stands before the cursor.

    Args:
        session: The conversation; it stays where it is.
        k: How many words to suggest.
    """

    def __init__(self, session: Session, k: int) -> None:
        self.k = k
        self._tokenizer = session.engine.tokenizer
        self._ahead = Session(session.engine, session.adapt)
        self._stops: list[tuple[int, Snapshot]] = [
            (0, session.snapshot)
        ]  # places between words, and the snapshots there
        self._complete = ""  # the text that the stops are places in
        self._is_read = False
        self._taken = ""  # the text that ends with a taken word and the space that came with it
        self._shown: tuple[str, list[Prediction]] | None = None

    def read(self, text: str, most: int | None = None) -> bool:
        """Read on to the last complete word of `text`.

        Args:
            text: What is typed; any change since the last call is allowed.
            most: How many words (pieces between white space) to read now; None: all.

        Returns:
            Whether all are read; until then nothing is suggested.
        """
        complete, _ = self._tokenizer.split_unfinished(text)
        if self._is_read and complete == self._complete:
            return True
        while not self._stands(self._stops[-1][0], complete):
            self._stops.pop()
        self._complete, self._is_read = complete, False
        place, snapshot = self._stops[-1]
        self._ahead.restore(snapshot)
        while (piece := _PIECE.match(complete, place)) and piece.end() < len(complete):
            if most is not None:
                if not most:
                    return False
                most -= 1
            self._ahead.feed(piece.group())
            place = piece.end()
            self._stops.append((place, self._ahead.snapshot))
        # What no white space has ended may still become another word: three full stops are one mark.
        rest = complete[place:]
        if rest.strip() or "\n" in rest:
            self._ahead.feed(rest)
        self._is_read = True
        return True

    def _stands(self, place: int, complete: str) -> bool:
        """Whether a word still ends at `place`, after the same text as before."""
        return place == 0 or (complete[place : place + 1].isspace() and complete[:place] == self._complete[:place])

    def suggestions(self, text: str) -> list[Prediction]:
        """The words to come, or those that the unfinished word may become, the likeliest first."""
        if self._shown is None or self._shown[0] != text:
            self.read(text)
            _, letters = self._tokenizer.split_unfinished(text)
            self._shown = text, self._ahead.outlook().top(self.k, prefix=letters)
        return self._shown[1]

    def ghost(self, text: str) -> str:
        """What the likeliest word would add to `text`: the rest of its letters, or all of them; never its space."""
        words = self.suggestions(text)
        complete, letters = self._tokenizer.split_unfinished(text)
        if not words or len(self._tokenizer.normalize(letters)) != len(letters):
            return ""
        return _space(complete, letters) + words[0].word[len(letters) :]

    def take(self, text: str, rank: int = 1) -> str:
        """`text` with the suggestion of that rank and a space in the place of the unfinished word.

        Without such a suggestion the text stays as it is.
        """
        words = self.suggestions(text)
        if rank > len(words):
            return text
        complete, letters = self._tokenizer.split_unfinished(text)
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
