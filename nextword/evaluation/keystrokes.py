"""How many keys the suggestions save someone who types a text.

The typist sees three suggestions, refreshed at every key: the likeliest words that begin with the letters typed so
far and have more of them, in the order of the model's distribution, as `predict --complete` would list them (no
punctuation, no `<unk>`; words too rare for the vocabulary once a letter is typed). Slips, which that forgives, and
phrases are for `typist.py`. Keys are counted so:

- Without help every character is a key: the letters of each word, every punctuation mark, one space between two words
  (a line end inside a paragraph is such a space, a run of white space is one), and one key for the end of a paragraph
  (of a line, in `whitespace`). For `whitespace` this is the number of characters in the file.
- With help the typist takes a suggestion as soon as it is the word wanted: after j letters of it, the word costs j + 1
  keys and its space, if one follows, comes with it. Where none follows (a comma, the end of a line) the suggestion's
  space steps aside, as on a phone, and saves nothing. A suggestion that costs more than typing on is left alone.
- A suggestion is right if it is the word in the vocabulary, without regard to case unless the model is cased.
- A word that is never suggested is typed in full, with its space, and so are punctuation and the ends of paragraphs.

Savings = 1 - keys used / keys needed without help (Trnka and McCoy 2008, "Evaluating word prediction: framing keystroke
savings", section 2).

Letters in shapes: n places in the text, V words in the vocabulary, W of them words that are suggested.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.text.tokenizer import END_ID, Token, WordTokenizer

SUGGESTIONS = 3  # words that the typist sees


def keys_needed(token: Token) -> int:
    """Keys that a token costs without help, the space after it included."""
    return 1 if token.token_id == END_ID else len(token.word) + token.spaced


def keys_used(needed: NDArray[np.int64], letters_typed: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) keys that tokens cost with help.

    Args:
        needed: (n,) keys that they cost without.
        letters_typed: (n,) letters that stand there when they are suggested; inf where they never are.
    """
    return np.minimum(letters_typed + 1, needed).astype(np.int64)


class Keyboard:
    """Tells after how many letters a word is among the suggestions.

    In alphabetical order, the words that begin with some letters stand side by side, from a first to a last. So the
    words suggested before the one wanted are counted with two look-ups for each of its letters.

    Args:
        tokenizer: The vocabulary.
        device: Where the distributions will be.
        new_words: Normalized words outside the vocabulary that have a place in the distributions after it.
    """

    def __init__(self, tokenizer: WordTokenizer, device: torch.device, new_words: Sequence[str] = ()) -> None:
        words = [*tokenizer.words, *new_words]
        order = sorted((i for i, word in enumerate(words) if tokenizer.is_word(word)), key=words.__getitem__)
        alphabetical = [words[index] for index in order]
        firsts = _first_with_prefix(alphabetical)
        # Seen from the end of the alphabet, the first word with a prefix is the last one.
        lasts = [[len(order) - index for index in row] for row in _first_with_prefix(alphabetical[::-1])[::-1]]
        self._order = torch.tensor(order, dtype=torch.long, device=device)  # (W,)
        self._first = torch.tensor([index for row in firsts for index in row], dtype=torch.long, device=device)
        # The word that is itself the prefix, if there is one, is the first of those that begin with it.
        whole = [
            order[index] if alphabetical[index] == word[:length] else -1
            for word, row in zip(alphabetical, firsts, strict=True)
            for length, index in enumerate(row)
        ]
        self._whole = torch.tensor(whole, dtype=torch.long, device=device)
        self._end = torch.tensor([index for row in lasts for index in row], dtype=torch.long, device=device)
        lengths = torch.tensor([len(word) for word in alphabetical], dtype=torch.long, device=device)
        self._letters = torch.zeros(len(words), dtype=torch.long, device=device)  # (V,) 0 for what is never suggested
        self._letters[self._order] = lengths
        self._prefixes = torch.zeros_like(self._letters)  # (V,) where in the two lists a word's prefixes begin
        self._prefixes[self._order] = lengths.cumsum(0) - lengths

    def letters_typed(self, likelier: Tensor, targets: Tensor) -> Tensor:
        """(n,) letters of the words wanted that are typed before they are suggested; inf where they never are.

        Args:
            likelier: (n, V) whether a word comes before the word wanted in the order of the distribution.
            targets: (n,) ids of the words wanted.
        """
        before = torch.zeros(len(targets), len(self._order) + 1, dtype=torch.int32, device=targets.device)
        torch.cumsum(likelier[:, self._order], 1, dtype=torch.int32, out=before[:, 1:])
        letters = self._letters[targets]
        # One row for every place and every prefix of the word wanted there, the empty one first.
        place = torch.arange(len(targets), device=targets.device).repeat_interleave(letters)
        offset = self._prefixes[targets] - (letters.cumsum(0) - letters)
        prefix = torch.arange(len(place), device=targets.device) + offset.repeat_interleave(letters)
        rivals = before[place, self._end[prefix]] - before[place, self._first[prefix]]
        whole = self._whole[prefix]
        rivals -= (likelier[place, whole] & (whole >= 0)).int()
        # The longer the prefix, the fewer the rivals: the prefixes that still have too many are the first ones.
        typed = torch.zeros(len(targets), device=targets.device)
        typed.index_add_(0, place, (rivals >= SUGGESTIONS).float())
        return torch.where(typed < letters, typed, torch.inf)


def _first_with_prefix(words: Sequence[str]) -> list[list[int]]:
    """For every word and every prefix of it, from none of its letters to all but the last: the first word that has it.

    Args:
        words: In an order in which words with a common prefix stand side by side.
    """
    rows: list[list[int]] = []
    before, firsts = "", [0]
    for index, word in enumerate(words):
        shared = next((i for i, (a, b) in enumerate(zip(before, word, strict=False)) if a != b), len(before))
        firsts = firsts[: min(shared, len(word)) + 1]
        firsts += [index] * (len(word) + 1 - len(firsts))
        rows.append(firsts[: len(word)])
        before = word
    return rows
