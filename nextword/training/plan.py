"""What a run is to do: begin, go on, or start from another model's network.

Decides which files and options go together, and refuses what does not.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nextword.config import ModelConfig, RunConfig, TrainConfig, is_file_name
from nextword.errors import CheckpointError, CorpusError, StorageError, UsageError
from nextword.storage.checkpoint import Checkpoint, load_checkpoint
from nextword.storage.locations import SUFFIX, english_checkpoint
from nextword.text.corpus import default_corpus
from nextword.text.sources import STDIN, is_pipe
from nextword.training.resume import (
    ResumePoint,
    check_unfinished,
    load_resume_point,
    newest_unfinished,
    resume_command,
    resume_path,
)
from nextword.training.schedule import Tuning

AUTO, NONE, ENGLISH = "auto", "none", "english"  # what to start from, where it is no checkpoint that is named
LENGTHS = ("epochs", "max_steps", "minutes")  # an unfinished run may be given another length
_NO_ENGLISH = "this installation of nextword has no English model"
_OF_THE_FILES = ("name", "out", "force")  # options that say where a run is, and mean nothing to it
_OF_THE_MACHINE = ("device", "precision")  # options that may be others when a run goes on


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks of training; the fields are the arguments of `train`.

    Attributes:
        tuning: From what size on something pays; only tests take other values.
    """

    corpus: list[Path] | None = None
    valid: list[Path] | None = None
    model_config: ModelConfig = field(default_factory=ModelConfig)
    train_config: TrainConfig = field(default_factory=TrainConfig)
    start_from: str | Path | None = AUTO
    resume: bool = False
    tuning: Tuning = field(default_factory=Tuning)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a request comes to.

    Attributes:
        from_nothing: What is done instead where the text has too few words of `source`; None: that does not matter.
        note: Why the English model was left alone, as a sentence; empty where there is nothing to say.
    """

    checkpoint: Path  # where it goes
    corpus: list[Path]
    valid: list[Path] | None
    model_config: ModelConfig  # a NetworkConfig, where the network is settled
    config: TrainConfig
    tuning: Tuning
    point: ResumePoint | None = None  # where to go on; None at the very beginning
    source: Checkpoint | None = None  # whose words and weights to start from
    from_nothing: Plan | None = None
    note: str = ""


def checkpoint_path(request: Request) -> Path:
    """Where the requested run's checkpoint goes, in a folder that can be written to.

    Raises:
        UsageError: The request contradicts itself, or the text's name is too long for a checkpoint.
        CheckpointError: There is no unfinished run to go on with.
        StorageError: The folder cannot be written.
    """
    config, folder = request.train_config, Path(request.train_config.out)
    if request.resume and request.start_from not in (AUTO, None):
        raise UsageError("--resume goes on with a run and --from begins one", "Leave one of them out.")
    if request.resume and config.force:
        raise UsageError("--resume goes on with a run and --force replaces it", "Leave one of them out.")
    name = config.name or (_name_of(request.corpus) if request.corpus else None)
    if request.resume and name is None:
        return newest_unfinished(folder)
    name = name or _name_of([default_corpus()])
    if not is_file_name(name.lstrip(".")):  # a text may be hidden, and its model with it
        raise UsageError(f"a checkpoint cannot be called {name!r}", "Give it another name: --name NAME")
    path = folder / (name + SUFFIX)
    if request.resume and not folder.is_dir():
        check_unfinished(path)  # which it cannot be
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder {folder} cannot be made: {error.strerror}"
        raise StorageError(reason, "Choose another one: --out DIR") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"the folder {folder} cannot be written to", "Choose another one: --out DIR")
    return path


def new_run(request: Request, path: Path) -> Plan:
    """A run from its beginning, whose checkpoint goes to `path`; nobody else may write there now.

    Raises:
        UsageError: A checkpoint or an unfinished run of that name exists and `force` is off; see also
            `start_from_source`.
        CheckpointError: The checkpoint that was named to start from is not there, or damaged.
        StorageError: A folder has its name.
    """
    for file in (path, resume_path(path)):
        if file.is_dir():
            raise StorageError(f"{file} is a folder", "Choose another name: --name NAME")
    if resume_path(path).exists() and not request.train_config.force:
        reason = f"{resume_path(path)} is an unfinished run"
        raise UsageError(reason, "Go on with it: --resume, replace it: --force, or choose another name: --name NAME")
    if path.exists() and not request.train_config.force:
        raise UsageError(f"{path} exists already", "Replace it with --force, or choose another name: --name NAME")
    plan = Plan(
        checkpoint=path,
        corpus=request.corpus or [default_corpus()],
        valid=request.valid,
        model_config=request.model_config,
        config=request.train_config,
        tuning=request.tuning,
    )
    if request.start_from == AUTO:
        return _english_or_nothing(plan)
    if request.start_from in (NONE, None):
        return plan
    if request.start_from != ENGLISH:
        return start_from_source(plan, load_checkpoint(Path(request.start_from)))
    if not (english := english_checkpoint()):
        raise CheckpointError(_NO_ENGLISH, "Install nextword again, or begin from nothing: --from none")
    return start_from_source(plan, load_checkpoint(english))


def _english_or_nothing(plan: Plan) -> Plan:
    """`plan` from the English model, unless the text is the one that ships or what was set speaks against it.

    Whether it stays so, the text decides: `Plan.from_nothing` is what to do otherwise.
    """
    english, reason = english_checkpoint(), _NO_ENGLISH
    if _is_lesson(plan.corpus):
        reason = "the text that ships with nextword shows how a new network learns"
    elif english:
        try:
            return replace(start_from_source(plan, load_checkpoint(english)), from_nothing=plan)
        except (CheckpointError, UsageError) as error:
            reason = error.message
    return replace(plan, note=f"Begins from nothing, as {reason}.")


def _is_lesson(corpus: list[Path]) -> bool:
    """Whether the text is the one that ships with nextword, all of it and nothing else."""
    with contextlib.suppress(CorpusError):  # it does not in this installation
        return [path.resolve() for path in corpus] == [default_corpus().resolve()]
    return False


def resume_run(request: Request, path: Path) -> Plan:
    """A run from where it was stopped; nobody else may write to `path` now.

    Raises:
        UsageError: The run is finished, or not the one that was asked for.
        CheckpointError: There is no such run, or its file is damaged.
    """
    check_unfinished(path)
    point = load_resume_point(resume_path(path))
    return Plan(
        checkpoint=path,
        corpus=request.corpus or _noted_paths(point.facts.corpus, request, path, "-"),
        valid=request.valid or _noted_paths(point.facts.valid or [], request, path, "--valid -") or None,
        model_config=point.model_config,
        config=merge_options(point, request),
        tuning=request.tuning,
        point=point,
    )


def _noted_paths(noted: list[str], request: Request, checkpoint: Path, argument: str) -> list[Path]:
    """The texts of an unfinished run, if they can be read once more; `argument` names standard input among them."""
    if str(STDIN) in noted:
        reason = f"a text of the unfinished run {resume_path(checkpoint)} came from a pipe, which kept nothing of it"
        command = resume_command(checkpoint, request.train_config.out, 1)
        raise UsageError(reason, f"Send the same text once more: ... | {command} {argument}")
    return [Path(path) for path in noted]


def start_from_source(plan: Plan, source: Checkpoint) -> Plan:
    """`plan` with the network and the words of `source` at its beginning, the dropouts chosen anew.

    Raises:
        UsageError: A setting is not what it is in `source`, dropouts aside; the message names every such option.
    """
    given = _settings(plan.model_config, plan.config)
    stored = asdict(source.config) | {"tokenizer": source.tokenizer.scheme, "cased": source.tokenizer.cased}
    stored["size"] = source.training.get("settings", {}).get("size", TrainConfig.size)
    dropouts = {name: given.get(name) for name in stored if name.startswith("dropout_")}
    if wrong := _contradictions(given, stored, stored.keys() - dropouts.keys()):
        hint = "Leave these options out to start from it, or begin from nothing: --from none"
        raise UsageError(f"{source.path} is another network: {wrong}", hint)
    config = replace(plan.config, tokenizer=source.tokenizer.scheme, cased=source.tokenizer.cased)
    if "vocab_size" not in given:  # so many words of its own, whatever the other model knows
        config = replace(config, vocab_size=len(source.tokenizer) + config.vocab_size)
    network = ModelConfig(**{**asdict(source.config), **dropouts})
    return replace(plan, model_config=network, config=config, source=source)


def merge_options(point: ResumePoint, request: Request) -> RunConfig:
    """How to go on with a run: as it was begun, with what may change in between as it is requested.

    Raises:
        UsageError: What is requested is not what the run is; the message names every such option.
    """
    given = _settings(request.model_config, request.train_config)
    stored = asdict(point.model_config) | asdict(point.config)
    if wrong := _contradictions(given, stored, stored.keys() - {*LENGTHS, *_OF_THE_FILES, *_OF_THE_MACHINE}):
        raise UsageError(
            f"the unfinished run {point.path} is another one: {wrong}",
            "Leave these options out to go on with it, or replace it: --force instead of --resume",
        )
    wanted = asdict(request.train_config)
    changes = {name: wanted[name] for name in _OF_THE_FILES}
    changes |= {name: given[name] for name in _OF_THE_MACHINE if name in given}
    if any(name in given for name in LENGTHS):
        changes |= {name: wanted[name] for name in LENGTHS} | {"epochs": wanted["epochs"] or stored["epochs"]}
    return replace(point.config, **changes)


def _settings(*configs: ModelConfig | TrainConfig) -> dict[str, Any]:
    """What was set, by field: all that is neither None nor at its default."""
    values = {item.name: (getattr(config, item.name), item.default) for config in configs for item in fields(config)}
    return {name: value for name, (value, default) in values.items() if value != default}


def _contradictions(given: dict[str, Any], stored: dict[str, Any], names: Iterable[str]) -> str:
    """Which of the fields `names` were set otherwise than they are stored, for an error message; empty if none."""
    wrong = [name for name in given if name in names and given[name] != stored[name]]
    return "; ".join(f"--{name.replace('_', '-')} is {stored[name]} there, not {given[name]}" for name in wrong)


def _name_of(paths: list[Path]) -> str:
    """What a run on these texts is called unless it is given a name."""
    path = paths[0].resolve()
    if is_pipe(paths[0]) and (paths[0] == STDIN or path.parent.name == "fd"):  # as in /proc/1/fd/pipe:[2], /dev/fd/63
        return "stdin"
    return path.stem or "corpus"
