"""What the network knows before its first step: which words belong together, and that a topic lasts.

A network that starts from random numbers learns grammar within minutes and topics hardly at all: that "France",
two sentences ago, makes "French" likely now, is worth so little to the loss that gradient descent on a small text
finds it late or never. Both halves of it can be had from counting, before training:

- The embedding starts as latent semantic analysis: words that occur in the same surroundings get similar vectors.
  With the tied output layer, a hidden state that resembles a word's vector makes its neighbours likely.
- Most units of the first layer start as leaky integrators, one for each coordinate of the embedding: the forget
  gate stays open for 4 to 40 words, the input gate lets rare words in more than frequent ones. The layers above
  pass these coordinates on. So the last hidden state starts as a fading sum of what was said: a topic.

Everything is learned further from there. Deerwester et al. 1990 (latent semantic analysis); Levy, Goldberg and Dagan
2015 (positive pointwise mutual information, context smoothing, weighted singular values); Tallec and Ollivier 2018
(forget biases for a range of time scales). Knows the torch model and ids; knows nothing of text or training.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.model import LSTMLanguageModel
from nextword.tokenizer import END_ID, UNKNOWN_ID

_WORDS = 6_000  # the most frequent words get counted vectors; a square matrix of them is held in memory
_TOKENS = 4_000_000  # of the text are counted: more changes little and takes time
_NEIGHBOURHOOD = 15  # words to either side count as surroundings, within a paragraph
_SMOOTHING = 0.75  # power of the context counts (Levy, Goldberg and Dagan 2015, section 3.2)
_SINGULAR_POWER = 0.5  # of the singular values in the vectors (section 3.3 there)
_NORM = 0.92  # of a word's vector, that of 256 numbers drawn from -0.1 to 0.1

_TOPIC_SHARE = 0.7  # of the units of a layer that keep the topic
_LIFETIMES = (4.0, 40.0)  # words, of the shortest and the longest memory
_CANDIDATE_GAIN = 20.0  # how strongly a coordinate of the embedding moves its unit
_TELLING, _TELLING_DEVIATION = 9.0, 2.0  # nats, 9 being once in 8,000 words; of once in 100, little enters
_RARITY_SCALE = 0.1  # of the embedding's last coordinate, which holds how rare a word is


def initialize(model: LSTMLanguageModel, ids: NDArray[np.int32]) -> None:
    """Set the weights of a new `model` to what counting the training text `ids`, (N,), tells.

    Uses torch's random generator: the same seed and text give the same weights.
    """
    counts = np.bincount(ids, minlength=model.embedding.num_embeddings).astype(np.float64)
    with torch.no_grad():
        model.output.bias.copy_(torch.from_numpy(np.log((counts + 0.5) / (counts + 0.5).sum())))
        vectors = model.embedding.weight
        if model.config.embedding_dim > 1:
            meanings = _word_vectors(ids[:_TOKENS], counts, model.config.embedding_dim - 1)
            vectors[: len(meanings), : meanings.shape[1]] = meanings
            vectors[:, -1] = _RARITY_SCALE * _rarity(counts)
        if not model.config.tied:
            shared = min(model.output.weight.shape[1], vectors.shape[1] - 1)
            model.output.weight[:, :shared] = vectors[:, :shared]
        _keep_topics(model)


def _rarity(counts: NDArray[np.float64]) -> Tensor:
    """(V,) information content of every word, -log p, as deviations from that of a telling word."""
    information = -np.log(np.maximum(counts, 1) / counts.sum())
    return torch.from_numpy((information - _TELLING) / _TELLING_DEVIATION).float()


def _word_vectors(ids: NDArray[np.int32], counts: NDArray[np.float64], dimensions: int) -> Tensor:
    """Latent semantic analysis of the most frequent words.

    Args:
        ids: (N,) the text.
        counts: (V,) how often each word occurs in it.
        dimensions: Length of a vector; fewer come back for a vocabulary smaller than that.

    Returns:
        (words, dimensions) a vector of norm `_NORM` for each of the first words of the vocabulary.
    """
    size = min(_WORDS, len(counts))
    together = _cooccurrences(ids, size)
    row = together.sum(1, keepdims=True)
    context = row.T**_SMOOTHING
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(together * context.sum() / (row * context))
    information[~(information > 0)] = 0  # minus infinity and not-a-number, where two words never met, among them
    rank = min(dimensions, size)
    left, singular, _ = torch.svd_lowrank(torch.from_numpy(information), q=min(rank + 20, size), niter=3)
    vectors: Tensor = left[:, :rank] * singular[:rank] ** _SINGULAR_POWER
    lengths: Tensor = vectors.norm(dim=1, keepdim=True)
    return vectors * (_NORM / lengths.clamp(min=1e-6))


def _cooccurrences(ids: NDArray[np.int32], size: int) -> NDArray[np.float32]:
    """(size, size) how often two of the first words stand near each other in a paragraph; `<eos>` and `<unk>` never."""
    together = np.zeros((size, size), np.float32)
    paragraph = np.cumsum(ids == END_ID)
    counted = (ids < size) & (ids != END_ID) & (ids != UNKNOWN_ID)
    for distance in range(1, _NEIGHBOURHOOD + 1):
        near = (paragraph[:-distance] == paragraph[distance:]) & counted[:-distance] & counted[distance:]
        np.add.at(together, (ids[:-distance][near], ids[distance:][near]), np.float32(1))
    return together + together.T


def _keep_topics(model: LSTMLanguageModel) -> None:
    """Make most units of every layer hold, or pass on, one coordinate of the embedding each."""
    sizes = model.config.layer_sizes()
    topics = int(_TOPIC_SHARE * min(model.config.embedding_dim - 1, *(hidden for _, hidden in sizes)))
    unit = torch.arange(topics)
    for index, ((inputs, hidden), layer) in enumerate(zip(sizes, model.lstm, strict=True)):
        weight, recurrent = layer.get_parameter("weight_ih_l0"), layer.get_parameter("weight_hh_l0")
        bias, second_bias = layer.get_parameter("bias_ih_l0"), layer.get_parameter("bias_hh_l0")
        bias.zero_()
        second_bias.zero_()
        gates = [slice(gate * hidden, gate * hidden + topics) for gate in range(4)]  # input, forget, candidate, output
        if index:
            weight[2 * hidden + unit, unit] += 3.0
            bias[gates[0]], bias[gates[1]], bias[gates[3]] = 1.0, -1.0, 1.0
            continue
        for gate in gates:
            weight[gate] *= 0.3
            recurrent[gate] *= 0.1
        weight[2 * hidden + unit, unit] += _CANDIDATE_GAIN
        weight[unit, inputs - 1] += 1 / _RARITY_SCALE
        shortest, longest = map(math.log, _LIFETIMES)
        lifetimes = torch.linspace(shortest, longest, topics)[torch.randperm(topics)].exp()
        bias[gates[0]], bias[gates[3]] = -1.0, 1.0
        bias[gates[1]] = (lifetimes - 1).log()  # sigmoid(log(t - 1)) = 1 - 1/t: what is left after a word
