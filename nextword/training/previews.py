"""What a model suggests at a few places of the held-out text, to watch it learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextword.inference.predictor import Predictor
from nextword.text.detokenizer import detokenize
from nextword.text.vocabulary import END_ID
from nextword.training.events import Preview

_PREVIEWS = 4
_PREVIEW_WORDS = 8
_PREVIEW_TEXT = 1_000_000  # tokens of the text that places are looked for in


def make_previews(predictor: Predictor, ids: NDArray[np.int32]) -> list[Preview]:
    """What the model suggests after the first words of a few paragraphs, spread over the validation text, (N,).

    The very engine that users get makes the suggestions.
    """
    text = ids[:_PREVIEW_TEXT]
    starts = np.flatnonzero(np.concatenate([[True], text[:-1] == END_ID]))
    ends = np.concatenate([starts[1:], [len(text) + 1]]) - 1
    long_enough = starts[ends - starts > _PREVIEW_WORDS]
    chosen = long_enough[:: max(1, len(long_enough) // _PREVIEWS)][:_PREVIEWS]
    previews = []
    for begin in chosen:
        context = detokenize(predictor.tokenizer, text[begin : begin + _PREVIEW_WORDS].tolist())
        previews.append(Preview(context, predictor.predict(context, k=3)))
    return previews
