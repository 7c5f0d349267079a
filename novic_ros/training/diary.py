"""What a training writes down while it goes on: lines of its logs, probes, states and, at the end, its decoders.

Kept by the first process only. When what is due is decided here; where it goes is `run_folder.py`'s business, what is
in it the meter's, the probe's and the learner's.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from novic_ros.decoding.checkpoint import save_slim
from novic_ros.training.curves import Board, draw_curves
from novic_ros.training.learner import Learner, StepFigures
from novic_ros.training.meter import Meter
from novic_ros.training.probe import Probe

if TYPE_CHECKING:
    from novic_ros.training.train_run import TrainRun

__all__ = ["Diary", "Standing"]

log = logging.getLogger(__name__)
SAVE_SECONDS, DRAW_SECONDS = 600, 60  # a state is saved at least, and the curves drawn at most, this often


@dataclass
class Standing:
    """Where a training stands, besides its weights: what must be saved for its log to go on as if nothing had been.

    share: of the probed nouns that came back last. best_score: of the best probe, (share, minus the loss).
    """

    meter: Meter
    done: int = 0
    share: float | None = None
    best_score: tuple[float, float] = (-math.inf, -math.inf)
    best_share: float | None = None
    best_step: int = 0

    @classmethod
    def of(cls, state: dict[str, Any] | None, chunk_steps: float) -> Standing:
        """From a saved state, or at the start of a training whose chunks have so many steps."""
        if state is None:
            return cls(Meter.for_chunks_of(chunk_steps))
        return cls(Meter.of(state["meter"]), **{name: state[name] for name in
                                                ("done", "share", "best_score", "best_share", "best_step")})

    def state(self) -> dict[str, Any]:
        """All of it as plain values, for `of`."""
        return {**vars(self), "meter": self.meter.state()}

    def add(self, figures: StepFigures) -> None:
        """One more step is done."""
        self.meter.add(figures.loss, figures.right, figures.columns)
        self.done += 1


class Diary:
    """Of a run whose learner stands at `standing`."""

    def __init__(self, run: TrainRun, learner: Learner, standing: Standing):
        self._run, self._learner, self._standing = run, learner, standing
        self._folder, self._recipe, self._schedule = run.folder, run.recipe, run.schedule
        first = standing.done
        if first:
            log.info("%s: going on after %d of %d steps", run.folder.path, first, run.schedule.steps)
        self._folder.log.cut(first)
        self._folder.probes.cut(first)
        self._probe = Probe.of(run.data, run.recipe.probe_nouns)
        self._board = Board(run.folder.path / "tensorboard", first)
        self._saved = self._drawn = self._logged = time.monotonic()
        self._steps_logged = first

    def close(self) -> None:
        """Write what is left of the logs."""
        self._board.close()

    def write(self, step: int, rate: float, figures: StepFigures) -> None:
        """After every step: what is due."""
        done = step + 1
        ended = done == self._schedule.steps
        if done % self._recipe.log_every == 0 or ended:
            self._log(step, rate, figures.norm)
        best = self._decode_probe(step)
        due = self._schedule.ends_chunk(step) \
            and (self._schedule.chunk_of(step) + 1) % self._recipe.checkpoint_every == 0
        if best or ended or figures.stopped or due or time.monotonic() - self._saved > SAVE_SECONDS:
            self._folder.save({**self._standing.state(), **self._learner.state()}, best)
            self._saved = time.monotonic()
        if ended or figures.stopped or time.monotonic() - self._drawn > DRAW_SECONDS:
            draw_curves(self._folder)
            self._drawn = time.monotonic()

    def finish(self) -> None:
        """Write the decoder, the best one too where it is not the last, and the result."""
        run, steps, standing = self._run, self._schedule.steps, self._standing
        save_slim(run.folder.path / "decoder", run.decoder(self._learner.decoder_state(), steps), torch.float32)
        best = run.folder.best_state()
        if best is not None and best["done"] != steps:
            save_slim(run.folder.path / "decoder_best", run.decoder(best["model"], best["done"]), torch.float32)
        smooth = standing.meter.smoothed()
        run.folder.finish({
            "steps": steps, "samples": steps * run.step_samples, "parameters": run.parameters, "loss": smooth["loss"],
            "accuracy": smooth["accuracy"], "share": standing.share, "probed": len(self._probe),
            "best_share": standing.best_share, "best_step": standing.best_step,
        })  # fmt: skip

    def _log(self, step: int, rate: float, norm: float) -> None:
        now, done = time.monotonic(), step + 1
        speed = (done - self._steps_logged) * self._run.step_samples / max(now - self._logged, 1e-9)
        self._logged, self._steps_logged = now, done
        smooth, since = self._standing.meter.smoothed(), self._standing.meter.take()
        values = {**since, "smooth_loss": smooth["loss"], "smooth_accuracy": smooth["accuracy"], "rate": rate,
                  "gradient_norm": norm, "samples_per_second": round(speed, 1)}
        self._folder.log.write(step=done, epoch=self._schedule.epoch_of(step), chunk=self._schedule.chunk_of(step),
                               samples=done * self._run.step_samples, **values)
        self._board.write(done, values)

    def _decode_probe(self, step: int) -> bool:
        """Decode the probe where it is time -> whether the decoder is the best so far."""
        run, standing, chunk = self._run, self._standing, self._schedule.chunk_of(step)
        ended = step + 1 == self._schedule.steps
        if not (self._schedule.ends_chunk(step) and ((chunk + 1) % self._recipe.probe_every == 0 or ended)):
            return False
        if len(self._probe):
            right = self._probe.right(run.decoder(self._learner.decoder_state(), step + 1), run.processes.device)
            standing.share = right / len(self._probe)
            self._folder.probes.write(step=step + 1, chunk=chunk, right=right, of=len(self._probe),
                                      share=standing.share)
            self._board.write(step + 1, {"probe": standing.share})
        score = (standing.share or 0.0, -standing.meter.smoothed()["loss"])
        if score <= standing.best_score:
            return False
        standing.best_score, standing.best_share, standing.best_step = score, standing.share, step + 1
        return True
