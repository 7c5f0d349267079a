"""Running figures: means since the last line, and averages whose weights halve every four chunks."""

import pytest

from novic_ros.training.meter import Meter


def test_figures_since_the_last_line():
    meter = Meter.for_chunks_of(3)
    meter.add(2.0, 1, 4)
    meter.add(4.0, 2, 8)
    assert meter.take() == {"loss": 3.0, "accuracy": 0.25}
    meter.add(1.0, 3, 3)
    assert meter.take() == {"loss": 1.0, "accuracy": 1.0}


def test_weights_halve_in_four_chunks():
    meter = Meter.for_chunks_of(2.5)
    meter.add(1.0, 10, 10)
    for _ in range(10):
        meter.add(0.0, 0, 10)
    # the first step's weight is a half, those of the ten others are between a half and one
    weights = [0.5 ** ((10 - step) / 10) for step in range(11)]
    assert meter.smoothed()["loss"] == pytest.approx(weights[0] / sum(weights))
    assert weights[0] == 0.5
    assert meter.smoothed()["accuracy"] == pytest.approx(weights[0] / sum(weights))


def test_equal_figures_are_their_own_average():
    meter = Meter.for_chunks_of(1)
    for _ in range(5):
        meter.add(0.7, 3, 4)
        assert meter.smoothed() == pytest.approx({"loss": 0.7, "accuracy": 0.75})


def test_it_goes_on_from_its_state():
    one = Meter.for_chunks_of(2)
    one.add(1.5, 2, 3)
    other = Meter.of(one.state())
    for meter in (one, other):
        meter.add(0.3, 1, 7)
    assert one == other
