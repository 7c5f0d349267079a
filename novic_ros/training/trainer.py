"""The small trainer of the embedded model: minimises the token cross-entropy over batches of (vectors, targets).

AdamW with a linear warm-up and a cosine to zero over steps, gradients clipped, checkpoints that resume exactly: batches
are a function of the step alone, so an interrupted run sees what an uninterrupted one would. This file does not know
nouns, captions or encoders; where batches come from is the caller's business (`batches.py`, `mini/`). Decoders for
other encoders are trained by recipe, in `train_run.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.training.loss import token_loss, weighted_token_loss
from novic_ros.training.optimiser import adamw, load_state, save_state, set_rate
from novic_ros.training.schedule import cosine
from novic_ros.training.targets import IGNORE

__all__ = ["IGNORE", "Batch", "TrainingRun", "token_loss", "train", "weighted_token_loss"]

log = logging.getLogger(__name__)

Batch = tuple[torch.Tensor, torch.Tensor]  # vectors float32 [B, F], targets int64 [B, C] padded with IGNORE


@dataclass(frozen=True)
class TrainingRun:
    """How long and how fast to learn."""

    steps: int
    learning_rate: float = 1.5e-3
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    warm_up: float = 0.0  # share of the steps
    clip_norm: float = 1.0
    bfloat16: bool = False  # autocast of the forward pass
    checkpoint_every: int = 2000  # steps

    def rate(self, step: int) -> float:
        """Learning rate at a step, 0-based."""
        warm = min(1.0, (step + 1) / (self.warm_up * self.steps)) if self.warm_up else 1.0
        return self.learning_rate * warm * cosine(step / self.steps)


def train(model: ObjectDecoder, batch_at: Callable[[int], Batch], run: TrainingRun, checkpoint: Path | None = None,
          on_step: Callable[[int, float], None] | None = None) -> None:
    """Train `model` in place and leave it in evaluation mode.

    batch_at: step -> batch; must depend on nothing but the step.
    checkpoint: file to resume from if it exists, and to save to now and then.
    on_step: called with (steps done, loss) after every step.
    """
    optimiser = adamw(model, run.learning_rate, run.betas, run.weight_decay)
    first = _resume(model, optimiser, checkpoint)
    model.train()
    saved = time.monotonic()
    for step in range(first, run.steps):
        set_rate(optimiser, run.rate(step))
        vectors, targets = batch_at(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=run.bfloat16):
            logits = model(vectors, targets.clamp_min(0))
        loss = token_loss(logits, targets)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), run.clip_norm)
        optimiser.step()
        if on_step:
            on_step(step + 1, loss.item())
        if checkpoint and ((step + 1) % run.checkpoint_every == 0 or time.monotonic() - saved > 300):
            _save(model, optimiser, step + 1, checkpoint)
            saved = time.monotonic()
    if checkpoint and first < run.steps:
        _save(model, optimiser, run.steps, checkpoint)
    model.eval()


def _save(model: nn.Module, optimiser: torch.optim.Optimizer, steps_done: int, path: Path) -> None:
    save_state(path, {"steps_done": steps_done, "model": model.state_dict(), "optimiser": optimiser.state_dict(),
                      "random": torch.get_rng_state()})  # dropout draws from it


def _resume(model: nn.Module, optimiser: torch.optim.Optimizer, path: Path | None) -> int:
    if path is None or not path.exists():
        return 0
    saved = load_state(path)
    model.load_state_dict(saved["model"])
    optimiser.load_state_dict(saved["optimiser"])
    torch.set_rng_state(saved["random"])
    log.info("resuming %s after %d steps", path, saved["steps_done"])
    return saved["steps_done"]
