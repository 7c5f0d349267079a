"""From a vector to the prefix: one linear layer, or two with a hidden layer between (NOVIC, section 3.3).

What the object decoder does before its transformer, with its random initialisation. It neither normalises the vector
nor adds positions; `object_decoder.py` does both.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import nn

from novic_ros.decoding.architecture import Architecture

__all__ = ["ACTIVATIONS", "GAINS", "PrefixMLP", "make_prefix", "reset_prefix"]

ACTIVATIONS = {"gelu": functional.gelu, "relu": functional.relu, "tanh": torch.tanh}  # gelu in its exact form
GAINS = {"gelu": 0.6521, "relu": math.sqrt(0.5), "tanh": 0.6279}  # root mean square of a standard normal after it


class PrefixMLP(nn.Module):
    """Vectors [B, F] -> [B, P * E] through a hidden layer, which may have a bias and a layer norm."""

    def __init__(self, arch: Architecture):
        super().__init__()
        width, bias = arch.mlp_hidden_dim, arch.mlp_hidden_bias
        self.hidden = nn.Linear(arch.embed_dim, width, bias=bias)
        self.norm = nn.LayerNorm(width, bias=bias) if arch.mlp_hidden_norm else nn.Identity()
        self.output = nn.Linear(width, arch.prefix_length * arch.hidden_dim, bias=False)
        self._activation = ACTIVATIONS[arch.mlp_hidden_activation]

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.output(self._activation(self.norm(self.hidden(vectors))))


def make_prefix(arch: Architecture) -> nn.Linear | PrefixMLP:
    """The module for an architecture; both kinds map [B, F] to [B, P * E]."""
    if arch.mlp_hidden_dim is None:
        return nn.Linear(arch.embed_dim, arch.prefix_length * arch.hidden_dim, bias=False)
    return PrefixMLP(arch)


@torch.no_grad()
def reset_prefix(module: nn.Linear | PrefixMLP, arch: Architecture) -> None:
    """Random weights that give every prefix element a variance of 1/2 (NOVIC, appendix A); biases zero."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=math.sqrt(0.5))
        return
    wide = arch.prefix_length * arch.hidden_dim
    spread = math.sqrt(0.5 * wide / arch.mlp_hidden_dim) / GAINS[arch.mlp_hidden_activation]
    nn.init.normal_(module.hidden.weight, std=spread)
    nn.init.normal_(module.output.weight, std=wide ** -0.5)
    if arch.mlp_hidden_norm:
        nn.init.constant_(module.norm.weight, spread)
    for bias in (module.hidden.bias, getattr(module.norm, "bias", None)):
        if bias is not None:
            nn.init.zeros_(bias)
