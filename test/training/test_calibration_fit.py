"""Fitting a calibrator: known numbers come back, categories are kept apart, and what cannot be fitted is refused."""

import math

import numpy as np
import pytest
from tiny_calibration import CHAINS, tiny_ancestors

from novic_ros.calibration import CalibrationError, Guess, Sight, candidates
from novic_ros.training.calibration_fit import (
    LabelledPhoto,
    cross_fitted,
    fit_calibrator,
    logistic_regression,
)

ANCESTORS = tiny_ancestors()
LEAVES = [noun for noun in CHAINS if noun != "cat"]


def photos(count=3000, seed=0, prominence=True):
    """Photos whose best guess is true with probability sigmoid(prominence - 2); what is above it is true with it."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(count):
        z = random.uniform(0, 5)
        noun, is_true = LEAVES[random.integers(len(LEAVES))], random.random() < 1 / (1 + math.exp(2 - z))
        right = {noun, *CHAINS[noun]} if is_true else set()
        sight = Sight([Guess(noun, math.log(0.5))], z if prominence else None)
        made.append(LabelledPhoto(sight, right.__contains__, f"category {i % 50}"))
    return made


def test_regression_finds_the_numbers_that_made_the_data():
    random = np.random.default_rng(1)
    features = random.normal(size=(20_000, 2))
    right = random.random(20_000) < 1 / (1 + np.exp(-(0.5 + features @ [1.0, -2.0])))
    assert logistic_regression(features, right, np.ones(20_000)) == pytest.approx([0.5, 1.0, -2.0], abs=0.08)


def test_regression_weighs_its_examples():
    features, right = np.zeros((4, 1)), [True, False, False, False]
    assert logistic_regression(features, right, [3, 1, 1, 1])[0] == pytest.approx(0.0, abs=1e-6)
    assert logistic_regression(features, right, [1, 1, 1, 1])[0] == pytest.approx(math.log(1 / 3), abs=1e-6)


def test_separable_examples_stay_finite():
    found = logistic_regression(np.array([[-1.0], [1.0]] * 20), [False, True] * 20, np.ones(40))
    assert np.isfinite(found).all() and found[1] > 3


def test_a_fitted_calibrator_tells_probabilities():
    made = photos()
    calibrator = fit_calibrator(made, ANCESTORS, threshold=0.7, views=2, fitted={"photos": 3000})
    assert (calibrator.threshold, calibrator.views, calibrator.fitted) == (0.7, 2, {"photos": 3000})
    best = candidates(Sight([Guess("dog", math.log(0.5))], 0), ANCESTORS)[0][0]
    for z in (1, 2, 3, 4):
        assert calibrator.score(z, best.specificity, best.support) == pytest.approx(1 / (1 + math.exp(2 - z)), abs=0.07)


def test_an_encoder_without_classes_has_no_prominence():
    calibrator = fit_calibrator(photos(prominence=False), ANCESTORS)
    assert calibrator.prominence == 0.0


def test_support_never_counts_against_a_label():
    """Here the guesses that the decoder believes in are the wrong ones."""
    made = []
    for i in range(200):
        share = 0.9 if i % 4 else 0.1
        made.append(LabelledPhoto(Sight([Guess("chair", math.log(share))]), {"chair"}.__contains__ if i % 4 == 0 else
                                  set().__contains__, str(i)))
    calibrator = fit_calibrator(made, ANCESTORS)
    assert calibrator.support == 0.0
    assert calibrator.score(0, ANCESTORS.specificity(None), 0.9) == pytest.approx(0.25, abs=0.02)


def test_no_photo_is_judged_by_its_own_category(monkeypatch):
    seen = {}
    real = fit_calibrator

    def spy(others, ancestors):
        calibrator = real(others, ancestors)
        seen[id(calibrator)] = (calibrator, {photo.category for photo in others})
        return calibrator

    monkeypatch.setattr("novic_ros.training.calibration_fit.fit_calibrator", spy)
    made = photos(200)
    pairs = cross_fitted(made, ANCESTORS)
    assert sorted(map(id, (photo for photo, _ in pairs))) == sorted(map(id, made))
    assert len(seen) == 5
    assert all(photo.category not in seen[id(calibrator)][1] for photo, calibrator in pairs)


def test_too_little_to_learn_from():
    with pytest.raises(CalibrationError, match="at least 20 labelled photos"):
        fit_calibrator(photos(10), ANCESTORS)
    always = [LabelledPhoto(Sight([Guess("dog", -1.0)], 3.0), lambda text: True, "dog")] * 30
    with pytest.raises(CalibrationError, match="true and false guesses, got 30 photos with"):
        fit_calibrator(always, ANCESTORS)


def test_photos_without_a_guess_are_left_out():
    calibrator = fit_calibrator([*photos(300), LabelledPhoto(Sight([]), lambda text: True, "none")], ANCESTORS)
    assert calibrator == fit_calibrator(photos(300), ANCESTORS)
