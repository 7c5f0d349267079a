"""The network: teacher forcing, cached steps and the float64 reference agree; sizes and errors are right."""

import numpy as np
import pytest
import torch
from reference_search import float64_weights, reference_logits
from stepping import Stepper

from novic_ros.decoding import DecodingError
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder

ARCH = Architecture(embed_dim=10, vocab_size=17, max_tokens=6, hidden_dim=16, feedfwd_dim=12, num_layers=3,
                    num_heads=4, prefix_length=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ObjectDecoder(ARCH).eval()


def test_all_ways_to_logits_agree(model):
    vectors = torch.randn(5, 10)
    targets = torch.randint(0, 17, (5, 6))
    with torch.inference_mode():
        whole = model(vectors, targets)
        steps = Stepper(model, vectors)
        stepwise = [steps.logits] + [steps.advance(torch.arange(5), targets[:, column]) for column in range(5)]
    assert whole.shape == (5, 6, 17)
    torch.testing.assert_close(torch.stack(stepwise, 1), whole, atol=2e-5, rtol=0)

    weights = float64_weights(model)
    for row in range(5):
        for column in range(6):
            expected = reference_logits(weights, ARCH, vectors[row].double().numpy(), targets[row, :column].tolist())
            np.testing.assert_allclose(whole[row, column], expected, atol=2e-5)


def test_advance_follows_parents(model):
    vectors = torch.randn(3, 10)
    with torch.inference_mode():
        logits = Stepper(model, vectors).advance(torch.tensor([2, 0, 2]), torch.tensor([5, 6, 7]))
        expected = model(vectors[[2, 0, 2]], torch.tensor([[5, 0], [6, 0], [7, 0]]))[:, 1]
    torch.testing.assert_close(logits, expected, atol=2e-5, rtol=0)


def test_several_tokens_of_one_row_in_one_call(model):
    vectors, targets = torch.randn(2, 10), torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0]])
    with torch.inference_mode():
        cache = model.new_cache(2 * 4 + 6)
        first = model.start(vectors, cache)
        one, two = [0, 1, 2, 3], [4, 5, 6, 7]
        padding = 13  # never written: it may hold anything
        paths = torch.tensor([[*one, 8, padding, padding], [*one, 8, 9, padding], [*one, 8, 9, 10],
                              [*two, 11, padding, padding], [*two, 11, 12, padding]])
        for layer in cache.layers:
            layer[padding] = torch.nan
        logits = model.advance(cache, torch.tensor([5, 6, 7, 8, 9]), paths, torch.tensor([5, 6, 7, 5, 6]))
        expected = model(vectors, targets)
    torch.testing.assert_close(first, expected[:, 0], atol=2e-5, rtol=0)
    torch.testing.assert_close(logits[:3], expected[0, 1:], atol=2e-5, rtol=0)
    torch.testing.assert_close(logits[3:], expected[1, 1:3], atol=2e-5, rtol=0)


def test_later_targets_never_reach_earlier_columns(model):
    vectors, targets = torch.randn(2, 10), torch.randint(0, 17, (2, 6))
    changed = targets.clone()
    changed[:, 3:] = (changed[:, 3:] + 1) % 17
    torch.testing.assert_close(model(vectors, targets)[:, :4], model(vectors, changed)[:, :4])


def test_length_of_the_vector_does_not_matter(model):
    vectors, targets = torch.randn(2, 10), torch.randint(0, 17, (2, 6))
    torch.testing.assert_close(model(vectors, targets), model(7.5 * vectors, targets), atol=1e-5, rtol=0)


def test_parameter_count_follows_the_formula(model):
    a = ARCH
    expected = (a.prefix_length * a.hidden_dim * a.embed_dim + a.vocab_size * a.hidden_dim
                + (a.prefix_length + a.max_tokens - 1) * a.hidden_dim
                + a.num_layers * (4 * a.hidden_dim ** 2 + 2 * a.hidden_dim * a.feedfwd_dim + 2 * a.hidden_dim)
                + a.hidden_dim)
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize("field, value", [
    ("embed_dim", 0), ("vocab_size", -1), ("hidden_dim", 15), ("num_layers", True), ("num_heads", 1.5),
    ("max_tokens", 1), ("dropout", 1.0),
])
def test_impossible_sizes_are_refused_by_field(field, value):
    with pytest.raises(DecodingError, match=field):
        Architecture(**({"embed_dim": 8, "vocab_size": 9, "max_tokens": 5, "hidden_dim": 16, "num_heads": 4}
                        | {field: value}))
