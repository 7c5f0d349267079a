"""The processes that train one decoder together: one by default, several when `torchrun` started this program.

Each takes its share of the micro-batches of a step, so that any number of processes gives the training that one would
give, up to rounding. gloo joins CPUs, nccl GPUs. It starts no process (torchrun does) and computes no gradient.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn

from novic_ros.training.recipe import RecipeError

__all__ = ["Processes", "joined_processes"]


@dataclass(frozen=True)
class Processes:
    """This process among all: `rank` of `count`, on `device`."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that prints and writes files."""
        return self.rank == 0

    def share(self, step: int, accumulation: int) -> range:
        """The micro-batches of a step that are this process's.

        Raises RecipeError if they cannot be shared evenly.
        """
        if accumulation % self.count:
            raise RecipeError(f"accumulation: expected a multiple of the {self.count} processes, got {accumulation}; "
                              "start another number of processes, or change batch_size and accumulation")
        return range(step * accumulation + self.rank, (step + 1) * accumulation, self.count)

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over all processes, but for backward passes inside `no_sync`."""
        if self.count == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=devices)

    def summed(self, values: Sequence[float]) -> list[float]:
        """Numbers added up over all processes, in float64."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return total.tolist()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """All processes of this training, until the end of the block.

    device: "auto", "cpu", "cuda" or "cuda:N"; of several processes on GPUs each takes its own. Raises ValueError for a
    device that torch does not find.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", 0)) if count > 1 else None)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if count == 1:
        yield Processes(chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(chosen, rank, count)
    finally:
        distributed.destroy_process_group()


def _device(name: str, local_rank: int | None) -> torch.device:
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if found else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cuda" and found and (local_rank is not None or device.index is None):
        device = torch.device("cuda", local_rank or 0)
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and (device.index or 0) >= found):
        raise ValueError(f"device: expected auto, cpu, cuda or cuda:N, got {name!r}; torch finds {found} GPUs here, "
                         "and each process on a GPU needs its own")
    return device
