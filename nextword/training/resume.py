"""The resume file: everything an unfinished run needs to go on exactly where it stopped.

`NAME.resume.safetensors` stands beside the checkpoint `NAME.safetensors`, in the same container (`container.py`):
written whole or not at all, verified by its digest, never pickled. It is self-contained, and holds

    tensors     model.*, the parameters; source.*, those of the network started from, if any; state.*, the carried
                hidden and cell states; random.*, the states of torch's random generators; optimizer.*, the moments of
                past gradients, of which plain descent has none
    config      the NetworkConfig, as JSON
    training    the RunConfig, as JSON
    tokenizer, vocabulary   as in a checkpoint
    facts       the RunFacts, as JSON
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.config import WORD_PARAMETERS, NetworkConfig, RunConfig, Settings, TrainConfig
from nextword.errors import CheckpointError, UsageError
from nextword.storage.checkpoint import CHECKPOINT, check_network, check_parameters, load_checkpoint, read_tokenizer
from nextword.storage.container import read_container, refusing_damage, write_container
from nextword.storage.locations import SUFFIX, shell_word
from nextword.storage.strict import json_object, json_text
from nextword.text.tokenizer import WordTokenizer
from nextword.training.schedule import ScheduleState, ValidationsState, bounded

FORMAT = "nextword-resume/1"
SOURCE = "source."  # before the names of the parameters that the run started from
RESUME_SUFFIX = ".resume" + SUFFIX
_STATE_TYPES = {"float32", "float16", "bfloat16", "float64"}
# Facts whose names in the file are those of the first version, which older files have, too:
_STORED_AS = {"environment": "surroundings", "carried_formats": "state"}
# How runs read their text before their files said how:
_BEFORE_FORMATS = {"paragraphs": "blank", "keep_speakers": False, "raw": True}
_BEFORE_OPTIMIZERS = {"optimizer": "sgd"}  # how all runs learned before their files said how


@dataclass(frozen=True)
class Environment(Settings):
    """What must be the same for a resumed run to have the very bits of one that was not stopped."""

    nextword: str
    torch: str
    python: str
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class RunFacts(Settings):
    """Where a run is, what it reads and what it has reached.

    Attributes:
        carried_formats: Number formats of the carried hidden and cell states, layer by layer.
        position: Rows of the streams read in this epoch.
        seconds: Since the run began, without the time in which it was stopped.
        best_digest: The checkpoint's digest; empty if there is none yet.
        files: Size and time of the corpus's files, by path.
        started_from: Digest of the checkpoint it started from, if any.
    """

    schedule: ScheduleState
    validations: ValidationsState
    environment: Environment
    carried_formats: list[str]
    best_digest: str
    corpus: list[str]
    valid: list[str] | None
    files: dict[str, Any]
    corpus_sha256: str
    validation_sha256: str
    started_from: str | None
    position: int = bounded()
    tokens: int = bounded()
    seconds: float = bounded()
    processes: int = bounded()

    def to_json(self) -> str:
        """The facts as they stand in the file."""
        values = asdict(self)
        values |= {stored: values.pop(name) for name, stored in _STORED_AS.items()}
        return json_text(values)

    @classmethod
    def from_json(cls, text: str) -> RunFacts:
        """What `to_json` wrote. Raises KeyError, TypeError, ValueError or UsageError for anything else."""
        values = json_object(text)
        values |= {name: values[stored] for name, stored in _STORED_AS.items()}
        values["environment"] = Environment(**values["environment"])
        values["schedule"] = ScheduleState(**values["schedule"])
        values["validations"] = ValidationsState(**values["validations"])
        return cls(**{item.name: values[item.name] for item in fields(cls)})


@dataclass(frozen=True)
class ResumePoint:
    """A run between two steps.

    Attributes:
        model_config: What the network is.
        config: How it is trained.
        tokenizer: Its words.
        tensors: See the module's docstring.
        facts: Where it is.
        path: The file it was read from.
    """

    model_config: NetworkConfig
    config: RunConfig
    tokenizer: WordTokenizer
    tensors: dict[str, NDArray[Any]]
    facts: RunFacts
    path: Path = Path()


def resume_path(checkpoint: Path) -> Path:
    """Where the resume file of the run that writes `checkpoint` is."""
    return checkpoint.with_name(checkpoint.name.removesuffix(SUFFIX) + RESUME_SUFFIX)


def save_resume_point(path: Path, point: ResumePoint) -> None:
    """Write `point` to `path`, replacing what was there in one step.

    Raises:
        StorageError: The folder cannot be written or the disk is full; what was at `path` is untouched.
    """
    tokenizer, vocabulary = point.tokenizer.to_json()
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(point.model_config)),
        "training": json.dumps(asdict(point.config)),
        "tokenizer": tokenizer,
        "vocabulary": vocabulary,
        "facts": point.facts.to_json(),
    }
    write_container(path, point.tensors, metadata, CHECKPOINT)


def load_resume_point(path: Path) -> ResumePoint:
    """Read and verify a resume file.

    Raises:
        CheckpointError: It is missing, damaged, or of a format this version cannot read.
    """
    metadata, tensors = read_container(path, FORMAT, CHECKPOINT)
    with refusing_damage(path, CHECKPOINT):
        model_config = NetworkConfig.from_json(json_object(metadata["config"]))
        config = RunConfig(**{**_BEFORE_FORMATS, **_BEFORE_OPTIMIZERS, **json_object(metadata["training"])})
        facts = RunFacts.from_json(metadata["facts"])
        parameters = {name.removeprefix("model."): tensors[name] for name in tensors if name.startswith("model.")}
        words = check_network(parameters, model_config)
        _check_tensors(tensors, facts.carried_formats, model_config, config, words)
        tokenizer = read_tokenizer(metadata, words)
        return ResumePoint(model_config, config, tokenizer, tensors, facts, path)


def _check_tensors(
    tensors: dict[str, NDArray[Any]], carried: list[str], model_config: NetworkConfig, config: RunConfig, words: int
) -> None:
    """Raise `ValueError` unless what is no parameter has its name, type and shape."""
    if len(carried) not in (0, 2 * model_config.num_layers) or not set(carried) <= _STATE_TYPES:
        raise ValueError("the carried state has other types than a run's")
    shapes: dict[str, tuple[int, ...]] = {}
    if carried:
        for index, (_, hidden) in enumerate(model_config.layer_sizes()):
            shapes |= {f"state.{index}.{name}": (1, config.batch_size, hidden) for name in ("hidden", "cell")}
    if any(name.startswith(SOURCE) for name in tensors):
        known = min(words, len(tensors[f"{SOURCE}output.bias"]))
        shapes |= {SOURCE + name: shape for name, shape in model_config.parameter_shapes(known).items()}
    if config.optimizer == "adam":
        for name, shape in model_config.parameter_shapes(words).items():
            if name in WORD_PARAMETERS:
                shapes[f"optimizer.{name}.squares"] = shape[:1]
            else:
                shapes |= {f"optimizer.{name}.{moment}": shape for moment in ("mean", "square")}
    for name in ("random.cpu", "random.cuda"):
        if tensors.get(name, tensors["random.cpu"]).dtype != np.uint8:
            raise ValueError(f"{name} is no state of a random generator")
    others = {name for name in tensors if not name.startswith(("model.", "random."))}
    if others != shapes.keys():
        raise ValueError(f"tensors missing or too many: {', '.join(sorted(others ^ shapes.keys()))}")
    check_parameters({name: tensors[name] for name in shapes}, shapes)


def newest_unfinished(folder: Path) -> Path:
    """The checkpoint path of the run in `folder` whose resume file was saved last.

    Raises:
        CheckpointError: There is none.
    """
    found = [file for file in folder.glob("*" + RESUME_SUFFIX) if file.is_file()]
    if not found:
        raise CheckpointError(f"there is no unfinished run in {folder}", "Begin one: nextword train")
    newest = max(found, key=lambda file: (file.stat().st_mtime, file.name))
    return folder / (newest.name.removesuffix(RESUME_SUFFIX) + SUFFIX)


def check_unfinished(checkpoint: Path) -> None:
    """Refuse to go on with the run that writes `checkpoint` if it has no resume file.

    Raises:
        UsageError: It is finished.
        CheckpointError: There was none.
    """
    if resume_path(checkpoint).exists():
        return
    if checkpoint.exists():
        again = f"nextword train TEXT --from {shell_word(str(checkpoint))}"
        hint = f"Train it on new text: {again}; or begin anew with --force"
        raise UsageError(f"{checkpoint} is finished: there is nothing to resume", hint)
    raise CheckpointError(f"there is no unfinished run {resume_path(checkpoint)}", "Begin one: nextword train")


def resume_command(checkpoint: Path, out: str, processes: int) -> str:
    """What the user types to go on with a run of so many processes: on each machine as many as now, if all are."""
    same = os.environ.get("WORLD_SIZE") == str(processes)
    here = os.environ.get("LOCAL_WORLD_SIZE", processes) if same else processes
    launcher = "" if processes == 1 else f"torchrun --nproc-per-node {here} -m -- "
    folder = "" if out == TrainConfig.out else f" --out {shell_word(out)}"
    return f"{launcher}nextword train --resume --name {shell_word(checkpoint.name.removesuffix(SUFFIX))}{folder}"


def best_perplexity_so_far(point: ResumePoint, path: Path) -> float:
    """The best validation perplexity among what this run left in the checkpoint `path`; infinite if that is not there.

    The file may be newer than the resume point, if the run went on after it and was killed.
    """
    with contextlib.suppress(CheckpointError, KeyError, TypeError, ValueError):  # what was noted may be anything
        checkpoint = load_checkpoint(path)
        training = checkpoint.training
        same = checkpoint.config == point.model_config and training.get("corpus_sha256") == point.facts.corpus_sha256
        if checkpoint.digest == point.facts.best_digest or (same and training["steps"] > point.facts.schedule.step):
            return float(training["validation_perplexity"])
    return float("inf")
