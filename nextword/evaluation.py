"""How well a model predicts a text: perplexity over every token of it, the state carried from its start to its end.

Knows the torch model and ids; knows nothing of files or screens.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from nextword.data import windows
from nextword.model import LSTMLanguageModel
from nextword.tokenizer import END_ID

_WINDOW = 1024  # words read at once: the result does not depend on it, the memory does


def perplexity(model: LSTMLanguageModel, ids: NDArray[np.int32]) -> float:
    """exp of the mean cross-entropy of `ids`, in 32-bit arithmetic.

    The model starts as a fresh session does, having read one `<eos>`, so the first token is predicted and counted
    like all others; the state is carried to the last. Comparable with the literature's figures where the tokens are.

    Args:
        model: Any model; its training or evaluation mode is left as it was.
        ids: (N,) token ids, one or more.
    """
    training = model.training
    model.eval()
    total, state = 0.0, None
    device = model.output.bias.device
    text = np.concatenate([np.asarray([END_ID], np.int32), ids])
    with torch.inference_mode():
        for inputs, targets in windows(text[:, None], _WINDOW):
            window = torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)
            loss, state = model.loss(*window, state)
            total += loss.item() * len(inputs)
    model.train(training)
    return math.exp(min(total / len(ids), 700.0))
