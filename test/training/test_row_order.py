"""The random order by formula: a bijection, the same everywhere, and random enough."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training.row_order import RowOrder, random_below


@given(st.integers(1, 30_000), st.integers(0, 2**64), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_row_stands_at_one_place(rows, seed, epoch):
    order, places = RowOrder(rows, seed, epoch), np.arange(rows)
    found = order.rows_at(places)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(np.sort(found), places)
    np.testing.assert_array_equal(order.places_of(found), places)
    part = np.random.default_rng(0).integers(0, rows, 20)
    np.testing.assert_array_equal(order.rows_at(part), found[part])


@given(st.integers(1, 1 << 40), st.lists(st.integers(0, (1 << 40) - 1), min_size=1, max_size=20), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_part_of_a_huge_order(rows, places, seed):
    places = np.array(places) % rows
    order = RowOrder(rows, seed)
    np.testing.assert_array_equal(order.places_of(order.rows_at(places)), places)


def test_the_order_of_today_is_the_order_of_tomorrow():
    """Caches and trainings that were interrupted rely on it: these numbers must never change."""
    assert RowOrder(10, 0).rows_at(np.arange(10)).tolist() == [4, 2, 0, 8, 1, 7, 6, 5, 3, 9]
    assert RowOrder(50_000_000, 7, 3).rows_at(np.array([0, 1, 49_999_999])).tolist() == [12019679, 3754154, 5824917]
    assert [random_below(1000, 5, epoch) for epoch in range(4)] == [225, 220, 21, 85]


def test_seeds_and_epochs_draw_different_orders():
    orders = {tuple(RowOrder(50, seed, epoch).rows_at(np.arange(50))) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400
    assert len({random_below(10**9, seed, epoch) for seed in range(20) for epoch in range(20)}) == 400


@pytest.mark.parametrize("rows", [2, 3, 4, 5])
def test_few_rows_come_in_every_order_alike_often(rows):
    counts = Counter(tuple(RowOrder(rows, seed).rows_at(np.arange(rows))) for seed in range(6000))
    orders = list(itertools.permutations(range(rows)))
    expected = 6000 / len(orders)
    chi_square = sum((counts[order] - expected) ** 2 / expected for order in orders)
    freedom = len(orders) - 1
    assert chi_square < freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("rows", [1000, 99_999])
def test_rows_move_and_meet_as_in_a_uniform_shuffle(rows):
    """Where rows go, how far neighbours get apart, and which rows share a batch of 500 (5 standard deviations)."""
    found = RowOrder(rows, 4).rows_at(np.arange(rows))
    assert abs(np.corrcoef(np.arange(rows), found)[0, 1]) < 5 / math.sqrt(rows)
    apart = np.abs(np.diff(found)) / rows
    assert apart.mean() == pytest.approx(1 / 3, abs=5 * math.sqrt(1 / 18 / rows))
    assert (np.diff(found) == 1).sum() < 10  # expected: 1
    thirds = (found * 3 // rows)[:rows // 500 * 500].reshape(-1, 500)
    shares = (thirds == 0).sum(1)
    assert shares.mean() == pytest.approx(500 / 3, abs=5)
    variance = 500 * (1 / 3) * (2 / 3) * (rows - 500) / (rows - 1)  # hypergeometric
    count = len(shares)
    assert ((shares - 500 / 3) ** 2).mean() < variance * (1 + 5 * math.sqrt(2 / count))
    if count > 50:
        assert ((shares - 500 / 3) ** 2).mean() > variance * (1 - 5 * math.sqrt(2 / count))


def test_wrong_numbers():
    with pytest.raises(ValueError, match="at least one row, got 0"):
        RowOrder(0, 0)
    with pytest.raises(ValueError, match="from 0 to 9, got 3 to 10"):
        RowOrder(10, 0).rows_at(np.array([3, 10]))
    with pytest.raises(ValueError, match="from 0 to 9, got -1 to 2"):
        RowOrder(10, 0).places_of(np.array([-1, 2]))
    assert RowOrder(10, 0).rows_at(np.array([], dtype=np.int64)).shape == (0,)
