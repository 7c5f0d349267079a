"""Targets of micro-batches: what is kept, in which order, and which columns count, beside the authors' words for it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.training.targets import NounTable

TOKENS = [[3, 0], [1, 2, 0], [4, 4, 4, 0], [5, 0], [1, 2, 3, 4, 5, 0]]


def spelled(groups):
    """[(vector, its counted tokens, weight)] of all targets, sorted."""
    found = []
    for group in groups:
        columns = group.tokens.shape[1]
        for target, owner in enumerate(group.owner.tolist()):
            own = (group.columns // columns == target).nonzero()[:, 0]
            assert group.columns[own].tolist() == list(range(target * columns, target * columns + len(own)))
            assert torch.equal(group.tokens.flatten()[group.columns[own]], group.answers[own])
            weights = set(group.weights[own].tolist())
            assert len(weights) == 1
            found.append((owner, group.answers[own].tolist(), weights.pop()))
    return sorted(found)


@pytest.mark.parametrize("groups", [1, 2, 3, 10])
def test_every_noun_with_weight_is_kept(groups):
    nouns = np.array([[0, 2, -1], [4, -1, -1], [1, 3, 0]])
    weights = np.array([[0.5, 0.25, 0.0], [1.0, 0.0, 0.0], [0.75, 0.25, 0.0]], dtype=np.float32)
    made = NounTable(TOKENS, groups=groups).targets(nouns, weights)
    assert spelled(made) == [(0, [3, 0], 0.5), (0, [4, 4, 4, 0], 0.25), (1, [1, 2, 3, 4, 5, 0], 1.0),
                             (2, [1, 2, 0], 0.75), (2, [5, 0], 0.25)]
    assert len(made) == min(groups, 5)
    lengths = [group.tokens.shape[1] for group in made]
    assert lengths == sorted(lengths)
    assert lengths[-1] == 6


def test_short_nouns_are_not_padded_for_long_ones():
    nouns = np.array([[0], [3], [4], [2]])
    first, second = NounTable(TOKENS, groups=2).targets(nouns, np.ones((4, 1)))
    assert (first.tokens.shape, second.tokens.shape) == ((2, 2), (2, 6))


def test_nothing_to_learn():
    with pytest.raises(ValueError, match="expected at least one noun with a weight above 0 in a micro-batch"):
        NounTable(TOKENS).targets(np.array([[-1], [2]]), np.array([[1.0], [0.0]]))


def authors_padding(nouns, num_end):
    """Which columns of [A, C] do not count, as the authors say it: the mask of pads moved on by num_end - 1 columns,
    whose first columns become what its first was."""
    longest = max(len(TOKENS[noun]) for noun in nouns)
    padding = torch.tensor([[column >= len(TOKENS[noun]) for column in range(longest)] for noun in nouns])
    moved = padding.clone()
    for column in range(longest):
        moved[:, column] = padding[:, max(0, column - num_end + 1)]
    return moved


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.integers(1, 7), st.integers(1, 4))
def test_end_tokens_that_count(nouns, num_end, groups):
    made = NounTable(TOKENS, num_end, groups).targets(np.array(nouns)[:, None], np.ones((len(nouns), 1)))
    counted = (~authors_padding(nouns, num_end)).sum(1).tolist()
    longest = max(len(TOKENS[noun]) for noun in nouns)
    expected = sorted((row, (TOKENS[noun] + [0] * longest)[:count], 1.0)
                      for row, (noun, count) in enumerate(zip(nouns, counted)))
    assert spelled(made) == expected


def test_on_another_device():
    group = NounTable(TOKENS).targets(np.array([[0, 1]]), np.array([[0.5, 0.5]]))[0]
    moved = group.to(torch.device("meta"))
    assert {tensor.device.type for tensor in vars(moved).values()} == {"meta"}
    assert moved.tokens.shape == group.tokens.shape
