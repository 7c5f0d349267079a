"""The optimiser of every training here, and states of a training on disk: AdamW, and files that are whole or absent.

As the released decoders were trained: matrices decay (the token table and the positions are among them), all else does
not. It knows no schedule; who trains sets the rate of each step.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["adamw", "load_state", "save_state", "set_rate"]


def adamw(model: nn.Module, rate: float, betas: tuple[float, float], weight_decay: float) -> torch.optim.AdamW:
    """AdamW over all parameters of a model."""
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW([{"params": decay, "weight_decay": weight_decay},
                              {"params": rest, "weight_decay": 0.0}], lr=rate, betas=betas, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step learn at this rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values; an older file is replaced once the new one is whole."""
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    unfinished.replace(path)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, onto the CPU; nothing in it is executed. Raises ValueError for a damaged file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: expected the state of a training, cannot read it ({reason}); delete the file to "
                         "begin again") from error
