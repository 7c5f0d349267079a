"""Rewrites an object decoder for inference on a CPU: the same sums, with weights laid out in advance.

A search multiplies a few rows at a time, for which torch's ordinary matrix product is slow on many CPUs. oneDNN's is
two to four times faster once it may keep the weights in an order of its own. This is NOT an approximation: `for_cpu`
compares the rewritten decoder with the given one and gives the original back where they disagree, or where this torch
build lacks the operator. It is not for training either.
"""

from __future__ import annotations

import copy
import logging

import torch
from torch import nn

from novic_ros.decoding.object_decoder import ObjectDecoder

__all__ = ["for_cpu"]

log = logging.getLogger(__name__)

SMALLEST = 100_000  # weights; smaller products gain nothing
ROWS = 10  # rows that the layout is chosen for: one image, a beam of ten
TOLERANCE = 1e-4  # on logits, relative to the largest


class PackedLinear(nn.Module):
    """`nn.Linear` for inference, with oneDNN's weight layout."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None):
        super().__init__()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS)
        self.bias = None if bias is None else bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., in] -> [..., out]."""
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")


def for_cpu(model: ObjectDecoder) -> ObjectDecoder:
    """The fastest form of a decoder that gives the same logits: a rewritten copy, or the given one."""
    try:
        with torch.inference_mode():
            packed = _rewritten(model)
            generator = torch.Generator().manual_seed(0)
            probe = torch.randn(3, model.arch.embed_dim, generator=generator)
            state, expected = model.start(probe)
            packed_state, found = packed.start(probe)
            pairs = [(expected, found)]
            parents, tokens = torch.tensor([0, 0, 2, 1]), torch.arange(4) % model.arch.vocab_size
            pairs.append((model.advance(state, parents, tokens)[1], packed.advance(packed_state, parents, tokens)[1]))
            worst = max(((a - b).abs().max() / a.abs().max().clamp_min(1)).item() for a, b in pairs)
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        log.info("packed weights do not work on this machine (%s): the decoder runs unchanged", error)
        return model
    if not worst < TOLERANCE:
        log.info("the decoder with packed weights differs by %g on this machine: it runs unchanged", worst)
        return model
    return packed


def _rewritten(model: ObjectDecoder) -> ObjectDecoder:
    packed = copy.deepcopy(model).eval()
    packed.read_out = PackedLinear(*model.read_out_weights())
    for parent in list(packed.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child.weight.numel() >= SMALLEST:
                setattr(parent, name, PackedLinear(child.weight, child.bias))
    return packed
