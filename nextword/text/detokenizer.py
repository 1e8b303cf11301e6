"""Ids to running text: surface forms, capitals where sentences start, no space before a period."""

from __future__ import annotations

from collections.abc import Iterable

from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import WordTokenizer
from nextword.text.vocabulary import END

_NO_SPACE_BEFORE = frozenset((*".,;:!?)]", "..."))
_NO_SPACE_AFTER = frozenset("([\u00bf\u00a1")


def detokenize(tokenizer: WordTokenizer, ids: Iterable[int]) -> str:
    """Running text again; in `whitespace` the tokens joined by spaces, one line for each `<eos>`."""
    return "".join(map(Detokenizer(tokenizer).add, ids))


class Detokenizer:
    """Writes running text token by token; `detokenize` says how it looks.

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

    def add(self, token_id: int, unknown_word: str | None = None) -> str:
        """What is to be appended to the text so that it goes on with this token.

        Args:
            token_id: A token of the vocabulary.
            unknown_word: What is written for the unknown one.
        """
        tokenizer = self._tokenizer
        token = tokenizer.words[token_id] if unknown_word is None else tokenizer.normalize(unknown_word)
        position, self.position = self.position, self.position.after(token, tokenizer.abbreviations)
        if token == END:
            self._joined = True
            return "\n" if self._plain else "\n\n"
        tight = not self._plain and (token in _NO_SPACE_BEFORE or (token == '"' and position.quoted))
        space = "" if self._joined or tight else " "
        self._joined = self._opened()
        return space + (unknown_word or tokenizer.surface(token_id, position.at_start))

    def _opened(self) -> bool:
        """Whether the last token is written to the next one: a bracket or a quotation mark that opens."""
        previous, quoted = self.position.previous, self.position.quoted
        return not self._plain and (previous in _NO_SPACE_AFTER or (previous == '"' and quoted))
