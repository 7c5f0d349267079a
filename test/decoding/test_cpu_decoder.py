"""Packed weights change nothing but the time, and are not used where they would."""

import logging

import pytest
import torch
from stepping import Stepper

from novic_ros.decoding import cpu_decoder
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder


@pytest.fixture(scope="module", params=[{}, {"layer_bias": True, "logits_bias": True, "weight_tying": False}])
def model(request):
    torch.manual_seed(0)
    return ObjectDecoder(Architecture(384, 700, 6, hidden_dim=512, num_layers=2, **request.param)).eval()


def packed_or_skip(model):
    packed = cpu_decoder.for_cpu(model)
    if packed is model:
        pytest.skip("this torch build has no packed matrix product")
    return packed


@torch.inference_mode()
def test_same_logits_in_every_step(model):
    packed = packed_or_skip(model)
    assert isinstance(packed.layers[0].layer.qkv, cpu_decoder.PackedLinear)
    vectors = torch.randn(5, 384)
    expected, found = Stepper(model, vectors), Stepper(packed, vectors)
    for _ in range(5):
        torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-5)
        parents, tokens = torch.randint(len(expected.logits), (7,)), torch.randint(700, (7,))
        expected.advance(parents, tokens)
        found.advance(parents, tokens)


def test_the_given_decoder_is_left_as_it_was(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    packed_or_skip(model)
    assert type(model.layers[0].qkv) is torch.nn.Linear and model.read_out is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_machine_where_it_differs_runs_unchanged(model, monkeypatch, caplog):
    packed_or_skip(model)
    right = cpu_decoder.PackedLinear.forward
    monkeypatch.setattr(cpu_decoder.PackedLinear, "forward", lambda *given: right(*given) * 1.01)
    with caplog.at_level(logging.INFO):
        assert cpu_decoder.for_cpu(model) is model
    assert "differs by" in caplog.text


def test_a_build_without_the_operator_runs_unchanged(model, monkeypatch, caplog):
    def missing(*_):
        raise AttributeError("no such operator")

    monkeypatch.setattr(cpu_decoder.PackedLinear, "__init__", missing)
    with caplog.at_level(logging.INFO):
        assert cpu_decoder.for_cpu(model) is model
    assert "no such operator" in caplog.text
