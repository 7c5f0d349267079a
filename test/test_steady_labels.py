"""Steady labels: the formula, what fades, what is forgotten, and that flips fall."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.labels import Label, Labels, Region
from novic_ros.steady_labels import FAINT, MAX_KEYS, SteadyLabels

TRACK = Region(1, 2, 30, 40, "track 7")


def steady(mode="frame", half_life=1.0, forget_after=5.0):
    return SteadyLabels(mode, half_life=half_life, forget_after=forget_after)


def labels(region=None, evidence=None, **scores):
    return Labels(tuple(Label(text, score) for text, score in scores.items()), evidence, region)


def scores(result):
    return {label.text: label.score for label in result.labels}


def test_the_formula_against_the_plain_sum():
    """Four updates at odd times, each word's weighted geometric mean written out."""
    sequence = [(0.0, {"dog": 0.9, "cat": 0.2}), (0.3, {"dog": 0.4, "cat": 0.5}), (1.7, {"cat": 0.6}),
                (2.0, {"cat": 0.3, "dog": 0.7})]
    fusing = steady(half_life=0.8)
    for stamp, said in sequence:
        result = fusing.update("front", stamp, labels(**said))
    weights = [2 ** -((2.0 - stamp) / 0.8) for stamp, _ in sequence]
    for word in ("dog", "cat"):
        logs = [math.log(said.get(word, FAINT)) for _, said in sequence]
        mean = sum(w * log for w, log in zip(weights, logs)) / sum(weights)
        assert scores(result)[word] == pytest.approx(math.exp(mean))
    assert len(result.labels) == 2


words = st.sampled_from(["dog", "cat", "chair", "teapot"])
spoken = st.dictionaries(words, st.floats(0, 1), max_size=4)


@given(spoken, st.lists(st.floats(1e-3, 4.9), max_size=20), st.floats(0.01, 100))
def test_input_that_stays_the_same_is_a_fixed_point(said, steps, half_life):
    fusing, stamp, given_labels = steady(half_life=half_life), 100.0, labels(**said)
    for step in (0.0, *steps):
        stamp += step
        result = fusing.update("front", stamp, given_labels)
        assert [label.text for label in result.labels] == [label.text for label in given_labels.labels]
        assert [label.score for label in result.labels] == pytest.approx([label.score for label in given_labels.labels])


@given(st.lists(st.tuples(st.floats(-1, 5), spoken), max_size=30), st.floats(0.01, 10))
def test_scores_stay_between_the_lowest_and_the_highest_that_came(sequence, half_life):
    fusing, stamp, came = steady(half_life=half_life), 0.0, {}
    for step, said in sequence:
        stamp += step
        result = fusing.update("front", stamp, labels(**said))
        for word, score in said.items():
            came.setdefault(word, []).append(score)
        assert set(said) <= set(scores(result)) <= set(came)
        for word, score in scores(result).items():
            assert min(*came[word], FAINT) - 1e-9 <= score <= max(came[word]) + 1e-9
        assert [label.score for label in result.labels] == sorted(scores(result).values(), reverse=True)


def test_after_one_half_life_an_update_counts_half():
    fusing = steady(half_life=2.0)
    fusing.update("front", 10.0, labels(dog=0.8))
    result = fusing.update("front", 12.0, labels(dog=0.1))
    assert scores(result) == pytest.approx({"dog": 0.8 ** (1 / 3) * 0.1 ** (2 / 3)})


def test_a_single_miss_does_not_change_the_best_label():
    fusing = steady()
    for number in range(10):
        fusing.update("front", number / 10, labels(dog=0.7, cat=0.2))
    result = fusing.update("front", 1.0, labels(cat=0.6, chair=0.3))
    assert result.best.text == "dog"
    assert scores(result)["chair"] < scores(result)["cat"] < scores(result)["dog"] < 0.7


def test_what_is_gone_fades_and_is_forgotten():
    """After the thing has left, its word is not said for long, nor kept."""
    fusing = steady(half_life=0.5)
    for number in range(30):
        fusing.update("front", number / 30, labels(dog=0.9))
    fading = [fusing.update("front", 1 + number / 30, Labels()) for number in range(120)]
    best = [result.best.score for result in fading if result.best]
    assert best == sorted(best, reverse=True)
    assert len(best) < 120 and fading[-1] == Labels()
    assert next(number for number, score in enumerate(best) if score < 0.3) < 15  # within half a second


def test_region_and_evidence_are_the_newest_s():
    fusing = steady("track")
    fusing.update("front/7", 1.0, labels(TRACK, 0.1, dog=0.5))
    moved = Region(9, 9, 5, 5, "track 7")
    result = fusing.update("front/7", 1.1, labels(moved, 0.7, dog=0.5, cat=0.5))
    assert (result.region, result.evidence) == (moved, 0.7)


@pytest.mark.parametrize(("mode", "fused"), [
    ("none", ()), ("frame", ("frame",)), ("track", ("track",))])
def test_what_each_mode_fuses(mode, fused):
    """A box without an id belongs to no track."""
    fusing = steady(mode)
    for name, region in (("frame", None), ("track", TRACK), ("box", Region(0, 0, 5, 5))):
        fusing.update(name, 1.0, labels(region, dog=0.9))
        second = labels(region, cat=0.9)
        result = fusing.update(name, 1.1, second)
        assert (result is not second) == (name in fused)
        assert ("dog" in scores(result)) == (name in fused)
    assert len(fusing) == len(fused)


def test_keys_do_not_mix():
    fusing = steady()
    for number in range(5):
        assert scores(fusing.update("front", float(number), labels(dog=0.9))) == pytest.approx({"dog": 0.9})
        assert scores(fusing.update("rear", float(number), labels(cat=0.8))) == pytest.approx({"cat": 0.8})


@pytest.mark.parametrize("second", [3.0, 2.999, -100.0, 0.0])
def test_a_stamp_that_does_not_move_on_forgets_the_past(second):
    """So a looping bag starts afresh, and a camera whose stamps are all zero is not stuck with its first label."""
    fusing = steady(forget_after=1000.0)
    fusing.update("front", 3.0, labels(dog=0.9))
    assert scores(fusing.update("front", second, labels(cat=0.8))) == pytest.approx({"cat": 0.8})
    assert set(scores(fusing.update("front", second + 0.1, labels(cat=0.8)))) == {"cat"}


@pytest.mark.parametrize(("gap", "remembered"), [(4.9, True), (5.1, False)])
def test_a_key_that_was_away_is_new(gap, remembered):
    fusing = steady(half_life=100.0)
    fusing.update("front", 1.0, labels(dog=0.9))
    assert ("dog" in scores(fusing.update("front", 1.0 + gap, labels(cat=0.8)))) == remembered


def test_a_key_that_is_old_behind_a_newer_one_is_new_too():
    """After a jump of the clock, keys are not remembered in the order of their stamps."""
    fusing = steady(half_life=1000.0)
    fusing.update("front", 100.0, labels(dog=0.9))
    fusing.update("rear", 96.0, labels(dog=0.9))
    assert set(scores(fusing.update("rear", 103.0, labels(cat=0.9)))) == {"cat"}


def test_tracks_that_do_not_come_back_cost_no_memory():
    fusing = steady("track", forget_after=5.0)
    most = 0
    for number in range(3000):
        fusing.update(f"track {number}", number / 10, labels(TRACK, dog=0.9))
        most = max(most, len(fusing))
    assert most <= 52


def test_the_number_of_keys_is_bounded_and_the_oldest_goes():
    fusing = steady("track", forget_after=1e6, half_life=1e6)
    for number in range(MAX_KEYS):
        fusing.update(str(number), float(number), labels(TRACK, dog=0.9))
    fusing.update("0", MAX_KEYS + 0.5, labels(TRACK, dog=0.9))  # seen again, so "1" is the oldest now
    fusing.update("new", MAX_KEYS + 1.0, labels(TRACK, dog=0.9))
    assert len(fusing) == MAX_KEYS
    assert set(scores(fusing.update("0", MAX_KEYS + 2.0, labels(TRACK, cat=0.9)))) == {"cat", "dog"}
    assert set(scores(fusing.update("1", MAX_KEYS + 3.0, labels(TRACK, cat=0.9)))) == {"cat"}


@pytest.mark.parametrize("half_life", [0.1, 1e6])
def test_words_that_are_not_named_again_cost_no_memory(half_life):
    fusing = steady(half_life=half_life)
    for number in range(300):
        result = fusing.update("front", number / 100, labels(**{f"word{number}": 0.9, f"also{number}": 0.8}))
        assert len(result.labels) < 40


def test_a_faint_word_is_not_made_stronger_by_a_past_without_it():
    fusing = steady()
    fusing.update("front", 1.0, labels(dog=0.9))
    assert scores(fusing.update("front", 1.1, labels(dog=0.9, cat=0.001)))["cat"] == pytest.approx(0.001)


def test_when_the_clock_jumps_back_keys_from_the_future_are_forgotten_too():
    fusing = steady("track")
    for number in range(20):
        fusing.update(f"track {number}", 1000.0 + number / 10, labels(TRACK, dog=0.9))
    fusing.update("track 0", 3.0, labels(TRACK, dog=0.9))
    assert len(fusing) == 1


def test_clear():
    fusing = steady()
    fusing.update("front", 1.0, labels(dog=0.9))
    fusing.clear()
    assert len(fusing) == 0
    assert set(scores(fusing.update("front", 1.1, labels(cat=0.8)))) == {"cat"}


def test_top_k_and_min_score_cut_what_is_said_and_not_what_is_remembered():
    fusing = steady()
    assert scores(fusing.update("front", 1.0, labels(dog=0.9, cat=0.4), min_score=0.5)) == pytest.approx({"dog": 0.9})
    assert set(scores(fusing.update("front", 1.1, labels(cat=0.9), top_k=1))) == {"cat"}
    assert set(scores(fusing.update("front", 1.2, labels(cat=0.9)))) == {"cat", "dog"}


def flips(results):
    """How often the best label changed."""
    best = [result.best.text if result.best else None for result in results]
    return sum(before != after for before, after in zip(best, best[1:]))


def test_flips_on_a_noisy_sequence_fall():
    """A minute at 10 Hz: a dog until half time, then a cat; a third of the frames see anything at all."""
    seeded = random.Random(5)
    came, truth = [], []
    for number in range(600):
        truth.append("dog" if number < 300 else "cat")
        best = truth[-1] if seeded.random() < 2 / 3 else seeded.choice(["cat", "dog", "chair", "teapot", "lion"])
        others = seeded.sample(["cat", "dog", "chair", "teapot", "lion"], 3)
        said = {word: seeded.uniform(0.05, 0.3) for word in others} | {best: seeded.uniform(0.4, 0.8)}
        came.append(labels(**said))
    fusing = steady(half_life=0.5)
    fused = [fusing.update("front", number / 10, one) for number, one in enumerate(came)]
    assert flips(came) > 150
    assert flips(fused) < flips(came) / 4
    right = [sum(one.best.text == word for one, word in zip(results, truth)) for results in (came, fused)]
    assert right[1] > right[0]


@pytest.mark.parametrize(("changes", "message"), [
    ({"mode": "both"}, "mode: expected none, track, frame, got 'both'"), ({"half_life": 0}, "half_life: .* got 0"),
    ({"half_life": math.nan}, "half_life: .* got nan"), ({"half_life": math.inf}, "half_life"),
    ({"half_life": True}, "half_life"), ({"forget_after": -1.0}, "forget_after: .* got -1.0"),
    ({"forget_after": "soon"}, "forget_after")])
def test_bad_values(changes, message):
    with pytest.raises(ValueError, match=message):
        steady(**changes)


@pytest.mark.parametrize("stamp", [math.nan, math.inf])
def test_a_stamp_that_is_none(stamp):
    with pytest.raises(ValueError, match="stamp: expected finite seconds"):
        steady().update("front", stamp, labels(dog=0.9))
