"""Rewrites an object decoder for inference on a CPU: the same sums, with weights laid out in advance.

A search multiplies a few rows at a time, for which torch's ordinary matrix product is slow on many CPUs. oneDNN's is
two to four times faster once it may keep the weights in an order of its own, and does what follows a product (the
activation, the residual sum) on the way. This is NOT an approximation: `for_cpu` compares the rewritten decoder with
the given one and gives the original back where they disagree, or where this torch build lacks the operators. It is not
for training either.
"""

from __future__ import annotations

import copy
import logging

import torch
import torch.nn.functional as functional
from torch import nn

from novic_ros.decoding.object_decoder import Layer, ObjectDecoder

__all__ = ["for_cpu"]

log = logging.getLogger(__name__)

ROWS = 10  # rows that the layout is chosen for: one image, a beam of ten
TOLERANCE = 1e-4  # on logits, relative to the largest


class PackedLinear(nn.Module):
    """`nn.Linear` for inference, with oneDNN's weight layout."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None):
        super().__init__()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS)
        self.bias = None if bias is None else bias.detach()

    def forward(self, x: torch.Tensor, activation: str = "none") -> torch.Tensor:
        """[..., in] -> [..., out], with the activation ("gelu": the exact one, "relu", "tanh")."""
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, activation, [], "none")

    def plus(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """other + forward(x)."""
        return torch.ops.mkldnn._linear_pointwise.binary(x, other, self.packed, self.bias, "add")


class PackedLayer(nn.Module):
    """A layer whose norms lie before its branches, without factors on these, for inference."""

    def __init__(self, layer: Layer, activation: str):
        super().__init__()
        self.layer = layer  # its linear layers are packed already
        self._activation = activation

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """As `Layer.forward`."""
        layer, width = self.layer, x.shape[-1]
        projected = layer.qkv.forward(_normed(x, layer.norm1))  # [B, T, 3E]
        q, k, v = projected.unflatten(-1, (3, layer.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self._after_attention(x, attended.transpose(1, 2).flatten(2)), projected[..., width:]

    def step(self, x: torch.Tensor, cached: torch.Tensor, slots: torch.Tensor, seen: torch.Tensor,
             mask: torch.Tensor) -> torch.Tensor:
        """As `Layer.step`: the same sums in fewer calls, as for a few rows the calls themselves take time."""
        layer, (rows, width) = self.layer, x.shape
        projected = layer.qkv.forward(_normed(x, layer.norm1))  # [N, 3E]
        cached.index_copy_(0, slots, projected[:, width:])
        k, v = cached.index_select(0, seen).view(rows, -1, 2, layer.heads, width // layer.heads).permute(2, 0, 3, 1, 4)
        q = projected[:, :width].view(rows, layer.heads, 1, -1)
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self._after_attention(x, attended.view(rows, width))

    def _after_attention(self, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        x = layer.out.plus(attended, x)
        return layer.down.plus(layer.up.forward(_normed(x, layer.norm2), self._activation), x)


def for_cpu(model: ObjectDecoder) -> ObjectDecoder:
    """The fastest form of a decoder that gives the same logits: a rewritten copy, or the given one."""
    try:
        with torch.inference_mode():
            packed = _rewritten(model)
            generator = torch.Generator().manual_seed(0)
            probe = torch.randn(3, model.arch.embed_dim, generator=generator)
            worst = max(((a - b).abs().max() / a.abs().max().clamp_min(1)).item()
                        for a, b in zip(_probe(model, probe), _probe(packed, probe)))
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        log.info("packed weights do not work on this machine (%s): the decoder runs unchanged", error)
        return model
    if not worst < TOLERANCE:
        log.info("the decoder with packed weights differs by %g on this machine: it runs unchanged", worst)
        return model
    return packed


def _probe(model: ObjectDecoder, vectors: torch.Tensor) -> list[torch.Tensor]:
    """Logits of the first tokens and of some that follow."""
    used = len(vectors) * model.arch.prefix_length
    paths = torch.arange(used).view(len(vectors), -1)
    cache = model.new_cache(used + 4)
    first = model.start(vectors, cache)
    paths = torch.cat([paths[[0, 0, 2, 1]], torch.arange(used, used + 4)[:, None]], dim=1)
    tokens = torch.arange(4) % model.arch.vocab_size
    return [first, model.advance(cache, tokens, paths, torch.full((4,), paths.shape[1]))]


def _rewritten(model: ObjectDecoder) -> ObjectDecoder:
    packed = copy.deepcopy(model).eval()
    packed.read_out = PackedLinear(*model.read_out_weights())
    for parent in list(packed.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, PackedLinear(child.weight, child.bias))
    arch = model.arch
    if arch.layer_norm_first and arch.rezero == "none":
        packed.layers = nn.ModuleList(PackedLayer(layer, arch.layer_activation) for layer in packed.layers)
    return packed


def _normed(x: torch.Tensor, norm: nn.LayerNorm) -> torch.Tensor:
    return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
