"""The LSTM, written out: the cell that gives nextword its memory, in plain numpy.

This is the code that answers `predict` and `repl`. It is the textbook's cell (Hochreiter and Schmidhuber 1997,
with the forget gate of Gers, Schmidhuber and Cummins 2000), and it can be read beside one. Reading a word x with
hidden state h and cell state c from the word before:

    i = sigmoid(W_i x + U_i h + b_i)      input gate: how much of the new to let in
    f = sigmoid(W_f x + U_f h + b_f)      forget gate: how much of the old to keep
    g =    tanh(W_g x + U_g h + b_g)      candidate: what is new
    o = sigmoid(W_o x + U_o h + b_o)      output gate: how much of the memory to show

    c' = f * c + i * g                    the cell state, the memory itself
    h' = o * tanh(c')                     the hidden state, what the layer above sees

The cell state is only ever scaled and added to, which is why something said a paragraph ago can still be there.
torch stacks the four matrices of a layer into one, in the order i, f, g, o, and so do the arrays here.

Two other cells can stand in its place, to see what the gates are good for: the GRU (Cho et al. 2014), whose hidden
state is its memory, and the plain recurrent net (Elman 1990), which has no gates and writes all of its memory anew with
every word. Neither has a cell state; theirs stays as it is, zeros.

Letters in shapes: T words, B texts side by side, H a layer's hidden size, E embedding_dim, V words in the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.config import GATES
from nextword.storage.eight_bit import EightBitMatrix, Weights

Array = NDArray[np.float32]

MAX_HELD_SCORES = 1 << 23  # float32 scores held at once (32 MB), a row of the vocabulary's length for each text


class LSTMState(NamedTuple):
    """The memory between two words: for every layer, first to last, a hidden and a cell state.

    Each is (H,), or (B, H) for texts read side by side.
    """

    hidden: tuple[Array, ...]
    cell: tuple[Array, ...]

    def rows(self, which: Any) -> LSTMState:
        """The states of some of the texts side by side, by whatever numpy takes for an index; None: of the one text."""
        return LSTMState(*(tuple(layer[which] for layer in layers) for layers in self))

    def repeated(self, count: int) -> LSTMState:
        """(B, H) the state (H,) of one text for each of B, of which there are `count`."""
        return LSTMState(*(tuple(np.tile(layer, (count, 1)) for layer in layers) for layers in self))

    def put(self, which: Any, states: LSTMState) -> None:
        """Write `states` in the place of `rows(which)`."""
        for ours, theirs in zip((*self.hidden, *self.cell), (*states.hidden, *states.cell), strict=True):
            ours[which] = theirs


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in the form that cannot overflow."""
    squashed: Array = np.tanh(0.5 * x)
    squashed += 1.0
    squashed *= 0.5
    return squashed


class Step(NamedTuple):
    """What reading one word has made of one layer; every array is (H,), or (B, H) for texts side by side."""

    hidden: Array
    cell: Array
    gates: tuple[Array, ...]  # activations, in the order of `GATES`


def lstm_cell(projected: Array, hidden: Array, cell: Array, recurrent: Array, recurrent_bias: Array) -> Step:
    """One step of one LSTM layer: read one word.

    Or one word of each of B texts: then the first three have a row for each, (B, 4H) and (B, H), and so has all that is
    returned.

    Args:
        projected: (4H,) W x + b of the four gates for this word.
        hidden: (H,) hidden state after the word before.
        cell: (H,) cell state after the word before.
        recurrent: (4H, H) U of the four gates.
        recurrent_bias: Not used: all of b is in `projected`.
    """
    gates = projected + hidden @ recurrent.T
    input_gate, forget_gate, candidate, output_gate = np.split(gates, 4, axis=-1)
    forget_gate, input_gate, candidate = sigmoid(forget_gate), sigmoid(input_gate), np.tanh(candidate)
    new_cell = forget_gate * cell + input_gate * candidate
    output_gate = sigmoid(output_gate)
    return Step(output_gate * np.tanh(new_cell), new_cell, (input_gate, forget_gate, candidate, output_gate))


def gru_cell(projected: Array, hidden: Array, cell: Array, recurrent: Array, recurrent_bias: Array) -> Step:
    """One step of one GRU layer, as torch has it; arguments as those of `lstm_cell`, with three gates.

        r = sigmoid(W_r x + U_r h + b_r)          reset gate: how much of the old the candidate sees
        z = sigmoid(W_z x + U_z h + b_z)          update gate: how much of the old to keep
        n =    tanh(W_n x + b_n + r (U_n h + b))  candidate
        h' = z * h + (1 - z) * n

    Args:
        recurrent_bias: (H,) b of the last equation but one, which the reset gate acts on.
    """
    units = hidden.shape[-1]
    from_hidden = hidden @ recurrent.T
    both = sigmoid(projected[..., : 2 * units] + from_hidden[..., : 2 * units])
    reset, update = both[..., :units], both[..., units:]
    candidate = np.tanh(projected[..., 2 * units :] + reset * (from_hidden[..., 2 * units :] + recurrent_bias))
    return Step(candidate + update * (hidden - candidate), cell, (reset, update, candidate))


def rnn_cell(projected: Array, hidden: Array, cell: Array, recurrent: Array, recurrent_bias: Array) -> Step:
    """One step of one layer of a plain recurrent net, h' = tanh(W x + U h + b); arguments as those of `lstm_cell`."""
    new_hidden = np.tanh(projected + hidden @ recurrent.T)
    return Step(new_hidden, cell, (new_hidden,))


_CELLS = {"lstm": lstm_cell, "gru": gru_cell, "rnn": rnn_cell}


class Trace(NamedTuple):
    """All that happened in one layer while T words were read.

    Attributes:
        gates: (T, H) activations by the names in `GATES`; the candidate is among them.
        hidden: (T, H) hidden state after each word.
        cell: (T, H) cell state after each word; zeros where the cell has none.
    """

    gates: dict[str, Array]
    hidden: Array
    cell: Array


class RecurrentLayer:
    """The weights of one layer, and how it reads a whole text. For the LSTM, G is 4; for the others as `GATES` says.

    Args:
        kind: Of cell: `lstm`, `gru` or `rnn`.
        weight_ih: (GH, inputs) W of all gates.
        weight_hh: (GH, H) U of all gates.
        bias_ih: (GH,) torch keeps two biases, whose sum is b.
        bias_hh: (GH,) the other one.
    """

    def __init__(self, kind: str, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> None:
        self._cell = _CELLS[kind]
        self._gates = GATES[kind]
        self._input_weight = weight_ih
        self._recurrent_weight = weight_hh
        self.hidden_size = weight_hh.shape[1]
        reset_from = 2 * self.hidden_size if kind == "gru" else len(bias_hh)  # from this row on, it acts on bias_hh
        self._bias = bias_ih + np.where(np.arange(len(bias_hh)) < reset_from, bias_hh, np.float32(0))
        self._recurrent_bias = bias_hh[reset_from:]

    def project(self, inputs: Array) -> Array:
        """W x + b of all gates: (T, inputs) to (T, GH)."""
        projected: Array = inputs @ self._input_weight.T + self._bias
        return projected

    def step(self, projected: Array, hidden: Array, cell: Array) -> Step:
        """Read one word, or one of each of B texts, whose projection is given."""
        return self._cell(projected, hidden, cell, self._recurrent_weight, self._recurrent_bias)

    def read(self, inputs: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        """Read T words from the given state.

        W x of all words is one matrix product; only U h has to wait for the word before.

        Args:
            inputs: (T, inputs) one vector a word.
            hidden: (H,) hidden state before the first word.
            cell: (H,) cell state before the first word.

        Returns:
            (T, H) hidden states after each word, and the last hidden and cell state.
        """
        projected = self.project(inputs)
        outputs = np.empty((len(inputs), self.hidden_size), np.float32)
        for place, projection in enumerate(projected):
            hidden, cell, _ = self.step(projection, hidden, cell)
            outputs[place] = hidden
        return outputs, hidden, cell

    def trace(self, inputs: Array, hidden: Array, cell: Array) -> Trace:
        """`read`, with everything kept; arguments as there."""
        steps = []
        for projection in self.project(inputs):
            steps.append(self.step(projection, hidden, cell))
            hidden, cell, _ = steps[-1]

        def stacked(values: Iterable[Array]) -> Array:
            return np.array(list(values), np.float32).reshape(-1, self.hidden_size)

        gates = {name: stacked(step.gates[place] for step in steps) for place, name in enumerate(self._gates)}
        return Trace(gates, stacked(step.hidden for step in steps), stacked(step.cell for step in steps))


class LSTMNetwork:
    """Embedding, recurrent layers and output layer, for one text or for many side by side.

    Args:
        parameters: The tensors of a checkpoint, by their names in torch's `state_dict`. Without `output.weight`
            the output layer is tied: it shares the embedding's matrix. The matrices of words stay in 8 bits if they are
            stored so.
    """

    def __init__(self, parameters: Mapping[str, Array]) -> None:
        stored = parameters.stored if isinstance(parameters, Weights) else parameters
        self.embedding = stored["embedding.weight"]
        self.output_weight = stored.get("output.weight", self.embedding)
        self.output_bias = parameters["output.bias"]
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        self.kind = next(kind for kind in GATES if f"{kind}.0.{names[0]}" in parameters)
        self.layers: list[RecurrentLayer] = []
        while f"{self.kind}.{len(self.layers)}.{names[0]}" in parameters:
            weights = (parameters[f"{self.kind}.{len(self.layers)}.{name}"] for name in names)
            self.layers.append(RecurrentLayer(self.kind, *weights))

    def initial_state(self) -> LSTMState:
        """Nothing read, nothing remembered: zeros."""
        zeros = tuple(np.zeros(layer.hidden_size, np.float32) for layer in self.layers)
        return LSTMState(zeros, zeros)

    def read(self, ids: Sequence[int], state: LSTMState) -> tuple[Array, LSTMState]:
        """Read words one after the other.

        Args:
            ids: T token ids.
            state: The state before the first of them; it is not changed.

        Returns:
            (T, H) the last layer's hidden states after each word, and the state after the last word.
        """
        outputs = self.embedding[np.asarray(ids, np.intp)]
        hidden_states, cell_states = [], []
        for layer, *before in zip(self.layers, state.hidden, state.cell, strict=True):
            outputs, hidden, cell = layer.read(outputs, *before)
            hidden_states.append(hidden)
            cell_states.append(cell)
        return outputs, LSTMState(tuple(hidden_states), tuple(cell_states))

    def trace(self, ids: Sequence[int], state: LSTMState) -> list[Trace]:
        """What happens in every layer, first to last, while T words are read; arguments as those of `read`."""
        outputs = self.embedding[np.asarray(ids, np.intp)]
        traces: list[Trace] = []
        for layer, *before in zip(self.layers, state.hidden, state.cell, strict=True):
            traces.append(layer.trace(outputs, *before))
            outputs = traces[-1].hidden
        return traces

    def step(self, ids: Sequence[int] | NDArray[np.intp], state: LSTMState) -> LSTMState:
        """Read one word of each of B texts.

        Args:
            ids: B token ids.
            state: (B, H) the states before them; they are not changed.

        Returns:
            (B, H) the states after them.
        """
        return self._step(self.layers[0].project(self.embedding[np.asarray(ids, np.intp)]), state)

    def _step(self, projected: Array, state: LSTMState) -> LSTMState:
        """`step`, from the (B, GH) projections of the first layer's inputs on."""
        hidden_states: list[Array] = []
        cell_states = []
        for layer, hidden, cell in zip(self.layers, state.hidden, state.cell, strict=True):
            if hidden_states:
                projected = layer.project(hidden_states[-1])
            new_hidden, new_cell, _ = layer.step(projected, hidden, cell)
            hidden_states.append(new_hidden)
            cell_states.append(new_cell)
        return LSTMState(tuple(hidden_states), tuple(cell_states))

    def read_batch(self, texts: Sequence[Sequence[int]], state: LSTMState) -> LSTMState:
        """Read B texts of any lengths, each from the same state: what `read` gives of each, many times as fast.

        One matrix product serves a word of every text. What several texts begin with is read once, and a word that
        stands in several places is projected once.

        Args:
            texts: Token ids of each.
            state: (H,) the state before all of them; it is not changed.

        Returns:
            (B, H) the state after each.
        """
        lengths = np.asarray([len(text) for text in texts], np.intp)
        begins = np.cumsum(lengths) - lengths
        ids = np.fromiter(chain.from_iterable(texts), np.intp, lengths.sum())
        words, places = np.unique(ids, return_inverse=True)
        projected = self.layers[0].project(self.embedding[words])
        after = state.repeated(len(texts))
        now = state.rows(None)  # of every beginning that differs from the others, as far as it is read
        beginning = np.zeros(len(texts), np.intp)  # which of them each text has
        for step in range(lengths.max(initial=0)):
            reading = np.flatnonzero(lengths > step)
            if len(reading) == 1:  # the longest text goes on alone: `read` needs a third of the time
                longest = int(reading[0])
                after.put(longest, self.read(texts[longest][step:], now.rows(beginning[longest]))[1])
                break
            pairs = beginning[reading] * len(words) + places[begins[reading] + step]
            different, beginning[reading] = np.unique(pairs, return_inverse=True)
            before, word = np.divmod(different, len(words))
            now = self._step(projected[word], now.rows(before))
            ended = np.flatnonzero(lengths == step + 1)
            if len(ended):
                after.put(ended, now.rows(beginning[ended]))
        return after

    def logits(self, hidden: Array) -> Array:
        """Scores of all words to come next, before the softmax.

        Args:
            hidden: (H,) or (T, H) or (B, H) hidden states of the last layer.

        Returns:
            (V,) or (T, V) or (B, V).
        """
        weight = self.output_weight
        product: Array = weight.product(hidden) if isinstance(weight, EightBitMatrix) else hidden @ weight.T
        product += self.output_bias
        return product


def softmax(logits: Array) -> Array:
    """Scores (..., V) to probabilities that sum to one."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Array = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def log_softmax(logits: Array) -> NDArray[np.float64]:
    """Scores (..., V) to natural logarithms of probabilities, in double precision."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def at_temperature(distribution: Array, temperature: float) -> Array:
    """Probabilities p, (..., V), sharpened (below 1) or flattened (above 1): p^(1/temperature), summing to one again.

    It is the softmax of the logits divided by the temperature; at 1 it is `distribution` itself.
    """
    if temperature == 1:
        return distribution
    powers = (distribution / distribution.max(axis=-1, keepdims=True)) ** (1 / temperature)
    heated: Array = powers / powers.sum(axis=-1, keepdims=True)
    return heated
