"""The object decoder: a small autoregressive transformer that turns a unit vector [B, F] into noun tokens.

NOVIC (Allgeuer, Ahrens, Wermter, WACV 2025), section 3.3: a linear layer makes P prefix positions of the vector; tokens
follow; the prefix block attends to itself in both directions, tokens attend to the prefix and to what came before them.
Pre-norm layers without biases, exact GELU, output layer tied to the token table. There is no start token: the last
prefix position predicts the first token.

`forward` is for training (all columns at once), `start` and `advance` are for search (one column at a time, with cached
keys and values). This file is NOT a search: it never chooses a token, and knows neither nouns nor strings.

Shapes: B images, R beams over all images, F embedding width, P prefix length, E hidden width, C token columns,
V token vocabulary, H attention heads, D = E / H, S cached positions.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import nn

from novic_ros.decoding.errors import DecodingError

__all__ = ["Architecture", "DecoderState", "ObjectDecoder"]


@dataclass(frozen=True)
class Architecture:
    """Sizes of an object decoder. The defaults are the released NOVIC configuration, except F, V and C."""

    embed_dim: int  # F
    vocab_size: int  # V, end token included
    max_tokens: int  # C, the longest noun in tokens, end token included
    hidden_dim: int = 512  # E
    feedfwd_dim: int = 128
    num_layers: int = 6
    num_heads: int = 8  # H
    prefix_length: int = 4  # P
    dropout: float = 0.1  # while training only, on the input and in every layer

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "dropout":
                if not 0 <= value < 1:
                    raise DecodingError(f"decoder dropout: expected 0 <= dropout < 1, got {value!r}")
            elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise DecodingError(f"decoder {field.name}: expected a positive whole number, got {value!r}")
        if self.hidden_dim % self.num_heads:
            raise DecodingError(f"decoder hidden_dim: expected a multiple of num_heads = {self.num_heads}, "
                                f"got {self.hidden_dim}")
        if self.max_tokens < 2:
            raise DecodingError(f"decoder max_tokens: expected at least 2 (a token and the end), got {self.max_tokens}")


class Layer(nn.Module):
    """One pre-norm transformer layer; `attend` and `feed` are its two halves."""

    def __init__(self, arch: Architecture):
        super().__init__()
        width = arch.hidden_dim
        self.heads = arch.num_heads
        self.norm1 = nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm2 = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, arch.feedfwd_dim, bias=False)
        self.down = nn.Linear(arch.feedfwd_dim, width, bias=False)

    def project(self, x: torch.Tensor) -> torch.Tensor:
        """[R, S, E] -> queries, keys, values as one [3, R, H, S, D]."""
        rows, length, _ = x.shape
        return self.qkv(self.norm1(x)).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)

    def merge(self, attended: torch.Tensor) -> torch.Tensor:
        """[R, H, S, D] -> [R, S, E]."""
        return self.out(attended.transpose(1, 2).flatten(2))

    def feed(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(functional.gelu(self.up(self.norm2(x))))


@dataclass(frozen=True)
class DecoderState:
    """Keys and values of all positions so far, one row per beam; `keys[layer]` and `values[layer]` are [R, H, S, D]."""

    keys: tuple[torch.Tensor, ...]
    values: tuple[torch.Tensor, ...]


class ObjectDecoder(nn.Module):
    """NOVIC's decoder. Weights are float32; vectors are normalised again inside, as the authors do."""

    def __init__(self, arch: Architecture):
        super().__init__()
        self.arch = arch
        width, prefix = arch.hidden_dim, arch.prefix_length
        self.prefix = nn.Linear(arch.embed_dim, prefix * width, bias=False)
        self.tokens = nn.Embedding(arch.vocab_size, width)  # also the output layer
        self.positions = nn.Parameter(torch.empty(prefix + arch.max_tokens - 1, width))
        self.layers = nn.ModuleList(Layer(arch) for _ in range(arch.num_layers))
        self.norm = nn.LayerNorm(width, bias=False)
        self.dropout = nn.Dropout(arch.dropout)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Variance-balanced random weights (NOVIC, appendix A)."""
        arch = self.arch
        width, prefix, depth = arch.hidden_dim, arch.prefix_length, math.sqrt(2 * arch.num_layers)
        for table in (self.prefix.weight, self.tokens.weight, self.positions):
            nn.init.normal_(table, std=math.sqrt(0.5))
        spread = math.sqrt((1 + (prefix - 1) / prefix) / prefix)
        for layer in self.layers:
            nn.init.normal_(layer.qkv.weight, std=width ** -0.5)
            nn.init.normal_(layer.out.weight, std=width ** -0.5 / spread / depth)
            nn.init.normal_(layer.up.weight, std=width ** -0.5)
            nn.init.normal_(layer.down.weight, std=arch.feedfwd_dim ** -0.5 / 0.6521 / depth)
        nn.init.constant_(self.norm.weight, width ** -0.5)

    def forward(self, vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Teacher-forced logits: vectors [B, F], targets [B, C] token ids -> [B, C, V].

        Column c predicts targets[:, c] from the vector and targets[:, :c]; the last target is never read.
        """
        prefix = self.arch.prefix_length
        x = torch.cat([self._embed_prefix(vectors), self.tokens(targets[:, :-1])], dim=1)  # [B, S, E]
        length = x.shape[1]
        x = self.dropout(x + self.positions[:length])
        mask = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
        mask[:prefix, :prefix] = True
        for layer in self.layers:
            q, k, v = layer.project(x)
            x = x + self.dropout(layer.merge(functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)))
            x = x + self.dropout(layer.feed(x))
        return self._logits(x[:, prefix - 1:])

    def start(self, vectors: torch.Tensor) -> tuple[DecoderState, torch.Tensor]:
        """Run the P prefix positions once per image: vectors [B, F] -> state with B rows, first-token logits [B, V]."""
        x = self._embed_prefix(vectors) + self.positions[:self.arch.prefix_length]
        keys, values = [], []
        for layer in self.layers:
            q, k, v = layer.project(x)
            keys.append(k)
            values.append(v)
            x = x + layer.merge(functional.scaled_dot_product_attention(q, k, v))  # the prefix sees itself whole
            x = x + layer.feed(x)
        return DecoderState(tuple(keys), tuple(values)), self._logits(x[:, -1])

    def advance(self, state: DecoderState, parents: torch.Tensor,
                tokens: torch.Tensor) -> tuple[DecoderState, torch.Tensor]:
        """Append tokens int64 [R] to the beams in rows parents int64 [R] of `state` -> new state, logits [R, V]."""
        position = state.keys[0].shape[2]
        x = self.tokens(tokens)[:, None] + self.positions[position]  # [R, 1, E]
        keys, values = [], []
        for layer, old_keys, old_values in zip(self.layers, state.keys, state.values):
            q, k, v = layer.project(x)
            k = torch.cat([old_keys[parents], k], dim=2)
            v = torch.cat([old_values[parents], v], dim=2)
            keys.append(k)
            values.append(v)
            x = x + layer.merge(functional.scaled_dot_product_attention(q, k, v))
            x = x + layer.feed(x)
        return DecoderState(tuple(keys), tuple(values)), self._logits(x[:, -1])

    def _embed_prefix(self, vectors: torch.Tensor) -> torch.Tensor:
        """[B, F] -> [B, P, E], without positions."""
        return self.prefix(functional.normalize(vectors, dim=-1)).view(len(vectors), self.arch.prefix_length, -1)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """[..., E] -> [..., V] through the tied token table."""
        return functional.linear(self.norm(x), self.tokens.weight)
