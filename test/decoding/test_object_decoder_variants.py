"""Every architecture: cached steps, teacher forcing and the float64 reference agree; wrong settings are named."""

import math

import numpy as np
import pytest
import torch
from reference_network import float64_weights, reference_logits
from stepping import Stepper
from variants import SIZES, VARIANTS, random_model, variant

from novic_ros.decoding import DecodingError
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder

TOLERANCE = 2e-5


@pytest.mark.parametrize("name", VARIANTS)
def test_cached_steps_teacher_forcing_and_the_reference_agree(name, record_property):
    arch = variant(name)
    model = random_model(arch)
    vectors = torch.randn(4, arch.embed_dim)
    targets = torch.randint(0, arch.vocab_size, (4, arch.max_tokens))
    with torch.inference_mode():
        whole = model(vectors, targets)
        steps = Stepper(model, vectors)
        stepwise = [steps.logits, *(steps.advance(torch.arange(4), targets[:, column])
                                    for column in range(arch.max_tokens - 1))]
    assert whole.shape == (4, arch.max_tokens, arch.vocab_size)
    weights = float64_weights(model)
    expected = np.array([[reference_logits(weights, arch, vector, row[:column]) for column in range(arch.max_tokens)]
                         for vector, row in zip(vectors.double().numpy(), targets.tolist())])
    forced = np.abs(whole.numpy() - expected).max()
    cached = np.abs(torch.stack(stepwise, 1).numpy() - expected).max()
    print(f"largest deviation: teacher forcing {forced:.1e}, cached steps {cached:.1e}")
    record_property("largest_deviation", float(max(forced, cached)))
    assert np.abs(expected).max() > 0.5
    assert max(forced, cached) < TOLERANCE


@pytest.mark.parametrize("change", [
    {"layer_activation": "relu"}, {"layer_activation": "tanh"}, {"strictly_causal": True}, {"num_heads": 2},
    {"mlp_hidden_activation": "relu"},
], ids=str)
def test_a_setting_without_weights_of_its_own_still_matters(change):
    sizes = SIZES | {"mlp_hidden_layer": "min"}
    one, other = random_model(Architecture(**sizes)), ObjectDecoder(Architecture(**(sizes | change))).eval()
    other.load_state_dict(one.state_dict())
    vectors, targets = torch.randn(3, 40), torch.randint(0, 17, (3, 6))
    assert (one(vectors, targets) - other(vectors, targets)).abs().max() > 0.01


def test_quantised_tables_change_no_logit():
    plain, padded = random_model(Architecture(**SIZES)), random_model(variant("quantised"))
    weights = plain.state_dict()
    weights["tokens.weight"] = torch.cat([weights["tokens.weight"], torch.zeros(47, 16)])
    padded.load_state_dict(weights)
    vectors, targets = torch.randn(3, 40), torch.randint(0, 17, (3, 6))
    torch.testing.assert_close(plain(vectors, targets), padded(vectors, targets), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", VARIANTS)
def test_random_weights_start_with_sensible_logits_and_train(name):
    torch.manual_seed(0)
    arch = variant(name)
    model = ObjectDecoder(arch)
    vectors, targets = torch.randn(16, arch.embed_dim), torch.randint(0, arch.vocab_size, (16, arch.max_tokens))
    spread = model(vectors, targets).std().item()
    assert 0.1 < spread < 3
    model(vectors, targets).square().sum().backward()
    silent = [key for key, parameter in model.named_parameters() if parameter.grad is None]
    assert silent == []
    surplus = model.tokens.weight[arch.vocab_size:]
    assert (surplus == 0).all()
    assert (model.tokens.weight.grad[arch.vocab_size:] == 0).all()


def test_dropout_falls_where_the_authors_have_it():
    """On the input, in the attention, between the feed-forward layers and on both branches; never in evaluation."""
    torch.manual_seed(0)
    arch = Architecture(**(SIZES | {"dropout": 0.5, "input_dropout": 0.0}))
    model = ObjectDecoder(arch)
    vectors, targets = torch.randn(2, arch.embed_dim), torch.randint(0, arch.vocab_size, (2, arch.max_tokens))
    assert not torch.equal(model(vectors, targets), model(vectors, targets))
    assert model.dropout.p == 0.0
    assert ObjectDecoder(Architecture(**(SIZES | {"dropout": 0.5}))).dropout.p == 0.5
    model.eval()
    assert torch.equal(model(vectors, targets), model(vectors, targets))

    layer, width = model.layers[0].train(), arch.hidden_dim
    with torch.no_grad():  # one position attends to itself with weight 1, which dropout makes 0 or 2
        layer.qkv.weight.zero_()
        layer.qkv.weight[2 * width:] = torch.eye(width)
        layer.out.weight.copy_(torch.eye(width))
        layer.down.weight.zero_()
    x = torch.randn(400, 1, width)
    passed = ((layer(x)[0] - x) / layer.norm1(x)).round(decimals=3).view(400, arch.num_heads, -1)
    assert set(passed.detach().abs().unique().tolist()) <= {0.0, 4.0}  # a factor 2 from each of the two dropouts
    heads_off = (passed == 0).all(dim=-1).float().mean().item()
    by_elements_alone = 0.5 ** (width // arch.num_heads)
    assert heads_off == pytest.approx(0.5 + 0.5 * by_elements_alone, abs=0.05)  # whole heads drop out


@pytest.mark.parametrize("kind, units", [("min", 40), ("max", 64), ("amean", 64), ("gmean", 64)])
def test_units_of_the_hidden_layer(kind, units):
    assert Architecture(**(SIZES | {"mlp_hidden_layer": kind})).mlp_hidden_dim == units


def test_released_encoders_hidden_units():
    wide = {"vocab_size": 9, "max_tokens": 5, "embed_dim": 768}
    assert Architecture(**wide, mlp_hidden_layer="amean").mlp_hidden_dim == 1408  # (768 + 2048) / 2
    assert Architecture(**wide, mlp_hidden_layer="gmean").mlp_hidden_dim == 1280  # 1254.1 / 64 = 19.6
    assert Architecture(**wide).mlp_hidden_dim is None


@pytest.mark.parametrize("vocab_size, rows", [(63, 64), (64, 64), (65, 128)])
def test_quantised_tables(vocab_size, rows):
    arch = Architecture(**(SIZES | {"vocab_size": vocab_size, "vocab_quant": True}))
    assert (arch.table_rows, ObjectDecoder(arch).tokens.weight.shape[0]) == (rows, rows)


@pytest.mark.parametrize("field, value, complaint", [
    ("mlp_hidden_layer", "median", "one of none, min, max, amean, gmean, got 'median'"),
    ("mlp_hidden_activation", "swish", "one of gelu, relu, tanh, got 'swish'"),
    ("layer_activation", "gelu_tanh", "one of gelu, relu, tanh"), ("rezero", "always", "one of none, perskip"),
    ("layer_norm_first", 1, "true or false, got 1"), ("weight_tying", None, "true or false"),
    ("vocab_quant", "yes", "true or false"), ("dropout", -0.1, "0 <= dropout < 1"), ("dropout", None, "0 <= dropout"),
    ("input_dropout", 1, "0 <= input_dropout < 1"), ("feedfwd_dim", 0.25, "a positive whole number"),
])
def test_what_is_not_known_is_refused_by_name(field, value, complaint):
    with pytest.raises(DecodingError, match=f"decoder {field}: expected {complaint}"):
        Architecture(**(SIZES | {field: value}))


def test_a_hidden_layer_without_units_is_refused():
    with pytest.raises(DecodingError, match="mlp_hidden_layer: gmean of 10 and 64 rounds to 0 units"):
        Architecture(**(SIZES | {"embed_dim": 10, "mlp_hidden_layer": "gmean"}))


def test_balanced_prefix_has_the_variance_of_half():
    """Appendix A: whatever lies between, a random unit vector becomes prefix elements of variance about 1/2."""
    for kind in ("none", "min", "max", "amean", "gmean"):
        for norm in (False, True):
            arch = Architecture(embed_dim=256, vocab_size=9, max_tokens=4, mlp_hidden_layer=kind, mlp_hidden_norm=norm)
            torch.manual_seed(1)
            spread = ObjectDecoder(arch).embed_prefix(torch.randn(64, 256)).std().item()
            assert spread == pytest.approx(math.sqrt(0.5), rel=0.1), (kind, norm)
