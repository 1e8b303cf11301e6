"""What training, predicting and looking inside can be told, each with its default, its limits and its help text.

`ModelConfig` says what network is wanted and `TrainConfig` how it is to be trained. What is None there is chosen for
the text and the time (`training/recipe.py`), which makes a `NetworkConfig`, kept in the checkpoint, and a `RunConfig`.
The commands' options for these are made from here; those that say what to read and how to show it stand in `cli/`.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from nextword.errors import UsageError

GATES = {  # of every kind of cell, in the order in which torch stacks their matrices
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
    "rnn": ("candidate",),
}
WORD_PARAMETERS = ("embedding.weight", "output.weight", "output.bias")  # those with a row for every word
_MAX_NAME_LENGTH = 200  # bytes; file systems take 255, suffixes included
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "list": (list,),
    "dict": (dict,),
}


@dataclass(frozen=True)
class Settings:
    """Values that are checked when they are made, as their fields' types and limits say.

    A subclass may annotate a field anew: one that may be None in its base, and no longer may.

    Raises:
        UsageError: A field has the wrong type or is out of its limits; the message names it.
    """

    command: ClassVar[str] = "train"  # whose help shows the fields

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            annotation = type(self).__annotations__.get(item.name, item.type)
            plain, _, optional = str(annotation).partition(" | ")
            kind, _, of = plain.partition("[")
            if kind not in _TYPES or (value is None and optional):
                continue
            wrong_type = not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "bool")
            choices, low, high = (item.metadata.get(key) for key in ("choices", "low", "high"))
            if wrong_type or (isinstance(value, float) and not math.isfinite(value)):
                demand = f"of type {kind} and finite"
            elif of == "str]" and not all(isinstance(entry, str) for entry in value):
                demand = "a list of text"
            elif choices and value not in choices:
                demand = f"one of: {', '.join(choices)}"
            elif (low is not None and value < low) or (high is not None and value > high):
                demand = f"from {low:,} to {high:,}"
            else:
                continue
            hint = f"All settings: nextword {self.command} --help"
            raise UsageError(f"{item.name} is {value!r}; it must be {demand}", hint)


def _setting(
    default: Any, help_text: str, low: float | None = None, high: float | None = None, unset: str | None = None
) -> Any:
    """A field with the sentence that explains it, its inclusive limits, and what None stands for."""
    return field(default=default, metadata={"help": help_text, "low": low, "high": high, "unset": unset})


def _choice(default: str | None, help_text: str, *choices: str, unset: str | None = None) -> Any:
    """A field that takes one of a few words."""
    return field(default=default, metadata={"help": help_text, "choices": choices, "unset": unset})


def _chosen(help_text: str, low: float, high: float) -> Any:
    """A field that is chosen where it is None."""
    return _setting(None, help_text, low, high, "chosen for the text and the time")


@dataclass(frozen=True)
class ModelConfig(Settings):
    """What network is wanted: an embedding, a stack of recurrent layers, and an output layer over the vocabulary.

    What is None is chosen when the text is known. The five dropouts act in training only (Merity, Keskar and Socher
    2017, section 4, where each is described).
    """

    cell: str | None = _choice(
        None, "What remembers: an LSTM, a GRU, or a plain recurrent net to compare with.", *GATES, unset="lstm"
    )
    embedding_dim: int | None = _chosen("Length of a word's vector.", 1, 65_536)
    hidden_size: int | None = _chosen("Length of the hidden and cell state of each layer.", 1, 65_536)
    num_layers: int | None = _chosen("How many recurrent layers are stacked.", 1, 64)
    tied: bool = _setting(True, "Output layer and embedding share one matrix; the last layer is embedding_dim wide.")
    topic_share: float | None = _chosen(
        "Share of an LSTM's units that keep the topic, a fading sum of what was said.", 0, 0.5
    )
    dropout_words: float | None = _chosen("Chance that a word's whole vector is dropped for a window.", 0, 0.95)
    dropout_input: float | None = _chosen("Dropout on the embeddings that enter the first layer.", 0, 0.95)
    dropout_hidden: float | None = _chosen("Dropout between layers.", 0, 0.95)
    dropout_output: float | None = _chosen("Dropout on what enters the output layer.", 0, 0.95)
    dropout_recurrent: float | None = _setting(None, "Dropout on the recurrent weights (DropConnect).", 0, 0.95, "0")


class NetworkConfig(ModelConfig):
    """What a network is: a `ModelConfig` in which nothing is left to be chosen."""

    cell: str
    embedding_dim: int
    hidden_size: int
    num_layers: int
    topic_share: float
    dropout_words: float
    dropout_input: float
    dropout_hidden: float
    dropout_output: float
    dropout_recurrent: float

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> NetworkConfig:
        """What a checkpoint says; the first ones were of an LSTM and did not say so, nor how much of it kept topics."""
        return cls(**{"cell": "lstm", "topic_share": 0.25, **values})

    def layer_sizes(self) -> list[tuple[int, int]]:
        """(input size, hidden size) of every recurrent layer, first to last."""
        last = self.embedding_dim if self.tied else self.hidden_size
        hidden = [self.hidden_size] * (self.num_layers - 1) + [last]
        return list(zip([self.embedding_dim, *hidden[:-1]], hidden, strict=True))

    def parameter_shapes(self, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter, as in the torch module's `state_dict` and in a checkpoint."""
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocabulary_size, self.embedding_dim)}
        for index, (inputs, hidden) in enumerate(self.layer_sizes()):
            rows = len(GATES[self.cell]) * hidden
            shapes[f"{self.cell}.{index}.weight_ih_l0"] = (rows, inputs)
            shapes[f"{self.cell}.{index}.weight_hh_l0"] = (rows, hidden)
            shapes[f"{self.cell}.{index}.bias_ih_l0"] = (rows,)
            shapes[f"{self.cell}.{index}.bias_hh_l0"] = (rows,)
        if not self.tied:
            shapes["output.weight"] = (vocabulary_size, self.hidden_size)
        shapes["output.bias"] = (vocabulary_size,)
        return shapes


@dataclass(frozen=True)
class FormatConfig(Settings):
    """What of a file is text, and where its paragraphs end; None is `auto`, and no."""

    paragraphs: str | None = _choice(
        None,
        "What ends a paragraph: a blank line, or every line; auto: as the text looks.",
        "auto",
        "blank",
        "line",
        unset="auto",
    )
    keep_speakers: bool | None = _setting(None, "Keep the names of those who speak in a chat.", unset="no")
    raw: bool | None = _setting(
        None, "Read books, chats, mail, subtitles and Markdown as they are, with all that is no text.", unset="no"
    )

    def for_scheme(self, scheme: str) -> FormatConfig:
        """What holds where `scheme` cuts the text: one that is cut into tokens already is read as it is.

        Raises:
            UsageError: Blank lines are to end the paragraphs of such a text, in which every line has its `<eos>`.
        """
        if scheme != "whitespace":
            return self
        if self.paragraphs == "blank":
            reason = "paragraphs is 'blank', and with the tokenizer 'whitespace' every line is one"
            raise UsageError(reason, "Leave --paragraphs out")
        return FormatConfig(paragraphs="blank", raw=True)


@dataclass(frozen=True)
class TrainConfig(FormatConfig):
    """How the text becomes words and how the network learns them.

    The recipe is truncated back-propagation through time with plain gradient descent at a high rate, the gradient's
    norm clipped (Zaremba, Sutskever and Vinyals 2014), the rate falling linearly to zero.
    """

    size: str = _choice(
        "auto", "How large a network; auto: as the text and the time allow.", "auto", "small", "medium", "large"
    )
    tokenizer: str = _choice("words", "How text is cut into words.", "words", "whitespace")
    cased: bool = _setting(False, "Keep upper and lower case apart.")
    vocab_size: int = _setting(50_000, "Most words the vocabulary may hold, the two special tokens included.", 3, 2**24)
    min_count: int | None = _setting(
        None, "Words seen less often are unknown.", 1, 2**31, "2 for words, 1 for whitespace"
    )
    encoding: str = _setting("utf-8", "Character encoding of the text files.")
    valid_fraction: float = _setting(
        0.05, "Share of the text held out for validation, up to some 50,000 words.", 0.001, 0.5
    )
    epochs: int | None = _setting(
        None, "How many times the text is read.", 1, 1_000_000, "ten if it is small, with --from three, else less often"
    )
    max_steps: int | None = _setting(None, "Stop after this many steps; the schedule ends there.", 1, 2**31)
    minutes: float | None = _setting(None, "Train for this long; the schedule ends as the time does.", 0.01, 1e6)
    optimizer: str | None = _choice(
        None,
        "What changes the weights; adam: Adam, and for the words' vectors row-wise Adagrad.",
        "sgd",
        "adam",
        unset="adam for a long text that is read once or twice, else sgd",
    )
    lr: float | None = _setting(
        None, "Learning rate at its highest.", 1e-9, 1e6, "25, of adam 0.003; lower for a GRU, a plain net, with --from"
    )
    clip: float = _setting(0.25, "Largest norm of the gradient; a longer one is scaled down to it.", 1e-9, 1e9)
    sampled_words: int | None = _setting(
        None, "Words of the vocabulary scored in a step, 0 for all.", 0, 2**31, "a tenth, at least 1,500"
    )
    batch_size: int = _setting(20, "How many streams of text are read side by side.", 1, 65_536)
    bptt: int = _setting(35, "Words per window: how far back the gradient goes.", 1, 65_536)
    seed: int = _setting(1, "Seed of everything random; same seed and machine, same model.", 0, 2**63 - 1)
    precision: str = _choice("auto", "Number format of the matrix products.", "auto", "bf16", "fp32")
    device: str = _choice("auto", "Where to train.", "auto", "cpu", "cuda")
    name: str | None = _setting(None, "Name of the checkpoint.", unset="that of the corpus, or stdin")
    out: str = _setting("checkpoints", "Folder the checkpoint is written to.")
    force: bool = _setting(False, "Replace a checkpoint of the same name.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name is not None and not is_file_name(self.name):
            raise UsageError(f"name is {self.name!r}, which cannot be a file name", "Name a word: --name diary")
        self.for_scheme(self.tokenizer)

    @property
    def smallest_count(self) -> int:
        """`min_count`, or what the tokenizer's texts call for when it is unset."""
        if self.min_count is not None:
            return self.min_count
        return 2 if self.tokenizer == "words" else 1


class RunConfig(TrainConfig):
    """How a network is trained: a `TrainConfig` in which nothing that the text and the time decide is left open."""

    epochs: int
    optimizer: str
    lr: float


@dataclass(frozen=True)
class AdaptConfig(Settings):
    """What is remembered of the words read in a session, beside the model: `inference/adaptation.py`."""

    words: int = _setting(1_000_000, "How many of the words read last are remembered.", 1, 1_000_000)
    window: int = _setting(1_000, "Of how many of them the contexts are remembered, too.", 0, 100_000)


@dataclass(frozen=True)
class PredictConfig(Settings):
    """What `predict` is to suggest."""

    command = "predict"

    k: int = _setting(5, "How many words (or phrases) to suggest.", 1, 2**31)
    punctuation: bool = _setting(False, "Suggest punctuation marks, too.")
    complete: bool = _setting(False, "Take the last word, if no space follows, for unfinished, and complete it.")
    words: int = _setting(1, "Longest phrase, in words.", 1, 20)
    temperature: float = _setting(1.0, "Below 1: more certain of the likely words; above 1: less.", 0.01, 100)


@dataclass(frozen=True)
class GenerateConfig(Settings):
    """How `generate` goes on with a text."""

    command = "generate"

    words: int = _setting(50, "How many words to write.", 1, 10_000_000)
    temperature: float = _setting(0.8, "Below 1: more of the likely words; above 1: more surprises.", 0.01, 100)
    top_p: float = _setting(0.95, "Draw from the likeliest words that hold this share of the probability.", 0.001, 1)
    seed: int | None = _setting(None, "Seed of the random numbers: the same seed, the same text.", 0, 2**63 - 1)


@dataclass(frozen=True)
class ExplainConfig(Settings):
    """How much of a text `explain` shows."""

    command = "explain"

    k: int = _setting(3, "How many guesses to show for each word.", 1, 100)
    words: int = _setting(100, "Most words to show, the first of the text.", 1, 2_000)
    units: int = _setting(8, "How many of the units that moved most to show.", 0, 1_000)


@dataclass(frozen=True)
class WhyConfig(Settings):
    """Which suggestions `why` explains, and by what."""

    command = "why"

    k: int = _setting(3, "How many suggestions to explain.", 1, 100)
    word: str | None = _setting(None, "Explain this word instead of the likeliest.")
    by: str = _choice("word", "What is taken out of the text.", "word", "sentence")
    last: int = _setting(200, "Most words to take out, counted from the end; those before them stay.", 1, 2_000)


@dataclass(frozen=True)
class TypistConfig(Settings):
    """How `eval` types a text."""

    command = "eval"

    slips: float = _setting(0.0, "Type the text, too, with a slip at this share of the letters, such as 0.05.", 0, 0.5)
    phrases: bool = _setting(False, "Type it and take phrases.")
    seed: int = _setting(1, "Seed of the slips.", 0, 2**63 - 1)


@dataclass(frozen=True)
class ScoreConfig(Settings):
    """How `score` reads a text."""

    command = "score"

    each: str | None = _choice(None, "Clear the memory before every line, or every paragraph.", "line", "paragraph")


@dataclass(frozen=True)
class MemoryConfig(Settings):
    """What `memory` measures."""

    command = "memory"

    places: int | None = _setting(
        None, "At how many places of the text.", 1, 1_000_000_000, "2,000, with --gradients 500"
    )


@dataclass(frozen=True)
class EditorConfig(Settings):
    """What an editor may set of the language server, under these names."""

    command = "lsp"

    checkpoint: str | None = _setting(None, "Checkpoint to use.", unset="the one that predict would take")
    count: int = _setting(10, "How many words to suggest.", 1, 1_000)
    session: str | None = _setting(None, "Name under which what is learned is kept.", unset="it is not kept")
    adapt: bool = _setting(True, "Learn from the text above the cursor.")
    phrases: bool = _setting(True, "Show a likely phrase in gray, where the editor can.")
    forgive: bool = _setting(True, "Suggest words that may be meant although a letter is wrong, too.")
    languages: list[str] = field(
        default_factory=list,
        metadata={"help": "Programming languages in whose comments and strings words are suggested."},
    )


def is_file_name(name: str) -> bool:
    """Whether a file can be called `name`, with a suffix, on every system and without being hidden."""
    try:
        fits = 0 < len(os.fsencode(name)) <= _MAX_NAME_LENGTH
    except UnicodeEncodeError:  # halves of characters, or what this system's names cannot have
        return False
    return fits and not name.startswith(".") and not set(name) & set("/\\\0")
