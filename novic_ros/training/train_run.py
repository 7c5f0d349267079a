"""Training an object decoder by recipe (NOVIC, section 3.3), from the first step to the decoder's folder.

Steps, logs, probes and states on disk. What a step does depends on the seed and its number alone (`learner.py`), so a
training that was interrupted gives, on a CPU, the same weights and the same log bit for bit as one that was not, and
several processes give, up to rounding, what one gives. What is in the folder is told in `run_folder.py`. It prints
nothing.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from novic_ros.decoding.checkpoint import Checkpoint
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.training.diary import Diary, Standing
from novic_ros.training.learner import Learner, TrainingError
from novic_ros.training.processes import Processes
from novic_ros.training.recipe import Recipe
from novic_ros.training.run_folder import RunFolder
from novic_ros.training.training_data import TrainingData

__all__ = ["Progress", "TrainRun", "TrainingError"]


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a step. `share` of the probed nouns came back in the last probe, if there was."""

    step: int
    epoch: int
    chunk: int
    rate: float
    loss: float
    smooth_loss: float
    smooth_accuracy: float
    share: float | None


class TrainRun:
    """One training: recipe, data and folder. `run` trains, or goes on where the folder's last state is.

    processes: this process among those that train together. Raises RecipeError for a recipe that the data or the
    number of processes does not allow, ValueError where it needs the encoder's modality gap and there is none.
    """

    def __init__(self, recipe: Recipe, data: TrainingData, folder: str | Path, processes: Processes):
        self.recipe, self.data, self.folder, self.processes = recipe, data, RunFolder(folder), processes
        self.schedule = data.schedule(recipe)
        processes.share(0, recipe.accumulation)
        data.noise(recipe)  # what it lacks shows here

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in self._network().parameters())

    @property
    def step_samples(self) -> int:
        """Vectors per step, of all processes."""
        return self.recipe.batch_size * self.recipe.accumulation

    def seconds_per_step(self, batches: int = 3) -> float:
        """Time a few micro-batches on a decoder that is thrown away, so that the training does not notice."""
        alone = Processes(self.processes.device)
        learner = Learner(replace(self.recipe, accumulation=1), self.data, alone)
        feed = learner.batches(0, batches + 1)
        times = []
        for _ in range(batches + 1):
            begin = self._now()
            learner.step(feed, 0.0)
            times.append(self._now() - begin)
        feed.close()
        return sum(times[1:]) / batches * self.recipe.accumulation / self.processes.count

    def run(self, on_step: Callable[[Progress], None] | None = None,
            stop: Callable[[], bool] = lambda: False) -> dict[str, Any] | None:
        """Train to the end and return what is in result.json, or None if `stop` ended it first; the state is saved.

        on_step: called after every step, in every process. stop: asked once in every step. Raises RecipeError if the
        folder is another training's, ValueError if its state is damaged, TrainingError if the loss is no number.
        """
        first_process = self.processes.is_first
        if first_process:
            self.folder.prepare(self.recipe, self.data)
        self.processes.wait()
        if self.folder.result() is not None:
            return self.folder.result()
        learner, schedule = Learner(self.recipe, self.data, self.processes), self.schedule
        state = self.folder.state()
        if state is not None:
            learner.go_on_from(state)
        standing = Standing.of(state, schedule.chunk_batches / schedule.accumulation)
        diary = Diary(self, learner, standing) if first_process else None
        batches = learner.batches(standing.done, schedule.steps)
        with contextlib.closing(batches), contextlib.closing(diary) if diary else contextlib.nullcontext():
            for step in range(standing.done, schedule.steps):
                rate = schedule.rate(step)
                figures = learner.step(batches, rate, stop)
                standing.add(figures)
                if diary:
                    diary.write(step, rate, figures)
                if on_step:
                    smooth = standing.meter.smoothed()
                    on_step(Progress(step + 1, schedule.epoch_of(step), schedule.chunk_of(step), rate, figures.loss,
                                     smooth["loss"], smooth["accuracy"], standing.share))
                if figures.stopped and step + 1 < schedule.steps:
                    return None
            if diary:
                diary.finish()
        self.processes.wait()
        return self.folder.result()

    def decoder(self, state: dict[str, torch.Tensor], step: int) -> Checkpoint:
        """A decoder of its own with these tensors, as it is after a step."""
        model = self._network()
        model.load_state_dict(copy.deepcopy(state))
        return self.data.checkpoint(model.eval(), {"made_by": "novic train", "recipe": asdict(self.recipe),
                                                   "step": step, "torch": torch.__version__})

    def _network(self) -> ObjectDecoder:
        return ObjectDecoder(self.recipe.architecture(self.data.width, len(self.data.vocabulary),
                                                      self.data.max_tokens), randomise=False)

    def _now(self) -> float:
        if self.processes.device.type == "cuda":
            torch.cuda.synchronize(self.processes.device)
        return time.perf_counter()
