"""The trainer: minimises the token cross-entropy of an object decoder over batches of (vectors, targets).

AdamW with a linear warm-up and a cosine to zero, gradients clipped, checkpoints that resume exactly: batches are a
function of the step alone, so an interrupted run sees what an uninterrupted one would. This file does not know nouns,
captions or encoders; where batches come from is the caller's business (`batches.py`, `mini/`).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import nn

from novic_ros.decoding.object_decoder import ObjectDecoder

__all__ = ["IGNORE", "Batch", "TrainingRun", "token_loss", "train", "weighted_token_loss"]

log = logging.getLogger(__name__)

IGNORE = -100  # target of a column after the end token
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
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))


def token_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the columns up to the end token: logits [B, C, V], targets [B, C] -> scalar."""
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE)


def weighted_token_loss(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the columns up to the end token, each counted with its row's weight (NOVIC, section 3.2).

    For vectors with several nouns: logits float [A, C, V], targets int64 [A, C] padded with IGNORE and weights float
    [A] >= 0 -> scalar, where the A rows are all nouns of all vectors. A row of weight 0 has no influence, whatever its
    targets; at least one weight must be positive.
    """
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE,
                                      reduction="none").view(targets.shape).sum(1)
    used = weights > 0
    columns = (targets != IGNORE).sum(1).to(weights.dtype)
    return torch.dot(weights[used], losses[used]) / torch.dot(weights, columns)


def train(model: ObjectDecoder, batch_at: Callable[[int], Batch], run: TrainingRun, checkpoint: Path | None = None,
          on_step: Callable[[int, float], None] | None = None) -> None:
    """Train `model` in place and leave it in evaluation mode.

    batch_at: step -> batch; must depend on nothing but the step.
    checkpoint: file to resume from if it exists, and to save to now and then.
    on_step: called with (steps done, loss) after every step.
    """
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": run.weight_decay},
                                   {"params": rest, "weight_decay": 0.0}],
                                  lr=run.learning_rate, betas=run.betas, fused=True)
    first = _resume(model, optimiser, checkpoint)
    model.train()
    saved = time.monotonic()
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.rate(step)
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
    unfinished = path.with_suffix(".part")
    torch.save({"steps_done": steps_done, "model": model.state_dict(), "optimiser": optimiser.state_dict(),
                "random": torch.get_rng_state()}, unfinished)  # dropout draws from it
    unfinished.replace(path)


def _resume(model: nn.Module, optimiser: torch.optim.Optimizer, path: Path | None) -> int:
    if path is None or not path.exists():
        return 0
    saved = torch.load(path, weights_only=True)
    model.load_state_dict(saved["model"])
    optimiser.load_state_dict(saved["optimiser"])
    torch.set_rng_state(saved["random"])
    log.info("resuming %s after %d steps", path, saved["steps_done"])
    return saved["steps_done"]
