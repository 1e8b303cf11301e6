"""The engine: a checkpoint's network (`lstm.py`) and its words, without a memory of its own.

Every method takes the LSTM's state and keeps none; a `Session` remembers one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from nextword.inference.lstm import Array, LSTMNetwork, LSTMState, softmax
from nextword.inference.word_index import WordIndex
from nextword.storage.checkpoint import Checkpoint
from nextword.text.tokenizer import END_ID


class Engine:
    """Reads tokens, and says how likely each is to come next.

    Args:
        checkpoint: A verified checkpoint, as `load_checkpoint` returns it.

    Attributes:
        checkpoint: What it was made of.
        tokenizer: The checkpoint's words.
        network: Its network.
        index: Which words may be suggested.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.tokenizer = checkpoint.tokenizer
        self.network = LSTMNetwork(checkpoint.tensors)
        self.index = WordIndex(checkpoint.tokenizer)

    @cached_property
    def initial_state(self) -> LSTMState:
        """The state of a fresh session: one `<eos>` read, as if a paragraph had just ended."""
        return self.read([END_ID], self.network.initial_state())

    def read(self, ids: Sequence[int], state: LSTMState) -> LSTMState:
        """The state after reading token `ids` from `state` on, which itself stays as it is."""
        return self.network.read(ids, state)[1] if ids else state

    def distribution(self, state: LSTMState) -> Array:
        """(V,) probability of every token of the vocabulary, by id, to come next; they sum to one.

        (B, V) after the states of texts side by side.
        """
        return softmax(self.network.logits(state.hidden[-1]))
