"""One decoder that learns: micro-batches in, updates of its weights and figures of each step out.

Noise and dropout of a micro-batch depend on the seed and the micro-batch's number alone; gradients are averaged over
the micro-batches of a step, clipped, and given to AdamW (NOVIC, section 3.3 and appendix A). It knows no schedule, no
folder and no file.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn

from novic_ros.training.feed import MicroBatch
from novic_ros.training.loss import DecoderLoss
from novic_ros.training.optimiser import adamw, set_rate
from novic_ros.training.processes import Processes
from novic_ros.training.recipe import Recipe
from novic_ros.training.training_data import TrainingData

__all__ = ["Learner", "StepFigures", "TrainingError"]

NOISE, DROPOUT = 0, 1  # streams of random numbers


class TrainingError(RuntimeError):
    """A training cannot go on; the message says why and what to change."""


@dataclass(frozen=True)
class StepFigures:
    """Of one step, over all processes: mean loss, columns that counted and those that were right, norm of the gradient
    before it was clipped, and whether any process was asked to stop."""

    loss: float
    right: float
    columns: float
    norm: float
    stopped: bool


class Learner:
    """A network with random weights, and its optimiser, on the device of this process."""

    def __init__(self, recipe: Recipe, data: TrainingData, processes: Processes):
        self._recipe, self._data, self._processes, self._device = recipe, data, processes, processes.device
        self.own_batches = len(processes.share(0, recipe.accumulation))
        if self._device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = recipe.precision != "float32"
        loss = DecoderLoss(data.network(recipe), recipe.label_smoothing, recipe.compile)
        self._loss = loss.to(self._device).train()
        self._optimiser = adamw(self._loss, recipe.learning_rate, (recipe.beta1, recipe.beta2), recipe.weight_decay)
        self._module: nn.Module | None = None
        self._noise = data.noise(recipe)
        self._generator = torch.Generator(self._device)

    def batches(self, first: int, steps: int) -> Iterator[MicroBatch]:
        """This process's micro-batches of the steps from `first` on, up to `steps`."""
        return self._data.feed(self._recipe, self._device)(chain.from_iterable(
            self._processes.share(step, self._recipe.accumulation) for step in range(first, steps)))

    def step(self, batches: Iterator[MicroBatch], rate: float,
             stop: Callable[[], bool] = lambda: False) -> StepFigures:
        """Update the weights once. Raises TrainingError where the loss or the gradient is no number.

        stop: asked at the end of the step, whether this process was asked to stop.
        """
        module = self._wrapped()
        losses, rights, columns = [], [], 0
        for place in range(self.own_batches):
            batch = next(batches)
            waits = place + 1 < self.own_batches and self._processes.count > 1
            with module.no_sync() if waits else contextlib.nullcontext():
                loss, right = self._backward(module, batch)
            losses.append(loss)
            rights.append(right)
            columns += sum(len(group.columns) for group in batch.groups)
        norm = nn.utils.clip_grad_norm_(module.parameters(), self._recipe.clip_norm)
        figures = torch.stack([torch.stack(losses).double().mean(), torch.stack(rights).double().sum(), norm.double()])
        mean, right, norm = figures.tolist()
        total, right, count, stops = self._processes.summed([mean, right, columns, float(stop())])
        if not (math.isfinite(norm) and math.isfinite(total)):
            raise TrainingError(f"expected a loss and a gradient that are numbers, got {total} and one of length "
                                f"{norm}: lower learning_rate, or check the cache's vectors; the saved state is kept")
        set_rate(self._optimiser, rate)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return StepFigures(total / self._processes.count, right, count, norm, stops > 0)

    def decoder_state(self) -> dict[str, torch.Tensor]:
        """The decoder's tensors by name."""
        return self._loss.decoder_state()

    def state(self) -> dict[str, Any]:
        """Weights and what the optimiser remembers, for `go_on_from`."""
        return {"model": self.decoder_state(), "optimiser": self._optimiser.state_dict()}

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave; before the first step."""
        self._loss.decoder.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _wrapped(self) -> nn.Module:
        """The module whose gradients all processes share; made late, as its making copies the weights of the first."""
        if self._module is None:
            self._module = self._processes.wrapped(self._loss)
        return self._module

    def _backward(self, module: nn.Module, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Add the gradient of one micro-batch -> its loss, and how many columns are right."""
        self._generator.manual_seed(self._seed(batch.number, NOISE))
        torch.manual_seed(self._seed(batch.number, DROPOUT))
        vectors = self._noise(batch.vectors, self._generator)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._recipe.precision == "bfloat16"):
            loss, right = module(vectors, batch.groups)
        (loss / self.own_batches).backward()
        return loss.detach(), right

    def _seed(self, number: int, stream: int) -> int:
        """32 bits, as torch's generator on the CPU uses no more of a seed."""
        return int(np.random.SeedSequence((self._recipe.seed, number, stream)).generate_state(1)[0])
