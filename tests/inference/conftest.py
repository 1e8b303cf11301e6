"""What tests of sampling and of the search share."""

from __future__ import annotations

import pytest
from support.models import random_predictor

from nextword.inference.predictor import Predictor


@pytest.fixture(scope="module")
def mixed_up() -> Predictor:
    """A network that has learned nothing, so that anything may follow anything, over few words and marks."""
    return random_predictor("lstm", 'I know Anna, but Mr. Cat (a cat) sat. "No!" she said.\n\nThe end.')
