"""Labels of bags become items, figures, counts and problems; hand-made bags with hand-computed figures."""

import pytest

from novic_ros.evaluation.bag_evaluation import LabelledBag, evaluate_bags, frame_of
from novic_ros.evaluation.bag_run import FrameLabels
from novic_ros.evaluation.bag_truth import BagTruth, Fact
from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.results import Evaluation
from novic_ros.evaluation.truth_files import names_truth
from novic_ros.labels import Label, Labels, Region

STEP = 500_000_000


def said(*words, score=0.8, region=None):
    return Labels(tuple(Label(word, score / (n + 1)) for n, word in enumerate(words)), 0.5, region)


def frame(index, *labels, topic="/a", stamp=None, **more):
    time = (index + 1) * STEP
    seconds = {"read": 0.25, "embed": 0.5}
    return FrameLabels(topic, index, time if stamp is None else stamp, time, labels, seconds=seconds, **more)


class Told(BagTruth):
    """Truth by index of the frame: a list of (name, group)."""

    def __init__(self, truths):
        self.truths = truths

    def of(self, topic, stamp, recorded, track=None):
        known = self.truths[recorded // STEP - 1] if track is None else self.truths[0] if track == "7" else None
        if known is None:
            return None
        truth, group = known
        return Fact(names_truth(truth) if isinstance(truth, str) else truth, group)


def figures(evaluation):
    return {one.name: (one.k if one.k is not None else pytest.approx(one.value), one.n) for one in evaluation.figures}


def test_without_truth_labels_are_steady_sure_and_varied():
    frames = [frame(n, said(word)) for n, word in enumerate(["cat", "cat", "dog", "cat", "cat"])]
    found = evaluate_bags([LabelledBag("run", frames)], "a title", "novic evaluate bag run")
    assert figures(found) == {"steady": (2, 4), "changes per minute": (60.0, 4), "distinct labels": (2, 5),
                              "20 most frequent": (5, 5), "mean score": (0.8, 5)}
    assert found.counts == {"bags": 1, "frames": 5, "frames labelled": 5, "items": 5}
    assert (found.kind, found.title, found.command, found.problems) == ("bag", "a title", "novic evaluate bag run", ())
    assert found.timing == {"read": [0.25] * 5, "embed": [0.5] * 5, "total": [0.75] * 5}
    assert found.curves["bags"] == [
        {"bag": "run", "topic": "/a", "frames": 5, "labelled": 5, "judged": 0, "score": None}]
    assert found.curves["frequent labels"] == [{"label": "cat", "n": 4}, {"label": "dog", "n": 1}]
    assert "reliability" not in found.curves


def test_items_say_where_they_are_from():
    region = Region(1, 2, 3, 4, "7")
    frames = [frame(0, said("cat"), said("ear", region=region)), frame(1, said("cat"), stamp=0)]
    found = evaluate_bags([LabelledBag("run", frames)], "")
    assert [(one.id, one.source, one.stamp, one.region, one.best.text, one.evidence) for one in found.items] == [
        ("run:/a#000000", "run:/a", 0.5, None, "cat", 0.5), ("run:/a#000000.1", "run:/a", 0.5, region, "ear", 0.5),
        ("run:/a#000001", "run:/a", 1.0, None, "cat", 0.5)]
    assert [frame_of(one) for one in found.items] == [("run", "/a", 0), ("run", "/a", 0), ("run", "/a", 1)]
    assert found.counts["frames without a stamp"] == 1
    assert found.counts["crops labelled"] == 1


def test_names_are_right_or_wrong():
    words = [("cat", "dog"), ("dog", "cat"), (), ("cup",), ("cup",)]
    frames = [frame(n, said(*one)) for n, one in enumerate(words)]
    truth = Told([("cat", "1"), ("cat", "1"), ("cat", "1"), ("cup", "2"), None])
    found = evaluate_bags([LabelledBag("run", frames, truth=truth)], "")
    numbers = figures(found)
    assert {name: numbers[name] for name in ("exact", "exact in list", "answered", "steady", "changes per minute")} == {
        "exact": (2, 4), "exact in list": (3, 4), "answered": (3, 4),
        "steady": (0, 2),  # only while the truth stays: cat-dog, dog-nothing
        "changes per minute": (120.0, 2)}
    assert "score" not in numbers
    assert [one.score for one in found.items] == [1.0, 0.0, 0.0, 1.0, None]
    assert found.counts["items without truth"] == 1
    assert found.figure("calibration error").n == 3
    assert sum(group["n"] for group in found.curves["reliability"]) == 3
    assert found.curves["bags"][0] | {"score": 0.5, "judged": 4} == found.curves["bags"][0]


def test_graded_truth_has_the_figures_of_pictures():
    tabby = Truth(frozenset({"tabby"}), (frozenset({"cat"}), frozenset({"feline"}), frozenset({"carnivore"}),
                                         *[frozenset({f"step {n}"}) for n in range(4)], frozenset({"object"})),
                  frozenset({"mackerel tabby"}), "tabby")
    words = ["tabby", "cat", "carnivore", "object", "cup"]
    found = evaluate_bags([LabelledBag("run", [frame(n, said(word)) for n, word in enumerate(words)],
                                       truth=Told([(tabby, "1")] * 5))], "")
    numbers = figures(found)
    assert {name: numbers[name] for name in ("score", "exact", "exact in list", "over-generic", "close", "answered",
                                             "truthful", "generic")} == {
        "score": (0.3, 5), "exact": (1, 5), "exact in list": (1, 5), "over-generic": (2, 5), "close": (2, 5),
        "answered": (5, 5), "truthful": (4, 5), "generic": (1, 5)}


def test_sure_answers_are_figured_apart():
    frames = [frame(0, said("cat", score=0.95)), frame(1, said("dog", score=0.9)), frame(2, said("cat", score=0.5))]
    found = evaluate_bags([LabelledBag("run", frames, truth=Told([("cat", "1")] * 3))], "")
    assert figures(found)["right at 0.9"] == (1, 2)


def test_a_stretch_of_one_truth_counts_once_for_intervals():
    many = [frame(n, said("cat" if n < 50 else "dog")) for n in range(100)]
    truth = Told([("cat", str(n // 50)) for n in range(100)])
    exact = evaluate_bags([LabelledBag("run", many, truth=truth)], "").figure("exact")
    assert (exact.k, exact.n, exact.interval) == (50, 100, (0.0, 1.0))


def test_crops_are_judged_by_their_track_and_never_by_the_frame():
    frames = [frame(0, said("cat"), *(said("cat", region=Region(0, 0, 9, 9, track)) for track in ("7", "8", "")))]
    found = evaluate_bags([LabelledBag("run", frames, truth=Told([("cat", "1")]))], "")
    assert [one.score for one in found.items] == [1.0, 1.0, None, None]


def test_tracks_are_steady_each_by_itself():
    def two(index, one, other):
        return frame(index, said(one, region=Region(0, 0, 9, 9, "7")), said(other, region=Region(0, 0, 9, 9, "8")),
                     said("anything", region=Region(0, 0, 9, 9)))

    found = evaluate_bags([LabelledBag("run", [two(0, "cat", "dog"), two(1, "cat", "cup"), two(2, "cat", "cup")])], "")
    assert figures(found)["steady"] == (3, 4)


def test_what_failed_is_counted_and_told_once_for_each_cause():
    frames = [frame(0, said("cat")), frame(1, cause="image", reason="it is a depth image"),
              frame(2, cause="image", reason="another"), frame(3, cause="labeller", reason="no"),
              frame(4, cause="no boxes", reason="none", skipped={"too small": 2}),
              frame(0, said("cat"), topic="/b", skipped={"too small": 1})]
    found = evaluate_bags([LabelledBag("run", frames, problems=["run/a.mcap: cut"])], "", unread=["other: no bag"])
    assert found.problems == (
        "other: no bag", "run/a.mcap: cut",
        "run:/a: 2 of 5 frames could not be labelled, cause image; the first is frame 1: it is a depth image",
        "run:/a: 1 of 5 frames could not be labelled, cause labeller; the first is frame 3: no")
    assert found.counts == {
        "bags": 1, "bags not read": 1, "frames": 6, "frames labelled": 2, "items": 2, "frames not labelled, image": 2,
        "frames not labelled, labeller": 1, "frames not labelled, no boxes": 1, "boxes left out, too small": 3}


def test_stamps_that_go_back_are_counted_by_camera():
    stamps = [("/a", 5), ("/b", 1), ("/a", 4), ("/b", 2), ("/a", 6), ("/a", 0), ("/a", 1)]
    frames = [frame(n, said("cat"), topic=topic, stamp=stamp) for n, (topic, stamp) in enumerate(stamps)]
    counts = evaluate_bags([LabelledBag("run", frames)], "").counts
    assert (counts["frames whose stamp goes back"], counts["frames without a stamp"]) == (1, 1)


def test_nothing_labelled_is_no_error():
    found = evaluate_bags([LabelledBag("run", [frame(0, cause="image", reason="no")])], "")
    assert (found.figures, found.items, found.counts["frames"]) == ((), (), 1)


def test_it_can_be_saved_and_read_again(tmp_path):
    frames = [frame(n, said(word)) for n, word in enumerate(["cat", "cat", "dog"])]
    found = evaluate_bags([LabelledBag("run", frames, truth=Told([("cat", "1")] * 3), environment={"model": "m"})], "t")
    found.save(tmp_path)
    assert Evaluation.load(tmp_path).to_bytes() == found.to_bytes()
    assert found.environment == {"model": "m"}
