"""Rewrites the ConSE image tower for inference on a CPU: the same sums, in less than half of the time.

Three exact rewrites, for one fixed input size: batch normalisation is folded into the convolution before it;
TensorFlow's one-sided SAME padding, which costs a copy of the whole activation, becomes an ordinary padding
with a kernel that is one row and column of zeros larger; and convolution plus ReLU6 run as one operator with
weights laid out in advance.

This is NOT an approximation: `for_cpu` compares the rewritten tower with the given one before it returns it,
and gives the original back where they disagree or where this torch build lacks the operator. It is not for
training either.
"""

from __future__ import annotations

import copy
import logging

import torch
from torch import nn
from torch.nn import functional

_TOLERANCE = 1e-5  # on un-normalised embeddings, whose length is at most 1
_log = logging.getLogger(__name__)


class FoldedConv(nn.Module):
    """Convolution, batch normalisation and optional ReLU6 as one operator, for inference on a CPU.

    Args:
        conv: the convolution, without bias or with one.
        norm: timm's BatchNormAct2d that follows it, in evaluation mode.
        input_size: [B, C, H, W] of what the convolution sees; B is free afterwards.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, input_size: list[int]) -> None:
        super().__init__()
        weight, self.bias = fold_norm(conv, norm)
        weight, self.padding = symmetric_padding(weight, conv, input_size[2:])
        self.stride, self.dilation, self.groups = list(conv.stride), list(conv.dilation), conv.groups
        self.activation, self.limits = (
            ("hardtanh", [0.0, 6.0]) if isinstance(norm.act, nn.ReLU6) else ("none", [])
        )
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(
            weight.contiguous(memory_format=torch.channels_last),
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
            input_size,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Activations [B, C, H, W] to [B, C', H', W']."""
        return torch.ops.mkldnn._convolution_pointwise(
            x,
            self.weight,
            self.bias,
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
            self.activation,
            self.limits,
            "",
        )


def fold_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight [C', C/g, k, k] and bias [C'] of the one convolution that equals `conv` followed by `norm`."""
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    shift = -norm.running_mean if conv.bias is None else conv.bias.detach() - norm.running_mean
    return conv.weight.detach() * scale[:, None, None, None], norm.bias.detach() + shift * scale


def symmetric_padding(
    weight: torch.Tensor, conv: nn.Conv2d, size: list[int]
) -> tuple[torch.Tensor, list[int]]:
    """A kernel and an equal padding on both sides that give what `conv` gives for an input of this (height,
    width).

    timm's Conv2dSame pads by what the size needs, the odd pixel behind. A kernel with a zero row (column) in
    front and one pixel more of padding in front visits the same pixels.
    """
    if not type(conv).__name__.startswith("Conv2dSame"):
        return weight, list(conv.padding)
    grow, padding = [0, 0], [0, 0]
    for axis in (0, 1):
        kernel, stride, dilation = conv.kernel_size[axis], conv.stride[axis], conv.dilation[axis]
        total = max((-(-size[axis] // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size[axis], 0)
        if total % 2 and dilation != 1:
            raise ValueError("a dilated kernel cannot be grown by one")
        grow[axis], padding[axis] = total % 2, total // 2 + total % 2
    return functional.pad(weight, (grow[1], 0, grow[0], 0)), padding


def for_cpu(tower: nn.Module, height: int, width: int) -> nn.Module:
    """The fastest form of an image tower that gives the same embeddings.

    Args:
        tower: open_clip's image tower in evaluation mode, fp32, on the CPU, with a `novic_conse_lite2` trunk.
        height, width: the only input size in pixels that the result takes.

    Returns:
        A rewritten copy, or the given tower where the rewrite is not possible or not exact on this machine.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):
        _log.info("this torch build has no fused convolution: the image tower runs unchanged")
        return tower
    probe = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(0)) * 2 - 1
    probe = probe.to(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            expected = tower(probe)
            rewritten = _rewrite(tower, probe)
            worst = (rewritten(probe) - expected).abs().max().item()
    except (RuntimeError, NotImplementedError, AttributeError, ValueError) as error:
        _log.info("the fused image tower does not run on this machine (%s): it runs unchanged", error)
        return tower
    if not worst < _TOLERANCE:
        _log.info("the fused image tower differs by %g on this machine: it runs unchanged", worst)
        return tower
    return rewritten


def _rewrite(tower: nn.Module, probe: torch.Tensor) -> nn.Module:
    """A copy of the tower with every convolution-normalisation pair replaced by one `FoldedConv`."""
    tower = copy.deepcopy(tower)
    sizes: dict[nn.Module, list[int]] = {}
    hooks = [
        module.register_forward_pre_hook(lambda conv, inputs: sizes.__setitem__(conv, list(inputs[0].shape)))
        for module in tower.modules()
        if isinstance(module, nn.Conv2d)
    ]
    tower(probe)
    for hook in hooks:
        hook.remove()
    for parent in list(tower.modules()):
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in zip(children, children[1:]):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                if not isinstance(norm.act, (nn.ReLU6, nn.Identity)):
                    raise ValueError(f"no fused form for the activation {type(norm.act).__name__}")
                setattr(parent, conv_name, FoldedConv(conv, norm, sizes[conv]))
                setattr(parent, norm_name, nn.Identity())
    return tower
