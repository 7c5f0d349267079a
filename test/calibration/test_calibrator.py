"""The calibrator: the formula by hand, its monotony, its file, and what ties it to its decoder."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.calibration import CALIBRATION_FILE, CalibrationError, Calibrator

CALIBRATOR = Calibrator(-2.0, 0.7, -0.4, 0.2, threshold=0.6, views=2, fitted={"photos": 584})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "decoder.safetensors").write_bytes(b"a decoder")
    CALIBRATOR.save(tmp_path)
    return tmp_path


def test_score_by_hand():
    logit = -2 + 0.7 * 8 - 0.4 * 9 + 0.2 * math.log(0.8 / 0.2)
    assert CALIBRATOR.score(8, 9, 0.8) == pytest.approx(1 / (1 + math.exp(-logit)))


@given(st.floats(0, 30), st.floats(0, 12), st.floats(0, 1))
def test_scores_are_probabilities_that_rise_with_prominence_and_support_and_fall_with_the_claim(z, claim, support):
    score = CALIBRATOR.score(z, claim, support)
    assert 0 <= score <= 1
    assert CALIBRATOR.score(z + 1, claim, support) >= score
    assert CALIBRATOR.score(z, claim + 1, support) <= score
    assert CALIBRATOR.score(z, claim, min(1, support + 0.1)) >= score


@pytest.mark.parametrize("numbers", [(1e6, 0, 0, 0), (-1e6, 0, 0, 0)])
def test_extreme_numbers_do_not_overflow(numbers):
    assert Calibrator(*numbers).score(1, 1, 0.5) == pytest.approx(float(numbers[0] > 0))


def test_no_and_full_support_are_finite():
    assert 0 < CALIBRATOR.score(8, 9, 0.0) < CALIBRATOR.score(8, 9, 1.0) < 1


def test_what_was_saved_comes_back(folder):
    assert Calibrator.load(folder) == CALIBRATOR
    assert Calibrator.load(folder).fitted == {"photos": 584}


@pytest.mark.parametrize(("changes", "message"), [
    ({"bias": math.nan}, "bias as a finite number"), ({"prominence": "much"}, "prominence as a finite number"),
    ({"specificity": True}, "specificity as a finite number"), ({"support": -0.1}, "support of at least 0"),
    ({"threshold": 0.0}, "threshold between 0 and 1"), ({"threshold": 1.0}, "threshold between 0 and 1"),
    ({"views": 3}, "1 or 2 views"), ({"views": True}, "1 or 2 views")])
def test_numbers_that_cannot_be_right(changes, message):
    numbers = {"bias": 0.0, "prominence": 1.0, "specificity": -1.0, "support": 1.0}
    with pytest.raises(CalibrationError, match=message):
        Calibrator(**numbers | changes)


def test_another_decoder_is_noticed(folder):
    (folder / "decoder.safetensors").write_bytes(b"another decoder")
    with pytest.raises(CalibrationError, match="fitted for another decoder.*novic calibrate"):
        Calibrator.load(folder)


def damage(folder, change):
    path = folder / CALIBRATION_FILE
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(("change", "message"), [
    (lambda content: content.update(format="other"), "expected 'novic_ros calibration'"),
    (lambda content: content.update(version=2), "update novic_ros"),
    (lambda content: content.pop("bias"), "expected bias too"),
    (lambda content: content.update(bias="x"), "bias as a finite number"),
])
def test_damaged_files_are_named(folder, change, message):
    damage(folder, change)
    with pytest.raises(CalibrationError, match=message) as error:
        Calibrator.load(folder)
    assert str(folder / CALIBRATION_FILE) in str(error.value)


def test_missing_and_broken_files(folder, tmp_path):
    with pytest.raises(CalibrationError, match="found no such file; novic calibrate"):
        Calibrator.load(tmp_path / "absent")
    (folder / CALIBRATION_FILE).write_text("{")
    with pytest.raises(CalibrationError, match="expected a JSON file"):
        Calibrator.load(folder)
    with pytest.raises(CalibrationError, match="expected the decoder that the calibrator belongs to"):
        CALIBRATOR.save(tmp_path / "absent")
