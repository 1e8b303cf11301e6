"""The network that learns: embedding, recurrent layers, dropouts, tied output layer, in torch.

The same network in numpy, which answers users, is in `inference/lstm.py`; a test holds the two together. The parameter
names of this module's `state_dict` are the names in a checkpoint.

Letters in shapes: T steps, B streams, V words in the vocabulary, E embedding_dim, H a layer's hidden size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from nextword.config import NetworkConfig
from nextword.model.device import find_device
from nextword.model.fused_lstm import lstm_window
from nextword.model.loss import WordSampler, linear_cross_entropy
from nextword.storage.checkpoint import Checkpoint

LayerState = tuple[Tensor, Tensor]  # hidden and cell state of one layer, each (1, B, H); a GRU's cell state is zeros

_CELLS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
_WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")  # of one nn.LSTM layer


class RecurrentLanguageModel(nn.Module):
    """Predicts each next word of B streams of text from all that came before in that stream.

    What remembers is an LSTM, or, to compare with, a GRU or a plain recurrent net.

    Zaremba, Sutskever and Vinyals 2014 (stacked LSTM, dropout on what is not recurrent); Press and Wolf 2017 and
    Inan, Khosravi and Socher 2017 (embedding and output share their matrix); Gal and Ghahramani 2016 (a dropout
    mask stays the same for a whole window); Merity, Keskar and Socher 2017 (dropped words, DropConnect).

    Attributes:
        sparse: Whether, with a sampler, `loss` leaves the gradients of embedding and output matrix as sparse tensors of
            the rows that took part.
        sparse_from: Words of a vocabulary from which on that costs less than the gradients of all rows.
        fused_from: Units of a layer from which on `fused_lstm` is faster than nn.LSTM in bf16 on a CPU.
    """

    fused_from = 600  # units; measured with 320 to 672
    sparse_from = 20_000  # words

    def __init__(self, config: NetworkConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self.sparse = False
        self.columns: tuple[int, slice] | None = None  # of how many streams, and which, where processes share them
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_dim)
        cell: Any = _CELLS[config.cell]
        self.layers: list[nn.RNNBase] = [cell(inputs, hidden) for inputs, hidden in config.layer_sizes()]
        self.add_module(config.cell, nn.ModuleList(self.layers))
        self.output = nn.Linear(config.layer_sizes()[-1][1], vocabulary_size)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.uniform_(self.output.weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)
        if config.tied:
            self.output.weight = self.embedding.weight

    @property
    def word_matrices(self) -> list[Tensor]:
        """The matrices with a row for every word: of the embedding and of the output layer, one where they are tied."""
        return [self.embedding.weight] if self.config.tied else [self.embedding.weight, self.output.weight]

    def forward(self, inputs: Tensor, state: list[LayerState] | None = None) -> tuple[Tensor, list[LayerState]]:
        """The last layer's hidden state after every word, and the state of all layers after the last one.

        Args:
            inputs: (T, B) token ids.
            state: Where the streams were before; None for the very beginning.

        Returns:
            (T, B, H) hidden states of the last layer, dropout applied; the state to carry into the next window.
        """
        state = state if state is not None else self.initial_state(inputs.shape[1])
        hidden = self._locked_dropout(self._embed(inputs), self.config.dropout_input)
        carried: list[LayerState] = []
        for index, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            if index:
                hidden = self._locked_dropout(hidden, self.config.dropout_hidden)
            hidden, after = self._run(layer, hidden, before)
            carried.append(after)
        return self._locked_dropout(hidden, self.config.dropout_output), carried

    def loss(
        self,
        inputs: Tensor,
        targets: Tensor,
        state: list[LayerState] | None,
        dtype: torch.dtype = torch.float32,
        sampler: WordSampler | None = None,
    ) -> tuple[Tensor, list[LayerState]]:
        """Mean cross-entropy, in nats a word, of a window; and the state after it, cut off from the gradient.

        Args:
            inputs: (T, B) token ids.
            targets: (T, B) the ids that follow them.
            state: Where the streams were before; None for the very beginning.
            dtype: Number format of the matrix products: `torch.bfloat16` or `torch.float32`.
            sampler: Draws the words that the output layer scores; None for all of them.
        """
        with torch.autocast(inputs.device.type, dtype, enabled=dtype != torch.float32):
            hidden, state = self(inputs, state)
        flat = hidden.flatten(0, 1)
        output = self.output.weight, self.output.bias
        loss = linear_cross_entropy(flat, *output, targets.flatten(), dtype, sampler, self.sparse)
        return loss, [(h.detach(), c.detach()) for h, c in state]

    def initial_state(self, batch_size: int) -> list[LayerState]:
        """A state of zeros for B streams: nothing read, nothing remembered."""
        like = self.embedding.weight
        return [
            (like.new_zeros(1, batch_size, hidden), like.new_zeros(1, batch_size, hidden))
            for _, hidden in self.config.layer_sizes()
        ]

    def _embed(self, inputs: Tensor) -> Tensor:
        """(T, B) ids to (T, B, E) vectors; in training, some words are dropped wherever they stand."""
        chance = self.config.dropout_words
        vectors = functional.embedding(inputs, self.embedding.weight, sparse=self.sparse)
        if not self.training or not chance:
            return vectors
        kept = torch.rand(self.embedding.num_embeddings, 1, device=inputs.device) >= chance
        return vectors * functional.embedding(inputs, kept / (1 - chance))

    def _run(self, layer: nn.RNNBase, inputs: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """One layer over the window; in training with some recurrent connections dropped."""
        chance = self.config.dropout_recurrent
        weights: dict[str, Tensor] = dict(layer.named_parameters())
        if self.training and chance:
            weights["weight_hh_l0"] = functional.dropout(weights["weight_hh_l0"], chance)
        if not isinstance(layer, nn.LSTM):
            output, hidden = functional_call(layer, weights, (inputs, state[0].to(inputs.dtype)))
            return output, (hidden, state[1])
        device = inputs.device.type
        if device == "cpu" and layer.hidden_size >= self.fused_from and torch.is_autocast_enabled(device):
            return lstm_window(inputs, [weights[name] for name in _WEIGHTS], state)
        state = (state[0].to(inputs.dtype), state[1].to(inputs.dtype))
        result: tuple[Tensor, LayerState] = functional_call(layer, weights, (inputs, state))
        return result

    def _locked_dropout(self, vectors: Tensor, chance: float) -> Tensor:
        """Dropout with one mask for all T steps (Gal and Ghahramani 2016)."""
        if not self.training or not chance:
            return vectors
        streams, own = self.columns or (vectors.shape[1], slice(None))
        mask = torch.rand(1, streams, vectors.shape[2], device=vectors.device)[:, own] >= chance
        return vectors * (mask / (1 - chance)).to(vectors.dtype)


def load_model(checkpoint: Checkpoint, device: str = "auto") -> RecurrentLanguageModel:
    """The network of a checkpoint in torch, in evaluation mode.

    Args:
        checkpoint: A verified one.
        device: As `find_device` has it.

    Raises:
        UsageError: There is no such device.
    """
    where = find_device(device)
    model = RecurrentLanguageModel(checkpoint.config, len(checkpoint.tokenizer))
    tensors = {name: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
    if checkpoint.config.tied:
        tensors["output.weight"] = tensors["embedding.weight"]
    model.load_state_dict(tensors)
    return model.to(where).eval()
