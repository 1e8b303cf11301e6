"""The words that are shown after the one suggested first, as long as that is expected to save keys.

A phrase is taken with one key, and so saves those of all its words but the first, each of which would be the first
suggestion by then and cost one: (words - 1) x the probability that all of them come. A word is added while that grows
by more than it costs to read the word, in keys (Quinn and Zhai 2016, "A cost-benefit study of text entry suggestion
interaction": suggestions save keys, and cost the time to look at them, so that those seldom right slow writing down).
"""

from __future__ import annotations

from collections.abc import Sequence

from nextword.inference.outlook import Prediction
from nextword.inference.session import Session

MAX_PHRASE_WORDS = 5
_READING_COST = 0.1  # keys a word: a glance at a word takes some 20 ms more, and a key takes some 200 ms


def worth_showing(session: Session, suggestions: Sequence[Prediction], prefix: str = "") -> list[Prediction]:
    """The phrase that is worth showing where the first of `suggestions` is expected: that word, or more.

    Args:
        session: Has read what comes before; it stays where it is.
        suggestions: What `Session.suggest` gives there.
        prefix: The letters typed of the word.
    """
    phrase = beginning(suggestions, prefix)
    while longer := one_more(session, phrase):
        phrase = longer
    return phrase


def beginning(suggestions: Sequence[Prediction], prefix: str = "") -> list[Prediction]:
    """The phrase of one word: the first suggestion, and how likely it is now that these letters are typed."""
    if not suggestions:
        return []
    first = suggestions[0]
    # With letters typed, what is suggested is about all that may come.
    possible = sum(one.probability for one in suggestions) if prefix else 1.0
    return [Prediction(first.word, min(1.0, first.probability / possible) if possible else 0.0)]


def one_more(session: Session, phrase: Sequence[Prediction]) -> list[Prediction] | None:
    """`phrase` with the likeliest word after it; None if that is not worth showing, or no word is expected there.

    The probability of each of its words is that of all up to it.
    """
    count = len(phrase)
    if not 0 < count < MAX_PHRASE_WORDS or phrase[-1].probability <= _READING_COST:
        return None
    ahead = Session(session.engine, session.adapt)
    ahead.restore(session.snapshot)
    ahead.feed(" ".join(one.word for one in phrase))
    next_word, *_ = ahead.suggest(1, punctuation=True)
    together = phrase[-1].probability * next_word.probability
    is_word = session.engine.tokenizer.is_word(session.engine.tokenizer.normalize(next_word.word))
    if not is_word or count * together - (count - 1) * phrase[-1].probability <= _READING_COST:
        return None
    return [*phrase, Prediction(next_word.word, together)]
