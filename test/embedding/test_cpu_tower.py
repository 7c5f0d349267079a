"""The rewritten tower computes what the original computes, and steps aside where it cannot."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from novic_ros.embedding import conse_tower, cpu_tower, load
from novic_ros.embedding.quiet import quietly

fused = pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")),
    reason="this torch build has no fused convolution",
)


@pytest.fixture(scope="module")
def tower(conse_folder):
    conse_tower.register()
    import open_clip

    with quietly():
        model = open_clip.create_model(f"local-dir:{conse_folder}").eval()
    return model.visual


def pixels(batch, seed=0):
    made = torch.randn((batch, 3, 64, 64), generator=torch.Generator().manual_seed(seed))
    return made.to(memory_format=torch.channels_last)


@fused
def test_rewritten_tower_is_exact(tower):
    fast = cpu_tower.for_cpu(tower, 64, 64)
    assert fast is not tower
    assert any(isinstance(module, cpu_tower.FoldedConv) for module in fast.modules())
    assert not any(isinstance(module, (nn.Conv2d, nn.BatchNorm2d)) for module in fast.modules())
    with torch.inference_mode():
        for batch in (1, 2, 5):
            assert (fast(pixels(batch)) - tower(pixels(batch))).abs().max() < 1e-5
            assert torch.allclose(
                fast(pixels(batch)).norm(dim=1), tower(pixels(batch)).norm(dim=1), atol=1e-5
            )
        contiguous = pixels(2).contiguous()
        assert (fast(contiguous) - tower(contiguous)).abs().max() < 1e-5


@fused
def test_original_is_left_alone(tower):
    before = {name: tensor.clone() for name, tensor in tower.state_dict().items()}
    cpu_tower.for_cpu(tower, 64, 64)
    assert all(torch.equal(before[name], tensor) for name, tensor in tower.state_dict().items())
    assert not any(module._forward_pre_hooks for module in tower.modules())


@fused
def test_class_probabilities_of_the_rewritten_tower(tower):
    fast = cpu_tower.for_cpu(tower, 64, 64)
    with torch.inference_mode():
        expected = conse_tower.class_probabilities(tower, pixels(2))
        assert torch.allclose(conse_tower.class_probabilities(fast, pixels(2)), expected, atol=1e-5)


@fused
def test_loaded_model_runs_rewritten(conse_folder):
    embedder = load(f"local:{conse_folder}", device="cpu")
    assert any(isinstance(module, cpu_tower.FoldedConv) for module in embedder._encode_pixels.modules())


def test_steps_aside_where_the_result_differs(tower, monkeypatch):
    monkeypatch.setattr(cpu_tower, "_TOLERANCE", -1.0)
    assert cpu_tower.for_cpu(tower, 64, 64) is tower


def test_steps_aside_where_the_operator_is_missing(tower, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert cpu_tower.for_cpu(tower, 64, 64) is tower


def test_steps_aside_where_the_operator_fails(tower, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such kernel here")

    monkeypatch.setattr(cpu_tower.FoldedConv, "forward", fail)
    assert cpu_tower.for_cpu(tower, 64, 64) is tower


def test_steps_aside_for_other_activations(tower):
    import copy

    other = copy.deepcopy(tower)
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d) and isinstance(module.act, nn.ReLU6):
            module.act = nn.SiLU()
    assert cpu_tower.for_cpu(other, 64, 64) is other


@given(
    height=st.integers(5, 40),
    width=st.integers(5, 40),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2, 3]),
    depthwise=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_symmetric_padding_visits_the_same_pixels(height, width, kernel, stride, depthwise):
    conse_tower.register()
    from timm.layers import Conv2dSame

    generator = torch.Generator().manual_seed(0)
    conv = Conv2dSame(4, 4, kernel, stride=stride, groups=4 if depthwise else 1, bias=False)
    image = torch.randn((2, 4, height, width), generator=generator)
    weight, padding = cpu_tower.symmetric_padding(conv.weight.detach(), conv, [height, width])
    with torch.inference_mode():
        result = functional.conv2d(image, weight, None, stride, padding, groups=conv.groups)
        assert torch.allclose(result, conv(image), atol=1e-5)


def test_dilated_odd_padding_is_refused():
    conse_tower.register()
    from timm.layers import Conv2dSame

    conv = Conv2dSame(4, 4, 2, stride=1, dilation=3, bias=False)
    with pytest.raises(ValueError, match="dilated"):
        cpu_tower.symmetric_padding(conv.weight.detach(), conv, [9, 9])


@pytest.mark.parametrize("bias", [False, True])
def test_folded_norm_is_exact(bias):
    generator = torch.Generator().manual_seed(0)
    conv, norm = nn.Conv2d(3, 6, 3, bias=bias), nn.BatchNorm2d(6, eps=1e-3).eval()
    norm.running_mean.normal_(generator=generator)
    norm.running_var.uniform_(0.2, 3, generator=generator)
    norm.weight.data.normal_(generator=generator)
    norm.bias.data.normal_(generator=generator)
    weight, shift = cpu_tower.fold_norm(conv, norm)
    image = torch.randn((2, 3, 9, 9), generator=generator)
    with torch.inference_mode():
        assert torch.allclose(functional.conv2d(image, weight, shift), norm(conv(image)), atol=1e-5)
