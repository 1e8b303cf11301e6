"""A network in training as arrays, and back: parameters, the optimizer's moments, carried state, random generators."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextword.errors import CheckpointError
from nextword.model.language_model import LayerState, RecurrentLanguageModel
from nextword.training.optimizer import Adaptive, ClippedSGD
from nextword.training.resume import ResumePoint


def capture(
    model: RecurrentLanguageModel, optimizer: ClippedSGD | Adaptive, carried: list[LayerState] | None
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The tensors and the `RunFacts.carried_formats` of which `restore_network` makes the same network and state."""
    shapes = model.config.parameter_shapes(model.embedding.num_embeddings)
    parameters = model.state_dict()
    tensors = {f"model.{name}": _array(parameters[name]) for name in shapes}
    if isinstance(optimizer, Adaptive):
        tensors |= {f"optimizer.{name}": _array(value) for name, value in optimizer.moments.items()}
    formats = []
    for index, layer in enumerate(carried or []):
        for name, value in zip(("hidden", "cell"), layer, strict=True):
            tensors[f"state.{index}.{name}"] = _array(value)
            formats.append(str(value.dtype).removeprefix("torch."))
    tensors["random.cpu"] = _array(torch.get_rng_state())
    device = model.output.bias.device
    if device.type == "cuda":
        tensors["random.cuda"] = _array(torch.cuda.get_rng_state(device))
    return tensors, formats


def restore_network(
    point: ResumePoint, model: RecurrentLanguageModel, optimizer: ClippedSGD | Adaptive, device: torch.device
) -> list[LayerState] | None:
    """Set `model`, `optimizer` and the random generators to what `capture` saw; return the carried state.

    Raises:
        CheckpointError: A random generator's state is of another version.
    """
    try:
        if isinstance(optimizer, Adaptive):
            moments = {name: _tensor(point.tensors[f"optimizer.{name}"]) for name in optimizer.moments}
            optimizer.restore(point.facts.schedule.step, moments)
        return _restore(point, model, device)
    except torch.OutOfMemoryError:
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = f"{point.path} cannot be restored: {str(error)[:200]}"
        raise CheckpointError(reason, "Begin it anew with --force in the place of --resume") from error


def _restore(point: ResumePoint, model: RecurrentLanguageModel, device: torch.device) -> list[LayerState] | None:
    tensors, stored = point.tensors, point.facts.carried_formats
    parameters = model.state_dict()
    with torch.no_grad():
        for name in model.config.parameter_shapes(model.embedding.num_embeddings):
            parameters[name].copy_(_tensor(tensors[f"model.{name}"]))
    torch.set_rng_state(_tensor(tensors["random.cpu"]))
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(_tensor(tensors["random.cuda"]), device)
    if not stored:
        return None
    formats = iter(stored)

    def carried(name: str) -> Tensor:
        return _tensor(tensors[name]).to(device, getattr(torch, next(formats)))

    layers = range(len(stored) // 2)
    return [(carried(f"state.{index}.hidden"), carried(f"state.{index}.cell")) for index in layers]


def _array(tensor: Tensor) -> NDArray[Any]:
    """On the CPU, in a format that numpy has: 32-bit in the place of bf16 loses nothing."""
    plain = tensor.detach().cpu().contiguous()
    return np.array((plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain).numpy())


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array))
