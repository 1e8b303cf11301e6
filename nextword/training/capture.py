"""A network in training as arrays, and back: parameters, the optimizer's moments, carried state, random generators."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.errors import CheckpointError
from nextword.model.language_model import LayerState, RecurrentLanguageModel
from nextword.training.resume import ResumePoint


class Captured(NamedTuple):
    """What a resume file holds of a network in training; see `RunFacts` for the second and the third."""

    tensors: dict[str, NDArray[Any]]
    optimizer: dict[str, Any]
    state: list[str]


def capture(
    model: RecurrentLanguageModel, optimizer: torch.optim.Optimizer, carried: list[LayerState] | None
) -> Captured:
    """All from which `restore` makes the same network, optimizer, carried state and random generators."""
    shapes = model.config.parameter_shapes(model.embedding.num_embeddings)
    parameters = model.state_dict()
    tensors = {f"model.{name}": _array(parameters[name]) for name in shapes}
    others: dict[str, Any] = {}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = _array(value)
            else:
                others.setdefault(str(index), {})[name] = value
    formats = []
    for index, layer in enumerate(carried or []):
        for name, value in zip(("hidden", "cell"), layer, strict=True):
            tensors[f"state.{index}.{name}"] = _array(value)
            formats.append(str(value.dtype).removeprefix("torch."))
    tensors["random.cpu"] = _array(torch.get_rng_state())
    device = model.output.bias.device
    if device.type == "cuda":
        tensors["random.cuda"] = _array(torch.cuda.get_rng_state(device))
    return Captured(tensors, others, formats)


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
    parameters = model.state_dict()
    with torch.no_grad():
        for name in model.config.parameter_shapes(model.embedding.num_embeddings):
            parameters[name].copy_(_tensor(tensors[f"model.{name}"]))
    moments: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in facts.optimizer.items()}
    for name, values in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            index, _, key = rest.partition(".")
            moments.setdefault(int(index), {})[key] = _tensor(values)
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(_tensor(tensors["random.cpu"]))
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(_tensor(tensors["random.cuda"]), device)
    if not facts.state:
        return None
    formats = iter(facts.state)

    def carried(name: str) -> Tensor:
        return _tensor(tensors[name]).to(device, getattr(torch, next(formats)))

    layers = range(len(facts.state) // 2)
    return [(carried(f"state.{index}.hidden"), carried(f"state.{index}.cell")) for index in layers]


def _array(tensor: Tensor) -> NDArray[Any]:
    """On the processor, in a format that numpy has: 32-bit in the place of bf16 loses nothing."""
    plain = tensor.detach().cpu().contiguous()
    return np.array((plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain).numpy())


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array))
