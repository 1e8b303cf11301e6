"""Several processes that train one network: who is who, what they tell each other, what happens when one is gone.

Under `torchrun` every process runs the same program. Each reads the text itself, which is simpler than sending it and
costs no more time; a digest shows that all have read the same. Each learns from some of the streams, and torch's
DistributedDataParallel averages their gradients. The first process alone validates, writes and speaks; the others
wait for it in their next step.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from nextword.errors import UsageError
from nextword.model.language_model import LayerState, RecurrentLanguageModel

_TIMEOUT = timedelta(hours=1)  # the first process may validate for so long; a killed one is noticed at once
_SIGNS_OF_LOSS = ("gloo", "nccl", "closed by peer", "reset by peer", "broken pipe")  # in torch's messages

Loss = Callable[..., tuple[Tensor, list[LayerState]]]


class ProcessGroup:
    """The processes of one run; without `torchrun`, just this one.

    Attributes:
        rank: Number of this process, from 0.
        size: How many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        self.rank, self.size, self._store = rank, size, store

    @classmethod
    def join(cls, device: str) -> ProcessGroup:
        """Wait for the others that `torchrun` has started. `device` is the one asked for, as in TrainConfig.

        Raises:
            UsageError: There are more processes on this machine than GPUs.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        store, rank, size = next(rendezvous("env://", timeout=_TIMEOUT))
        group, backend = cls(rank, size, store), "gloo"
        if device != "cpu" and torch.cuda.is_available():
            local, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
            if local >= count:
                error = UsageError(f"there are more processes here than GPUs ({count})", f"--nproc-per-node {count}")
                error.silent = not group.speaks_first()
                raise error
            torch.cuda.set_device(local)
            backend = "cpu:gloo,cuda:nccl"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_TIMEOUT)
        return group

    def leave(self) -> None:
        """Wait until all are done, and part: a process that is gone earlier takes its connections with it."""
        if self.size > 1:
            self.barrier()
            gc.collect()  # DistributedDataParallel must not outlive its process group
            distributed.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this process is the one that validates, writes and speaks."""
        return self.rank == 0

    def speaks_first(self) -> bool:
        """Whether no other process has asked this before: of an error that ends all of them, one speaks."""
        if self._store is None:
            return True
        with contextlib.suppress(RuntimeError):
            return bool(self._store.add("nextword/error", 1) == 1)
        return True  # the process that kept count is gone

    def is_loss(self, error: BaseException) -> bool:
        """Whether `error` is what torch raises when another process is gone."""
        if self.size == 1 or not isinstance(error, RuntimeError):
            return False
        return isinstance(error, distributed.DistError) or any(sign in str(error).lower() for sign in _SIGNS_OF_LOSS)

    def columns(self, streams: int) -> slice:
        """Which of all `streams` this process reads: an equal share, one more or less."""
        return slice(self.rank * streams // self.size, (self.rank + 1) * streams // self.size)

    def sum(self, *values: float) -> list[float]:
        """The sums over all processes; each must call this with as many values."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(total)
        result: list[float] = total.tolist()
        return result

    def barrier(self) -> None:
        """Wait until all processes are here."""
        self.sum(0.0)

    def from_first(self, value: float) -> float:
        """What the first process says."""
        return self.sum(value if self.first else 0.0)[0]

    def agree(self, loss: float, received: int, save: bool, total: int) -> tuple[float, int, bool, int]:
        """What all go on with after a step: the mean loss, a signal that any was sent, and what the first one says.

        Args:
            loss: Of this process's streams.
            received: The signal that this process was sent; 0 if none.
            save: Whether it is time to write the resume file.
            total: Steps of the whole run.
        """
        signals = [float(received == number) for number in (signal.SIGINT, signal.SIGTERM)]
        own = (save, total) if self.first else (0, 0)
        loss, interrupted, terminated, saves, steps = self.sum(loss, *signals, *own)
        stop = signal.SIGINT if interrupted else signal.SIGTERM if terminated else 0
        return loss / self.size, int(stop), bool(saves), int(steps)

    def whole_state(self, state: list[LayerState] | None, streams: int) -> list[LayerState] | None:
        """The state of all `streams`, each tensor (1, streams, H), from the columns that each process has of it."""
        if state is None or self.size == 1:
            return state

        def whole(own: Tensor) -> Tensor:
            result = torch.zeros(1, streams, own.shape[2])
            result[:, self.columns(streams)] = own.detach().float().cpu()
            distributed.all_reduce(result)
            return result.to(own.device, own.dtype)

        return [(whole(hidden), whole(cell)) for hidden, cell in state]

    def shared_loss(self, model: RecurrentLanguageModel, streams: int) -> Loss:
        """`model.loss`, for this process's columns of `streams`; its gradients become those of all of them.

        DistributedDataParallel takes the mean of the processes' gradients while backward still computes others. Each
        process's loss is the mean over its own words, so it is weighted by its share of the streams. The model draws
        its dropout masks for all streams, from the same random numbers everywhere, and uses its own columns: several
        processes learn what one would.
        """
        if self.size == 1:
            return model.loss
        columns = self.columns(streams)
        model.columns = (streams, columns)
        weight = (columns.stop - columns.start) * self.size / streams
        device = model.output.bias.device
        module = _WeightedLoss(model, weight)
        return DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None)


class _WeightedLoss(nn.Module):
    """`model.loss` as a module's `forward`, which is where DistributedDataParallel looks."""

    def __init__(self, model: RecurrentLanguageModel, weight: float) -> None:
        super().__init__()
        self.model, self.weight = model, weight

    def forward(self, *arguments: Any) -> tuple[Tensor, list[LayerState]]:
        loss, state = self.model.loss(*arguments)
        return loss * self.weight, state
