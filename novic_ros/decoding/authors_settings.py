"""The authors' names for the settings and tensors of an object decoder (NOVIC's class PrefixedIterDecoder), both ways.

Pure translation between their flat configuration and `Architecture`, and between their tensors' names and ours. It
opens no file (`authors_format.py` does) and builds no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch

from novic_ros.decoding.architecture import Architecture
from novic_ros.decoding.errors import DecodingError

__all__ = ["MODEL", "RELEASED_SETTINGS", "architecture_of", "causality_mask", "settings_of", "tensors_of"]

MODEL = "PrefixedIterDecoder"

# their key -> our field, where the values are the same
SAME = {
    "hidden_dim": "hidden_dim", "num_layers": "num_layers", "num_heads": "num_heads", "mlp_seq_len": "prefix_length",
    "layer_dropout": "dropout", "input_dropout": "input_dropout", "init_rezero_mode": "rezero",
    **{name: name for name in (
        "mlp_hidden_layer", "mlp_hidden_bias", "mlp_hidden_norm", "mlp_hidden_activation", "layer_activation",
        "layer_norm_first", "layer_bias", "logits_bias", "weight_tying", "strictly_causal", "vocab_quant")},
}  # fmt: skip
# Keys of these families shape the network; one that is not in SAME comes from a version that this file does not know.
FAMILIES = ("mlp_", "layer_", "logits_", "hidden_", "num_", "feedfwd_")
KNOWN = {*SAME, "feedfwd_scale", "num_end_loss"}

# What the authors' code reads from a checkpoint besides the network's shape, with the values of the released runs.
RELEASED_SETTINGS: dict[str, Any] = {
    "action": "train", "model": MODEL,
    "embedder_amp": True, "embedder_amp_bf16": False, "embedder_compile": False, "embedder_optimum": False,
    "with_start_token": False, "with_end_token": True, "compact_ids": True, "fixed_token_length": False,
    "auto_fixed_token_length": True, "use_masks": True, "amp": False, "amp_bf16": True,
    "num_end_loss": 1, "label_smoothing": 0.0, "enable_nested": False,
    "init_bias_zero": True, "init_mlp_mode": "balanced", "init_mlp_unit_norm": False, "init_tfrm_mode": "balanced",
    "init_tfrm_unit_norm": False, "init_tfrm_unit_postnorm": True, "init_tfrm_proj_layers": True,
    "init_zero_norm": False,
    "optimizer": "AdamW", "init_lr": 0.0015, "final_lr": 0.0, "lr_scheduler": "cosine", "lr_warmup": 0,
    "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1, "weight_decay_1d": False,
}  # fmt: skip


def architecture_of(settings: Mapping[str, Any], embed_dim: int, vocab_size: int, max_tokens: int) -> Architecture:
    """Their settings -> our architecture. Raises DecodingError that names the setting that is missing or unknown."""
    if settings.get("model") != MODEL:
        raise DecodingError(f"expected a decoder of the kind model = {MODEL}, found {settings.get('model')!r}")
    missing = [name for name in (*SAME, "feedfwd_scale") if name not in settings]
    if missing:
        raise DecodingError(f"expected the settings {', '.join(missing)} too, they are missing")
    strange = [name for name in settings if name.startswith(FAMILIES) and name not in KNOWN]
    if strange:
        raise DecodingError(f"found the unknown settings {', '.join(strange)}: the file comes from a newer version of "
                            "the authors' code; update novic_ros")
    fields = {ours: settings[theirs] for theirs, ours in SAME.items()}
    base = Architecture(embed_dim, vocab_size, max_tokens, feedfwd_dim=1, **fields)
    return Architecture(embed_dim, vocab_size, max_tokens, feedfwd_dim=_feedfwd_dim(settings, base), **fields)


def _feedfwd_dim(settings: Mapping[str, Any], arch: Architecture) -> int:
    scale = settings["feedfwd_scale"]
    try:
        width = arch.hidden_dim * Fraction(scale)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        raise DecodingError(f"feedfwd_scale: expected a fraction such as '1/4', found {scale!r}") from None
    if width.denominator != 1 or width < 1:
        raise DecodingError(f"feedfwd_scale: expected a fraction of hidden_dim = {arch.hidden_dim} that is a whole "
                            f"number, found {scale!r}")
    return int(width)


def settings_of(arch: Architecture) -> dict[str, Any]:
    """Our architecture -> those of their settings that describe it."""
    settings = {theirs: getattr(arch, ours) for theirs, ours in SAME.items()}
    if arch.input_dropout is None:
        settings["input_dropout"] = arch.dropout
    return settings | {"model": MODEL, "feedfwd_scale": str(Fraction(arch.feedfwd_dim, arch.hidden_dim))}


@dataclass(frozen=True)
class NamedTensor:
    """One of our tensors as the authors store it: under one name or, where they share it, under two."""

    names: tuple[str, ...]
    shape: tuple[int, ...]


def tensors_of(arch: Architecture) -> dict[str, NamedTensor]:
    """Our tensors' names -> theirs and their shapes, in their order. Only the causality mask has no counterpart."""
    width, wide, rows = arch.hidden_dim, arch.prefix_length * arch.hidden_dim, arch.table_rows
    tensors: dict[str, NamedTensor] = {}

    def add(ours: str, shape: tuple[int, ...], *theirs: str) -> None:
        tensors[ours] = NamedTensor(theirs, shape)

    if arch.mlp_hidden_dim is None:
        add("prefix.weight", (wide, arch.embed_dim), "embed_mlp.mlp.0.weight")
    else:
        hidden = arch.mlp_hidden_dim
        add("prefix.hidden.weight", (hidden, arch.embed_dim), "embed_mlp.mlp.0.weight")
        if arch.mlp_hidden_bias:
            add("prefix.hidden.bias", (hidden,), "embed_mlp.mlp.0.bias")
        if arch.mlp_hidden_norm:
            add("prefix.norm.weight", (hidden,), "embed_mlp.mlp.1.weight")
        if arch.mlp_hidden_norm and arch.mlp_hidden_bias:
            add("prefix.norm.bias", (hidden,), "embed_mlp.mlp.1.bias")
        add("prefix.output.weight", (wide, hidden), f"embed_mlp.mlp.{3 if arch.mlp_hidden_norm else 2}.weight")
    add("tokens.weight" if arch.weight_tying else "output.weight", (rows, width), "logits_linear.weight")
    if arch.logits_bias:
        add("output_bias", (rows,), "logits_linear.bias")
    if not arch.weight_tying:
        add("tokens.weight", (rows, width), "token_embedding.weight")
    add("positions", (arch.positions, width), "pos_embedding.embedding.weight")
    for layer in range(arch.num_layers):
        for ours, theirs, shape in _layer(arch):
            add(f"layers.{layer}.{ours}", shape, *(f"transformer.layers.{layer}.{name}" for name in theirs))
    if arch.layer_norm_first:
        add("norm.weight", (width,), "transformer.norm.weight")
        if arch.layer_bias:
            add("norm.bias", (width,), "transformer.norm.bias")
    return tensors


def _layer(arch: Architecture) -> list[tuple[str, tuple[str, ...], tuple[int, ...]]]:
    """(our name, their names, shape) of every tensor of one layer."""
    width, feedfwd = arch.hidden_dim, arch.feedfwd_dim
    found: list[tuple[str, tuple[str, ...], tuple[int, ...]]] = {
        "none": [],
        "perskip": [("scale1", ("scale1",), ()), ("scale2", ("scale2",), ())],
        "perlayer": [("scale1", ("scale1", "scale2"), ())],
    }[arch.rezero]
    for ours, theirs, shape in (
        ("qkv.", "self_attn.in_proj_", (3 * width, width)), ("out.", "self_attn.out_proj.", (width, width)),
        ("up.", "linear1.", (feedfwd, width)), ("down.", "linear2.", (width, feedfwd)),
        ("norm1.", "norm1.", (width,)), ("norm2.", "norm2.", (width,)),
    ):  # fmt: skip
        found.append((f"{ours}weight", (f"{theirs}weight",), shape))
        if arch.layer_bias:
            found.append((f"{ours}bias", (f"{theirs}bias",), shape[:1]))
    return found


def causality_mask(arch: Architecture) -> torch.Tensor:
    """Their stored attention mask: float32 [P + C - 1, P + C - 1], 0 where a position may look and -inf elsewhere."""
    mask = torch.full((arch.positions, arch.positions), -torch.inf).triu(1)
    if not arch.strictly_causal:
        mask[:arch.prefix_length, :arch.prefix_length] = 0
    return mask
