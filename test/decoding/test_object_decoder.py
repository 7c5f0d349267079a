"""The network: teacher forcing, cached steps and the float64 reference agree; sizes and errors are right."""

import numpy as np
import pytest
import torch
from reference_search import float64_weights, reference_logits

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
        state, logits = model.start(vectors)
        stepwise = [logits]
        for column in range(5):
            state, logits = model.advance(state, torch.arange(5), targets[:, column])
            stepwise.append(logits)
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
        state, _ = model.start(vectors)
        _, logits = model.advance(state, torch.tensor([2, 0, 2]), torch.tensor([5, 6, 7]))
        expected = model(vectors[[2, 0, 2]], torch.tensor([[5, 0], [6, 0], [7, 0]]))[:, 1]
    torch.testing.assert_close(logits, expected, atol=2e-5, rtol=0)


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
