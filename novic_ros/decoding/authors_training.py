"""What a `.train` file of the authors holds besides the decoder: the state of a training that has not begun.

The authors' code looks for these parts when it resumes a training; an exported decoder has none, so the optimiser's
state is empty and all counters stand at their start. This file trains nothing and knows no tensor but by its shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["training_parts"]

LOOP_SETTINGS: dict[str, Any] = {
    "run_dir": ".", "wandb": False, "save_every_min": 12, "save_every_max": 48, "save_top1_min": 0.95,
    "save_top1_delta": 0.005, "gradient_clip": 1.0, "last_dropout_chunks": 0, "last_dropout_factor": 0.0,
    "device_is_cpu": True, "epoch_batches": 1, "chunk_batches": 1, "chunk_samples": 1, "max_chunks": 1,
    "ewa_factor": 0.5, "ewa_factor_inv": 0.5,
}  # fmt: skip
LOOP_STATE: dict[str, Any] = {
    "epoch_id": 1, "chunk_id": 1, "batch_id": 1, "sample_id": 1, "epoch_started": False, "chunk_started": False,
    "epoch_batches_left": -1, "start_time": None, "epoch_start_time": None, "chunk_start_time": None,
    "num_grad_norms": 0, "grad_norms": None, "ewa_train_loss_sum": 0.0, "ewa_train_loss_basis": 0.0,
    "ewa_train_loss": None, "ewa_train_correct": 0.0, "ewa_train_tokens": 0.0, "ewa_train_top1": 0.0,
    "ewa_train_top1_max": 0.0, "ewa_train_top1_last": 0.0, "allow_save_delta": False, "saved_num": 0,
    "saved_chunk_id": 0, "saved_ewa_train_loss": math.inf, "saved_ewa_train_top1": 0.0,
    "saved_ewa_train_top1_max": 0.0,
}  # fmt: skip


def training_parts(settings: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The eight further parts of a `.train` file, for a decoder with these settings and tensors (theirs, by name)."""
    rate = settings["init_lr"]
    shared = "scale2" if settings["init_rezero_mode"] == "perlayer" else "none"  # one parameter under two names
    tensors = [tensor for name, tensor in state.items() if name != "causality_mask" and not name.endswith(shared)]
    flat = sum(tensor.ndim < 2 for tensor in tensors)  # come first, without weight decay
    sizes = [(flat, 0.0), (len(tensors) - flat, settings["weight_decay"])]
    if settings["weight_decay_1d"]:
        sizes = [(len(tensors), settings["weight_decay"])]
    groups, begin = [], 0
    for size, decay in sizes:
        groups.append({
            "weight_decay": decay, "lr": rate, "betas": (settings["beta1"], settings["beta2"]), "eps": 1e-08,
            "amsgrad": False, "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
            "fused": None, "decoupled_weight_decay": True, "initial_lr": rate,
            "params": list(range(begin, begin + size)),
        })  # fmt: skip
        begin += size
    rates = [rate] * len(groups)
    return {
        "train_loop_config": dict(LOOP_SETTINGS),
        "train_loop_state": dict(LOOP_STATE),
        "optimizer_type": "torch.optim.adamw.AdamW",
        "optimizer_state_dict": {"state": {}, "param_groups": groups},
        "scheduler_warmup_state_dict": None,
        "scheduler_state_dict": {"T_max": 1, "eta_min": settings["final_lr"], "base_lrs": rates, "last_epoch": 0,
                                 "_step_count": 1, "_get_lr_called_within_step": False, "_last_lr": rates},
        "amp_scaler_enabled": False,
        "amp_scaler_state_dict": {},
    }
