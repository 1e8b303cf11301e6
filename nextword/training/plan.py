"""What a run is to do, before any text is read: a new one, one that goes on, one that starts from another's network.

Decides which files and options go together, and refuses what does not. Knows no texts and no training loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from nextword.config import ModelConfig, TrainConfig, contradictions, is_file_name
from nextword.errors import StorageError, UsageError
from nextword.storage.checkpoint import Checkpoint
from nextword.storage.locations import SUFFIX
from nextword.text.corpus import Passage, default_corpus, watched
from nextword.text.token_file import TokenFile
from nextword.text.tokenizer import LearnedVocabulary, WordTokenizer
from nextword.training.resume import ResumePoint, agree, find_unfinished, load_resume_point, resume_path

Progress = Callable[[str], Callable[[int, int], None]]  # from what is done, to what hears how much of it

FINE_TUNING = 0.3  # of the learning rate, for a network that has learned before


@dataclass(frozen=True)
class Plan:
    """What a run is to do, before any text is read."""

    paths: list[Path]
    valid: list[Path] | None
    path: Path  # where the checkpoint goes
    model_config: ModelConfig
    config: TrainConfig
    learn_words: Callable[[Sequence[Passage], Progress], LearnedVocabulary]  # from the texts to learn from
    point: ResumePoint | None = None  # where to go on; None at the very beginning
    source: Checkpoint | None = None  # whose weights to start from
    asked: frozenset[str] = frozenset()  # names of the configs' fields that are to stay as they are


def begun(
    paths: list[Path] | None,
    valid: list[Path] | None,
    model_config: ModelConfig,
    config: TrainConfig,
    asked: Collection[str],
    own: Callable[[Path], None],
) -> Plan:
    """A run from its beginning; arguments as those of `trainer.train`, and `own` to make this process its only one.

    Raises:
        UsageError: A checkpoint or an unfinished run of that name exists and `force` is off, or the text's name is too
            long for one.
        StorageError: The folder cannot be written.
        LockedError: Another process trains under that name.
    """
    paths = paths or [default_corpus()]
    path = _output_path(paths, config)
    own(path)  # before looking at what is there
    for file in (path, resume_path(path)):
        if file.is_dir():
            raise StorageError(f"{file} is a folder", "Choose another name: --name NAME")
    if resume_path(path).exists() and not config.force:
        reason = f"{resume_path(path)} is an unfinished run"
        raise UsageError(reason, "Go on with it: --resume, replace it: --force, or choose another name: --name NAME")
    if path.exists() and not config.force:
        raise UsageError(f"{path} exists already", "Replace it with --force, or choose another name: --name NAME")

    def learn_words(texts: Sequence[Passage], progress: Progress) -> LearnedVocabulary:
        scheme, cased, size, least = config.tokenizer, config.cased, config.vocab_size, config.smallest_count
        read = watched(texts, progress("reading"))
        return WordTokenizer.train_and_encode(read, scheme, cased, size, least, progress("encoding"))

    return Plan(paths, valid, path, model_config, config, learn_words, asked=frozenset(asked))


def resumed(
    paths: list[Path] | None,
    valid: list[Path] | None,
    model_config: ModelConfig,
    config: TrainConfig,
    asked: Collection[str],
    own: Callable[[Path], None],
) -> Plan:
    """A run from where it was stopped; arguments as those of `begun`.

    Raises:
        UsageError: The run is finished, or not the one that was asked for.
        CheckpointError: There is no such run, or its file is damaged.
        StorageError: The folder cannot be written.
        LockedError: Another process trains under that name.
    """
    if config.force:
        raise UsageError("--resume goes on with a run and --force replaces it", "Leave one of them out.")
    name = config.name or (_name_of(paths) if paths else None)
    folder = Path(config.out)
    if name is None:
        name = find_unfinished(folder, None).name.removesuffix(SUFFIX)
    if folder.is_dir():
        own(folder / (name + SUFFIX))
    path = find_unfinished(folder, name)
    point = load_resume_point(resume_path(path))
    _output_path([path], replace(config, name=path.name.removesuffix(SUFFIX)))
    config = agree(point, resume_path(path), model_config, config, asked)
    stored, stored_valid = point.facts["corpus"], point.facts["valid"]
    return Plan(
        paths or [Path(file) for file in stored],
        valid or (stored_valid and [Path(file) for file in stored_valid]),
        path,
        point.model_config,
        config,
        lambda texts, progress: _encoded(point.tokenizer, texts, progress),
        point,
    )


def started_from(source: Checkpoint, plan: Plan, asked: Collection[str]) -> Plan:
    """`plan` with the network and the words of `source` at its beginning.

    Raises:
        UsageError: A field in `asked` is not what it is in `source`; the message names every such field.
    """
    wanted = asdict(plan.model_config) | asdict(plan.config)
    stored = asdict(source.config) | {"tokenizer": source.tokenizer.scheme, "cased": source.tokenizer.cased}
    dropouts = {name for name in asked if name.startswith("dropout_")}
    if wrong := contradictions(wanted, stored, [name for name in stored if name in asked and name not in dropouts]):
        raise UsageError(f"{source.path} is another network: {wrong}", "Leave these options out to start from it.")
    model_config = replace(source.config, **{name: wanted[name] for name in dropouts})
    config = replace(plan.config, tokenizer=source.tokenizer.scheme, cased=source.tokenizer.cased)
    if "lr" not in asked:
        config = replace(config, lr=FINE_TUNING * config.lr)

    def learn_words(texts: Sequence[Passage], progress: Progress) -> LearnedVocabulary:
        read = watched(texts, progress("reading"))
        return _encoded(source.tokenizer.extended(read, config.vocab_size, config.smallest_count), texts, progress)

    return replace(plan, model_config=model_config, config=config, learn_words=learn_words, source=source)


def _encoded(tokenizer: WordTokenizer, texts: Sequence[Passage], progress: Progress) -> LearnedVocabulary:
    """The texts in the words of a tokenizer that is there already."""
    return LearnedVocabulary(tokenizer, TokenFile(tokenizer.encode_documents(watched(texts, progress("encoding")))), 0)


def changed(*configs: ModelConfig | TrainConfig) -> set[str]:
    """Names of the fields that are not at their defaults."""
    return {item.name for config in configs for item in fields(config) if getattr(config, item.name) != item.default}


def _output_path(paths: list[Path], config: TrainConfig) -> Path:
    """Where the checkpoint goes, in a folder that can be written to: that it cannot is found out now."""
    folder = Path(config.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder {folder} cannot be made: {error.strerror}"
        raise StorageError(reason, "Choose another one: --out DIR") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"the folder {folder} cannot be written to", "Choose another one: --out DIR")
    name = config.name or _name_of(paths)
    if not is_file_name(name.lstrip(".")):  # a text may be hidden, and its model with it
        raise UsageError(f"a checkpoint cannot be called {name!r}", "Give it another name: --name NAME")
    return folder / (name + SUFFIX)


def _name_of(paths: list[Path]) -> str:
    """What a run on these texts is called unless it is given a name."""
    return paths[0].resolve().stem or "corpus"
