"""The object decoder: a small autoregressive transformer that turns a unit vector [B, F] into noun tokens.

NOVIC (Allgeuer, Ahrens, Wermter, WACV 2025), section 3.3: a linear layer makes P prefix positions of the vector; tokens
follow; the prefix block attends to itself in both directions, tokens attend to the prefix and to what came before them.
As released: pre-norm layers without biases, exact GELU, output layer tied to the token table. `architecture.py` lists
what else is possible. There is no start token: the last prefix position predicts the first token.

`forward` is for training (all columns at once). `start` and `advance` are for search: every position that they compute
keeps its keys and values in a slot of a cache, and a new position is told the slots that it sees. So prefixes are
computed once and shared, and a search moves numbers, not tensors. This file is NOT a search: it never chooses a token,
and knows neither nouns nor strings.

Shapes: B images, N positions computed together, F embedding width, P prefix length, E hidden width, C token columns,
V token vocabulary, H attention heads, D = E / H, S positions that one position sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import nn

from novic_ros.decoding.architecture import Architecture
from novic_ros.decoding.prefix_mlp import ACTIVATIONS, GAINS, make_prefix, reset_prefix

__all__ = ["Architecture", "ObjectDecoder", "PositionCache"]


class Layer(nn.Module):
    """One transformer layer: attention and a feed-forward net, each added to what came in.

    The norm lies before each of the two (as released) or after each sum.
    """

    def __init__(self, arch: Architecture):
        super().__init__()
        width, bias = arch.hidden_dim, arch.layer_bias
        self.heads = arch.num_heads
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.up = nn.Linear(width, arch.feedfwd_dim, bias=bias)
        self.down = nn.Linear(arch.feedfwd_dim, width, bias=bias)
        self.scale1 = nn.Parameter(torch.zeros(())) if arch.rezero != "none" else None
        self.scale2 = nn.Parameter(torch.zeros(())) if arch.rezero == "perskip" else None
        self.dropout = nn.Dropout(arch.dropout)
        self._norm_first = arch.layer_norm_first
        self._activation = ACTIVATIONS[arch.layer_activation]

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """x [B, T, E] -> the same, and what others need to attend to it: keys and values [B, T, 2E].

        mask: bool [T, T], True where position t may see position s; None lets every position see all.
        """
        projected = self.qkv(self.norm1(x) if self._norm_first else x)  # [B, T, 3E]
        q, k, v = projected.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [B, H, T, D] each
        attended = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=self.dropout.p if self.training else 0.0)
        return self._after_attention(x, attended.transpose(1, 2).flatten(2)), projected[..., x.shape[-1]:]

    def step(self, x: torch.Tensor, cached: torch.Tensor, slots: torch.Tensor, seen: torch.Tensor,
             mask: torch.Tensor) -> torch.Tensor:
        """New positions x [N, E] -> the same; keys and values go to, and come from, `cached` [slots, 2E].

        slots: int64 [N], where each is kept. seen: int64 [N * S], slots that each sees, its own included.
        mask: float [N, 1, 1, S] added to the attention, -inf where `seen` is padding.
        """
        rows, width = x.shape
        projected = self.qkv(self.norm1(x) if self._norm_first else x)  # [N, 3E]
        cached.index_copy_(0, slots, projected[:, width:])
        k, v = cached.index_select(0, seen).view(rows, -1, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q = projected[:, :width].view(rows, self.heads, 1, -1)
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self._after_attention(x, attended.flatten(1))

    def _after_attention(self, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        x = self._add(x, self.out(attended), self.scale1, self.norm1)
        fed = self.down(self.dropout(self._activation(self.up(self.norm2(x) if self._norm_first else x))))
        return self._add(x, fed, self.scale1 if self.scale2 is None else self.scale2, self.norm2)

    def _add(self, x: torch.Tensor, branch: torch.Tensor, scale: torch.Tensor | None, norm: nn.Module) -> torch.Tensor:
        branch = self.dropout(branch)
        if scale is not None:
            branch = branch * scale
        return x + branch if self._norm_first else norm(x + branch)


@dataclass(frozen=True)
class PositionCache:
    """Keys and values of every position computed so far: per layer float [slots, 2E], written in place."""

    layers: tuple[torch.Tensor, ...]

    @property
    def slots(self) -> int:
        return len(self.layers[0])


class ObjectDecoder(nn.Module):
    """NOVIC's decoder. Weights are float32; vectors are normalised again inside, as the authors do.

    randomise: give it balanced random weights; False saves the time where weights are loaded into it.
    """

    def __init__(self, arch: Architecture, randomise: bool = True):
        super().__init__()
        self.arch = arch
        width, rows = arch.hidden_dim, arch.table_rows
        self.prefix = make_prefix(arch)
        self.tokens = nn.Embedding(rows, width)
        self.output = None if arch.weight_tying else nn.Linear(width, rows, bias=False)
        self.output_bias = nn.Parameter(torch.zeros(rows)) if arch.logits_bias else None
        self.positions = nn.Parameter(torch.empty(arch.positions, width))
        self.layers = nn.ModuleList(Layer(arch) for _ in range(arch.num_layers))
        self.norm = nn.LayerNorm(width, bias=arch.layer_bias) if arch.layer_norm_first else nn.Identity()
        self.dropout = nn.Dropout(arch.dropout if arch.input_dropout is None else arch.input_dropout)
        self.read_out: nn.Module | None = None  # a faster way to the logits, see `cpu_decoder.py`
        if randomise:
            self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Variance-balanced random weights, biases and branch factors zero (NOVIC, appendix A)."""
        arch = self.arch
        width, prefix, depth = arch.hidden_dim, arch.prefix_length, math.sqrt(2 * arch.num_layers)
        reset_prefix(self.prefix, arch)
        tables = [self.tokens.weight, *([] if self.output is None else [self.output.weight])]
        for table in (*tables, self.positions):
            nn.init.normal_(table, std=math.sqrt(0.5))
        for table in tables:
            table[arch.vocab_size:] = 0
        if self.output_bias is not None:
            nn.init.zeros_(self.output_bias)
        spread = math.sqrt((1 + (prefix - 1) / prefix) / prefix)
        for layer in self.layers:
            for name, parameter in layer.named_parameters():
                if name.endswith("bias") or name.startswith("scale"):
                    nn.init.zeros_(parameter)
            nn.init.ones_(layer.norm1.weight)
            nn.init.ones_(layer.norm2.weight)
            nn.init.normal_(layer.qkv.weight, std=width ** -0.5)
            nn.init.normal_(layer.out.weight, std=width ** -0.5 / spread / depth)
            nn.init.normal_(layer.up.weight, std=width ** -0.5)
            nn.init.normal_(layer.down.weight, std=arch.feedfwd_dim ** -0.5 / GAINS[arch.layer_activation] / depth)
        last_norm = self.norm if arch.layer_norm_first else self.layers[-1].norm2
        nn.init.constant_(last_norm.weight, width ** -0.5)

    def forward(self, vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Teacher-forced logits: vectors [B, F], targets [B, C] token ids -> [B, C, V].

        Column c predicts targets[:, c] from the vector and targets[:, :c]; the last target is never read.
        """
        x = torch.cat([self.embed_prefix(vectors), self.tokens(targets[:, :-1])], dim=1)  # [B, S, E]
        length = x.shape[1]
        x = self.dropout(x + self.positions[:length])
        mask = self._mask(length, x.device)
        for layer in self.layers:
            x, _ = layer(x, mask)
        return self._logits(x[:, self.arch.prefix_length - 1:])

    def new_cache(self, slots: int) -> PositionCache:
        """Memory for so many positions: P for every image, and one for every token that `advance` appends."""
        like = self.positions
        return PositionCache(tuple(torch.empty(slots, 2 * self.arch.hidden_dim, dtype=like.dtype, device=like.device)
                                   for _ in self.layers))

    def start(self, vectors: torch.Tensor, cache: PositionCache) -> torch.Tensor:
        """Run the P prefix positions of every image: vectors [B, F] -> first-token logits [B, V].

        Those of image b take slots b * P to b * P + P - 1.
        """
        length = self.arch.prefix_length
        x = self.embed_prefix(vectors) + self.positions[:length]
        mask = self._mask(length, x.device) if self.arch.strictly_causal else None
        for layer, cached in zip(self.layers, cache.layers):
            x, keys_values = layer(x, mask)
            cached[:len(vectors) * length] = keys_values.flatten(0, 1)
        return self._logits(x[:, -1])

    def advance(self, cache: PositionCache, tokens: torch.Tensor, paths: torch.Tensor,
                lengths: torch.Tensor) -> torch.Tensor:
        """Compute N token positions: tokens int64 [N] -> logits [N, V] for what follows each.

        paths: int64 [N, S], slots of the positions that each sees, in their order, from the prefix to the position
        itself, then padding. lengths: int64 [N], how many of a path are no padding. A path may hold slots of positions
        that are computed in the same call. These three come from the CPU.
        """
        tokens, paths, lengths = (given.to(self.positions.device) for given in (tokens, paths, lengths))
        place = lengths - 1
        padding = torch.arange(paths.shape[1], device=paths.device) >= lengths[:, None]
        mask = torch.zeros(paths.shape, device=paths.device).masked_fill_(padding, -torch.inf)[:, None, None]
        slots, seen = paths.gather(1, place[:, None])[:, 0], paths.masked_fill(padding, 0).flatten()
        x = self.tokens(tokens) + self.positions[place]  # [N, E]
        for layer, cached in zip(self.layers, cache.layers):
            x = layer.step(x, cached, slots, seen, mask)
        return self._logits(x)

    def embed_prefix(self, vectors: torch.Tensor) -> torch.Tensor:
        """[B, F] -> [B, P, E], without positions."""
        return self.prefix(functional.normalize(vectors, dim=-1)).view(len(vectors), self.arch.prefix_length, -1)

    def _mask(self, length: int, device: torch.device) -> torch.Tensor:
        """bool [length, length]: which position (row) sees which (column)."""
        mask = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        if not self.arch.strictly_causal:
            mask[:self.arch.prefix_length, :self.arch.prefix_length] = True
        return mask

    def read_out_weights(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What makes logits of hidden states: weight [V, E], tied to the tokens unless said otherwise, and bias [V]."""
        table = self.tokens.weight if self.output is None else self.output.weight
        bias = None if self.output_bias is None else self.output_bias[:self.arch.vocab_size]
        return table[:self.arch.vocab_size], bias

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """[..., E] -> [..., V]."""
        x = self.norm(x)
        return functional.linear(x, *self.read_out_weights()) if self.read_out is None else self.read_out(x)
