"""A network that goes on from another one, drawn a little back to it wherever it is measured and saved.

The passages that are held out stand between those that are learned from; what a person writes next does not, and is
predicted best by weights between the old and the new ones (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
models", section 3). That costs nothing, and as what the old network knew is not lost, no old text has to be read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray

from nextword.model.language_model import RecurrentLanguageModel


@contextmanager
def drawn_back(model: RecurrentLanguageModel, source: Mapping[str, NDArray[Any]], share: float) -> Iterator[None]:
    """Inside, the weights of `model` hold a `share` of those of `source`, by name; the rows of words it adds do not."""
    parameters = model.state_dict()  # of the very same memory
    own = {name: parameters[name].clone() for name in source}
    with torch.no_grad():
        for name, values in source.items():
            old = torch.from_numpy(values).to(parameters[name].device)
            parameters[name][: len(old)].lerp_(old, share)
        try:
            yield
        finally:
            for name, weights in own.items():
                parameters[name].copy_(weights)
