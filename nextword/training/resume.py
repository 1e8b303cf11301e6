"""The resume file: everything an unfinished run needs to go on exactly where it stopped.

`NAME.resume.safetensors` stands beside the checkpoint `NAME.safetensors`, in the same container (`container.py`):
written whole or not at all, verified by its digest, never pickled. It is self-contained, and holds

    tensors     model.*, the parameters; optimizer.*, its moments; state.*, the carried hidden and cell states;
                random.*, the states of torch's random generators
    config      the ModelConfig, as JSON
    training    the TrainConfig, as JSON
    tokenizer, vocabulary   as in a checkpoint
    facts       schedule, place in the text, best perplexity, digests of the texts, versions, as JSON

Knows torch's modules and the files; knows nothing of training loops.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.config import ModelConfig, TrainConfig, contradictions
from nextword.errors import CheckpointError, UsageError
from nextword.model.language_model import LayerState, RecurrentLanguageModel
from nextword.storage.checkpoint import (
    CHECKPOINT,
    Checkpoint,
    check_network,
    check_parameters,
    load_checkpoint,
    read_tokenizer,
)
from nextword.storage.container import read_container, refusing_damage, write_container
from nextword.storage.locations import SUFFIX
from nextword.storage.strict import json_object
from nextword.text.tokenizer import WordTokenizer

FORMAT = "nextword-resume/1"
RESUME_SUFFIX = ".resume" + SUFFIX
_LENGTHS = ("epochs", "max_steps", "minutes")  # an unfinished run may be given another length
_MAX_NUMBER = 2**62
_FACTS: dict[str, Any] = {
    "optimizer": dict,
    "state": list,
    "best_digest": str,
    "corpus": list,
    "valid": (list, type(None)),
    "files": dict,
    "corpus_sha256": str,
    "validation_sha256": str,
    "started_from": (str, type(None)),
    "surroundings": dict,
}
_NUMBERS = {
    "": ("position", "tokens", "seconds", "processes"),
    "schedule": ("step", "progress", "total", "plan_at"),
    "validations": ("step", "progress", "tokens", "cost", "spent"),
}
_WHOLE = {"position", "tokens", "processes", "step", "total", "plan_at"}
_STATE_TYPES = {"float32", "float16", "bfloat16", "float64"}
_ELSEWHERE = ("device", "precision", "name", "out", "force")  # say where, not what; or mean nothing when resuming


@dataclass(frozen=True)
class ResumePoint:
    """A run between two steps.

    Attributes:
        model_config: What the network is.
        config: How it is trained.
        tokenizer: Its words.
        tensors: See the module's docstring.
        facts: JSON values.
        path: The file it was read from.
    """

    model_config: ModelConfig
    config: TrainConfig
    tokenizer: WordTokenizer
    tensors: dict[str, NDArray[Any]]
    facts: dict[str, Any]
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
        "facts": json.dumps(point.facts, ensure_ascii=False, allow_nan=False),
    }
    write_container(path, point.tensors, metadata, CHECKPOINT)


def load_resume_point(path: Path) -> ResumePoint:
    """Read and verify a resume file.

    Raises:
        CheckpointError: It is missing, damaged, or of a format this version cannot read.
    """
    metadata, tensors = read_container(path, FORMAT, CHECKPOINT)
    with refusing_damage(path, CHECKPOINT):
        model_config = ModelConfig(**json_object(metadata["config"]))
        config = TrainConfig(**json_object(metadata["training"]))
        facts = json_object(metadata["facts"])
        parameters = {name.removeprefix("model."): tensors[name] for name in tensors if name.startswith("model.")}
        words = check_network(parameters, model_config)
        _check_facts(facts)
        _check_tensors(tensors, facts["state"], model_config, config)
        tokenizer = read_tokenizer(metadata, words)
        return ResumePoint(model_config, config, tokenizer, tensors, facts, path)


def _check_facts(facts: dict[str, Any]) -> None:
    """Raise `KeyError` or `ValueError` unless the facts are of the types that a run writes."""
    for name, kinds in _FACTS.items():
        if not isinstance(facts[name], kinds) or isinstance(facts[name], bool):
            raise ValueError(f"{name} is of another type")
    for name, numbers in _NUMBERS.items():
        values = facts if name == "" else facts[name]
        if name and values.keys() != set(numbers):
            raise ValueError(f"{name} has other parts")
        for number in numbers:
            most = 1 if number == "progress" else _MAX_NUMBER
            kinds = (int,) if number in _WHOLE else (int, float)
            if type(values[number]) not in kinds or not 0 <= values[number] <= most:
                raise ValueError(f"{number} is no number, or none that can be")
    for paths in (facts["corpus"], facts["valid"] or [], facts["state"]):
        if not all(isinstance(path, str) for path in paths):
            raise ValueError("a list has something else than text")
    if not all(isinstance(facts["surroundings"][name], str) for name in ("device", "precision")):
        raise ValueError("surroundings is of another type")


def _check_tensors(
    tensors: dict[str, NDArray[Any]], carried: list[str], model_config: ModelConfig, config: TrainConfig
) -> None:
    """Raise `ValueError` unless what is neither a parameter nor an optimizer's moment has its name, type and shape."""
    if len(carried) not in (0, 2 * model_config.num_layers) or not set(carried) <= _STATE_TYPES:
        raise ValueError("the carried state has other types than a run's")
    shapes: dict[str, tuple[int, ...]] = {}
    if carried:
        for index, (_, hidden) in enumerate(model_config.layer_sizes()):
            shapes |= {f"state.{index}.{part}": (1, config.batch_size, hidden) for part in ("hidden", "cell")}
    for name in ("random.cpu", "random.cuda"):
        if tensors.get(name, tensors["random.cpu"]).dtype != np.uint8:
            raise ValueError(f"{name} is no state of a random generator")
    others = {name for name in tensors if not name.startswith(("model.", "optimizer.", "random."))}
    if others != shapes.keys():
        raise ValueError(f"tensors missing or too many: {', '.join(sorted(others ^ shapes.keys()))}")
    check_parameters({name: tensors[name] for name in shapes}, shapes)


def find_unfinished(folder: Path, name: str | None) -> Path:
    """The checkpoint path of the unfinished run called `name`; for None, of the one saved last.

    Raises:
        UsageError: That run is finished.
        CheckpointError: There is none.
    """
    if name is None:
        found = [file for file in folder.glob("*" + RESUME_SUFFIX) if file.is_file()]
        if not found:
            raise CheckpointError(f"there is no unfinished run in {folder}", "Begin one: nextword train")
        newest = max(found, key=lambda file: (file.stat().st_mtime, file.name))
        return folder / (newest.name.removesuffix(RESUME_SUFFIX) + SUFFIX)
    path = folder / (name + SUFFIX)
    if resume_path(path).exists():
        return path
    if path.exists():
        hint = f"Train it on new text: nextword train TEXT --from {path}; or begin anew with --force"
        raise UsageError(f"{path} is finished: there is nothing to resume", hint)
    raise CheckpointError(f"there is no unfinished run {resume_path(path)}", "Begin one: nextword train")


def agree(
    point: ResumePoint, path: Path, given: ModelConfig, config: TrainConfig, asked: Collection[str]
) -> TrainConfig:
    """The TrainConfig to go on with: the run's own, with what may change in between as it was asked for.

    Args:
        point: The run.
        path: Its file, for the message.
        given: The network asked for.
        config: The training asked for.
        asked: Names of the fields that were asked for, in both.

    Raises:
        UsageError: What was asked for is not what the run is; the message names every such option.
    """
    wanted, stored = asdict(given) | asdict(config), asdict(point.model_config) | asdict(point.config)
    fixed = [name for name in wanted if name in asked and name not in _LENGTHS + _ELSEWHERE]
    if wrong := contradictions(wanted, stored, fixed):
        raise UsageError(
            f"the unfinished run {path} is another one: {wrong}",
            "Leave these options out to go on with it, or replace it: --force instead of --resume",
        )
    changes = {name: wanted[name] for name in _ELSEWHERE if name in asked or name in ("name", "out", "force")}
    if any(name in asked for name in _LENGTHS):
        unset = {item.name: item.default for item in fields(TrainConfig)}
        changes |= {name: wanted[name] if name in asked else unset[name] for name in _LENGTHS}
        changes["epochs"] = wanted["epochs"] if "epochs" in asked else stored["epochs"]
    return replace(point.config, **changes)


def reached(point: ResumePoint, path: Path, corpus_digest: str) -> float:
    """The best validation perplexity among what this run left in the checkpoint `path`; infinite if that is not there.

    The file may be newer than the resume point, if the run went on after it and was killed.
    """
    with contextlib.suppress(CheckpointError, KeyError, TypeError, ValueError):  # what was noted may be anything
        checkpoint: Checkpoint = load_checkpoint(path)
        training = checkpoint.training
        same = checkpoint.config == point.model_config and training.get("corpus_sha256") == corpus_digest
        if checkpoint.digest == point.facts["best_digest"] or (
            same and training["steps"] > point.facts["schedule"]["step"]
        ):
            return float(training["validation_perplexity"])
    return float("inf")


def capture(
    model: RecurrentLanguageModel, optimizer: torch.optim.Optimizer, state: list[LayerState] | None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Tensors and facts from which `restore` makes the same network, optimizer, state and random generators."""
    shapes = model.config.parameter_shapes(model.embedding.num_embeddings)
    parameters = model.state_dict()
    tensors = {f"model.{name}": _array(parameters[name]) for name in shapes}
    facts: dict[str, Any] = {"optimizer": {}, "state": []}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = _array(value)
            else:
                facts["optimizer"].setdefault(str(index), {})[name] = value
    for index, layer in enumerate(state or []):
        for name, value in zip(("hidden", "cell"), layer, strict=True):
            tensors[f"state.{index}.{name}"] = _array(value)
            facts["state"].append(str(value.dtype).removeprefix("torch."))
    tensors["random.cpu"] = _array(torch.get_rng_state())
    device = model.output.bias.device
    if device.type == "cuda":
        tensors["random.cuda"] = _array(torch.cuda.get_rng_state(device))
    return tensors, facts


def restore(
    point: ResumePoint, model: RecurrentLanguageModel, optimizer: torch.optim.Optimizer, device: torch.device
) -> list[LayerState] | None:
    """Set `model`, `optimizer` and the random generators to what `capture` saw; return the carried state.

    Raises:
        CheckpointError: An optimizer's moments or a random generator's state are of another optimizer or version.
    """
    try:
        return _restore(point, model, optimizer, device)
    except torch.OutOfMemoryError:
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = f"{point.path} cannot be restored: {str(error)[:200]}"
        raise CheckpointError(reason, "Begin it anew with --force in the place of --resume") from error


def _restore(
    point: ResumePoint, model: RecurrentLanguageModel, optimizer: torch.optim.Optimizer, device: torch.device
) -> list[LayerState] | None:
    tensors, facts = point.tensors, point.facts
    parameters = {name.removeprefix("model."): _tensor(values) for name, values in tensors.items()}
    names = model.config.parameter_shapes(model.embedding.num_embeddings)
    own = model.state_dict()
    with torch.no_grad():
        for name in names:
            own[name].copy_(parameters[name])
    moments: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in facts["optimizer"].items()}
    for name, values in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            index, _, key = rest.partition(".")
            moments.setdefault(int(index), {})[key] = _tensor(values)
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(_tensor(tensors["random.cpu"]))
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(_tensor(tensors["random.cuda"]), device)
    if not facts["state"]:
        return None
    kinds = iter(facts["state"])
    carried = [
        tuple(
            _tensor(tensors[f"state.{index}.{name}"]).to(device, getattr(torch, next(kinds)))
            for name in ("hidden", "cell")
        )
        for index in range(len(facts["state"]) // 2)
    ]
    return [(hidden, cell) for hidden, cell in carried]


def _array(tensor: Tensor) -> NDArray[Any]:
    """On the processor, in a format that numpy has: 32-bit in the place of bf16 loses nothing."""
    plain = tensor.detach().cpu().contiguous()
    return np.array((plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain).numpy())


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array))
