"""What the network knows before its first step: which words belong together, and that a topic lasts.

A network that starts from random numbers learns grammar within minutes and topics hardly at all: that "France",
two sentences ago, makes "French" likely now is worth so little to the loss that gradient descent on the little text
a person has does not find it. Both halves of it can be had from counting, before training:

- A part of every word's vector is latent semantic analysis: words that occur in the same paragraphs get similar
  coordinates, frequent words next to none. With the tied output layer, a hidden state that resembles the coordinates
  of "France" makes "French" likely.
- As many units of the first layer, one for each such coordinate, are leaky integrators: their forget gates stay open
  for 20 to 100 words. The layers above pass them on. So a part of the last hidden state is a fading sum of what was
  said: the topic.

The first steps of training are large, and would destroy in seconds what they could not find again in minutes. So
these coordinates and units stay as they are; everything else is learned around them. In the last layer their output
gates are learned, too, once the rest has settled: when to let the topic show ("speaks fluent ...") and when not. Until
then they are nearly closed. Where no topic is to be kept, the vectors are counted all the same, and learned on.

Deerwester et al. 1990 (latent semantic analysis); Levy, Goldberg and Dagan 2015 (positive pointwise mutual
information, weighted singular values); Pantel and Lin 2002 (discount for rare pairs); Tallec and Ollivier 2018
(forget biases for a range of time scales).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nextword.config import GATES, NetworkConfig
from nextword.model.language_model import RecurrentLanguageModel
from nextword.text.vocabulary import END_ID, UNKNOWN_ID
from nextword.training.batches import batchify, windows
from nextword.training.optimizer import gradient_values

_FREE_SHARE = 0.33  # share of a word's coordinates that are counted where none are to be kept

# The most frequent words of a text, and its first tokens, are counted: a square matrix of the words is held in memory,
# and both take time. In a long text, rarer words are met often enough to have a topic.
_COUNTED_WORDS, _MAX_COUNTED_WORDS = 6_000, 12_000
_COUNTED_TOKENS, _COUNTED_SHARE = 2_000_000, 0.2
_TOKENS_OF_A_WORD = 2_500  # a text of so many tokens more has one more word counted
_NEIGHBORHOOD = 50  # words to either side that count as met, within a paragraph
_CHANCE_MEETINGS = 16.0  # a pair that met so often counts half, one that met once hardly at all
# A long text has more topics than there are coordinates, and the leading ones tell its sources apart, not one country
# from another. So many singular vectors are projected at random, which keeps what is near whom (Johnson and
# Lindenstrauss 1984), weighted by the singular values to this power.
_LONG_TEXT_RANK, _PROJECTED_POWER = 500, 0.5
_SINGULAR_POWER = 0.75  # exponent of the singular values (Levy, Goldberg and Dagan 2015, section 3.3)
_NORM_POWER, _NORM_SCALE = 0.7, 1.1  # a vector's length to this power, times this: drawn a little toward 1
_TELLING, _TELLING_DEVIATION = 7.5, 1.0  # nats: a word met once in 1,800 tells half a topic, one in 100 none

_LIFETIMES = (20.0, 100.0)  # words that the shortest and the longest memory lasts
# Gains of the candidates' inputs that keep no topic: in the first layer, and in those above.
_FREE_GAINS = {"lstm": (10.0, 5.0), "gru": (10.0, 5.0), "rnn": (5.0, 2.0)}
_CANDIDATE_GAIN = 4.0  # gain in the first layer: the sum of several words is not yet at tanh's limit
_LAST_GAIN = 8.0  # gain in the last layer, so that a topic moves probabilities
_PASSING_GAIN = 1.5  # gain of a layer in between: about one over its output gate
_TOPIC_NOISE = 0.1  # what is left of torch's random weights in the gates of topic units
_CLOSED, _HALF_CLOSED, _HALF_OPEN, _OPEN = -3.0, -1.0, 1.0, 1.5  # biases of gates: 5%, 27%, 73%, 82% open
_NEW_SPREAD = 0.1  # vectors of new words lie around the known ones' mean, within this share of their spread
_MAX_READ_TOKENS = 200_000  # of a new text, to see what a network expects where the new words are
_READ_STREAMS, _READ_WINDOW = 32, 35  # streams side by side, and tokens of each, read at a time
_SETTLED = 0.4  # share of the schedule from which on the last output gates learn when to show the topic


def topic_units(config: NetworkConfig) -> int:
    """How many coordinates of the embedding, and units of every layer, hold the topic: the first ones, of an LSTM."""
    if config.cell != "lstm":
        return 0
    return int(config.topic_share * min(config.embedding_dim - 1, *(hidden for _, hidden in config.layer_sizes())))


def initialize(model: RecurrentLanguageModel, ids: NDArray[np.int32], counts: NDArray[np.int64]) -> None:
    """Set the weights of a new `model` to what the training text `ids`, (N,), and its words' `counts`, (V,), tell.

    Uses torch's random generator: the same seed and text give the same weights.
    """
    topics = topic_units(model.config)
    with torch.no_grad():
        model.output.bias.copy_(_log_frequencies(counts))
        widths = model.embedding.weight.shape[1], model.output.weight.shape[1]
        counted = topics or int(_FREE_SHARE * min(widths))
        if counted:
            coordinates = _topic_coordinates(ids, counts, counted)
            for matrix in model.word_matrices:
                matrix[:, :counted] = 0
                matrix[: len(coordinates), : coordinates.shape[1]] = coordinates
        _integrate_topics(model, topics)


def take_over(
    model: RecurrentLanguageModel,
    weights: Mapping[str, NDArray[np.float32]],
    ids: NDArray[np.int32],
    counts: NDArray[np.int64],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Set the weights of `model` to those of another one that knew only the first words of its vocabulary.

    A new word starts where the words are that the other model expected in its places, at their mean by probability;
    one that was not met there near the mean of all, so that it is neither likely nor unlikely anywhere. The bias says
    how often it occurs.

    Args:
        model: Of the same sizes, but for the vocabulary; on its device.
        weights: The other model's, by parameter name.
        ids: (N,) the new text, of which the beginning is read.
        counts: (V,) how often each word occurs in all of it.
        dtype: Number format of the matrix products.
    """
    known = len(weights["output.bias"])
    parameters = model.state_dict()  # of the very same memory
    with torch.no_grad():
        for name, values in weights.items():
            parameters[name][: len(values)] = torch.from_numpy(np.array(values))
        if known < model.embedding.num_embeddings:
            for matrix in model.word_matrices:
                old, new = matrix[:known], matrix[known:]
                new.copy_(old.mean(0) + _NEW_SPREAD * old.std(0) * torch.randn(new.shape).to(old.device))
            model.output.bias[known:] = _log_frequencies(counts)[known:]
            _place_new_words(model, known, ids[:_MAX_READ_TOKENS], dtype)


def _place_new_words(model: RecurrentLanguageModel, known: int, ids: NDArray[np.int32], dtype: torch.dtype) -> None:
    """Set the vectors of the words from `known` on that are in `ids`, (N,), to what was expected in their places."""
    bias, matrices = model.output.bias, model.word_matrices
    sums = [torch.zeros_like(matrix[known:]) for matrix in matrices]
    met, state = torch.zeros_like(bias[known:]), None
    model.eval()
    for window in windows(batchify(ids, min(_READ_STREAMS, len(ids) or 1)), _READ_WINDOW):
        inputs, targets = (torch.from_numpy(part).to(bias.device) for part in window)
        with torch.autocast(bias.device.type, dtype, enabled=dtype != torch.float32):
            hidden, state = model(inputs, state)
        places = targets >= known
        scores = torch.addmm(bias[:known], hidden[places].float(), model.output.weight[:known].t())
        scores[:, [UNKNOWN_ID, END_ID]] = -math.inf
        expected, words = scores.softmax(1), targets[places] - known
        met += torch.bincount(words, minlength=len(met))
        for total, matrix in zip(sums, matrices, strict=True):
            total.index_add_(0, words, expected @ matrix[:known])
    model.train()
    found = met > 0
    for total, matrix in zip(sums, matrices, strict=True):
        matrix[known:][found] = total[found] / met[found, None]


def _log_frequencies(counts: NDArray[np.int64]) -> Tensor:
    """(V,) log of each word's share of the text, were it met half a time more often."""
    smoothed = counts + 0.5
    return torch.from_numpy(np.log(smoothed / smoothed.sum()))


def keep_topics(model: RecurrentLanguageModel, progress: float) -> None:
    """Take from the gradients what would change the topic; call it before every step of the optimizer.

    Args:
        model: With gradients, as `backward` left them.
        progress: How much of the schedule is done, 0 to 1.
    """
    topics = topic_units(model.config)
    if not topics:
        return
    for parameter in model.word_matrices:
        if parameter.grad is not None:
            gradient_values(parameter)[:, :topics] = 0
    for index, layer in enumerate(model.layers, start=1):
        gates = _topic_rows(layer, topics)
        if index == len(model.layers) and progress >= _SETTLED:
            gates.pop()  # the output gate
        for parameter in layer.parameters():
            for gate in gates:
                if parameter.grad is not None:
                    parameter.grad[gate] = 0


def _topic_rows(layer: nn.Module, topics: int) -> list[slice]:
    """Where the topic units' rows stand in an LSTM's stacked parameters: input, forget, candidate, output gate."""
    hidden = layer.get_parameter("weight_hh_l0").shape[1]
    return [slice(gate * hidden, gate * hidden + topics) for gate in range(4)]


def _topic_coordinates(ids: NDArray[np.int32], counts: NDArray[np.int64], dimensions: int) -> Tensor:
    """Latent semantic analysis of the most frequent words.

    Args:
        ids: (N,) the text.
        counts: (V,) how often each word occurs in all of it.
        dimensions: Coordinates of a word; fewer come back for a vocabulary smaller than that.

    Returns:
        (words, dimensions) of the first words of the vocabulary; a little over 1 long, next to 0 for frequent ones.
    """
    size = min(_MAX_COUNTED_WORDS, max(_COUNTED_WORDS, len(ids) // _TOKENS_OF_A_WORD), len(counts))
    together = _cooccurrences(ids[: max(_COUNTED_TOKENS, int(_COUNTED_SHARE * len(ids)))], size)
    row = together.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(together * row.sum() / (row * row.T))
    information[~(information > 0)] = 0  # minus infinity and not-a-number, where two words never met, among them
    information *= together / (together + _CHANCE_MEETINGS)
    dimensions = min(dimensions, size)
    rank = max(dimensions, _LONG_TEXT_RANK) if size > _COUNTED_WORDS else dimensions
    left, singular, _ = torch.svd_lowrank(torch.from_numpy(information), q=min(rank + 20, size), niter=3)
    vectors: Tensor = left[:, :dimensions] * singular[:dimensions] ** _SINGULAR_POWER
    lengths: Tensor = vectors.norm(dim=1, keepdim=True).clamp(min=1e-6)
    if rank > dimensions:
        vectors = left[:, :rank] * singular[:rank] ** _PROJECTED_POWER @ torch.randn(rank, dimensions)
        vectors *= lengths / vectors.norm(dim=1, keepdim=True).clamp(min=1e-6)
    surprise = -np.log(np.maximum(counts[:size], 1) / counts.sum())
    telling = torch.from_numpy((surprise - _TELLING) / _TELLING_DEVIATION).float().sigmoid()[:, None]
    return vectors / lengths * (_NORM_SCALE * lengths**_NORM_POWER) * telling


def _cooccurrences(ids: NDArray[np.int32], size: int) -> NDArray[np.float32]:
    """(size, size) how often two of the first words stand near each other in a paragraph; `<eos>` and `<unk>` never."""
    together = np.zeros((size, size), np.float32)
    paragraph = np.cumsum(ids == END_ID)
    counted = (ids < size) & (ids != END_ID) & (ids != UNKNOWN_ID)
    for distance in range(1, min(_NEIGHBORHOOD, len(ids) - 1) + 1):
        near = (paragraph[:-distance] == paragraph[distance:]) & counted[:-distance] & counted[distance:]
        np.add.at(together, (ids[:-distance][near], ids[distance:][near]), np.float32(1))
    return together + together.T


def _integrate_topics(model: RecurrentLanguageModel, topics: int) -> None:
    """Make the first units of the first layer sum up the topic, and those of the others pass it on.

    The other units start from torch's random numbers, but for their candidates: as small as torch makes them, hardly
    anything of a word comes through two layers, and hardly any gradient back.
    """
    unit = torch.arange(topics)
    shortest, longest = map(math.log, _LIFETIMES)
    lifetimes = torch.linspace(shortest, longest, topics)[torch.randperm(topics)].exp()
    last = len(model.layers) - 1
    before_candidate = GATES[model.config.cell].index("candidate")
    for index, layer in enumerate(model.layers):
        weight, recurrent = layer.get_parameter("weight_ih_l0"), layer.get_parameter("weight_hh_l0")
        bias = layer.get_parameter("bias_ih_l0")
        bias.zero_()
        layer.get_parameter("bias_hh_l0").zero_()
        hidden = recurrent.shape[1]
        free = slice(before_candidate * hidden + topics, (before_candidate + 1) * hidden)
        weight[free] *= _FREE_GAINS[model.config.cell][index > 0]
        if not topics:
            continue
        gates = _topic_rows(layer, topics)
        input_gate, forget_gate, candidate, output_gate = gates
        for gate in gates:
            weight[gate] *= _TOPIC_NOISE
            recurrent[gate] *= _TOPIC_NOISE
        gain = _LAST_GAIN if index == last else _PASSING_GAIN
        if index == 0:
            gain = _CANDIDATE_GAIN * (_LAST_GAIN if last == 0 else 1)
            bias[input_gate] = _HALF_CLOSED
            bias[forget_gate] = (lifetimes - 1).log()  # sigmoid(log(t - 1)) = 1 - 1/t: what is left after a word
        else:
            bias[input_gate], bias[forget_gate] = _HALF_OPEN, _HALF_CLOSED
        weight[candidate][unit, unit] += gain
        bias[output_gate] = _CLOSED if index == last else _OPEN
