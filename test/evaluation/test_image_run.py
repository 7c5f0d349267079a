"""Folders of pictures with a stand-in labeller: what is labelled, in which order, and what is counted."""

import numpy as np
import pytest
from PIL import Image

from novic_ros.evaluation import image_run
from novic_ros.evaluation.image_run import label_pictures, match_truth, run_images
from novic_ros.evaluation.truth_files import TruthSet, find_pictures, names_truth
from novic_ros.labels import Label, Labels


class GreyLabeller:
    """Says how bright a picture is; counts the pictures of each call."""

    def __init__(self):
        self.calls = []

    def label_timed(self, images):
        self.calls.append(len(images))
        labels = [Labels((Label("dark" if image.mean() < 128 else "light", 0.75),), 0.5) for image in images]
        return labels, {"embed": 0.5, "decode": 0.25}, 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(image_run, "describe_environment", lambda labeller: {"model": "grey"})
    for name, grey in (("a.png", 10), ("b.png", 200), ("in/c.png", 10), ("in/d.png", 200)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), grey, np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def truth(**names):
    return TruthSet("names", {name.replace("__", "/") + ".png": names_truth(word) for name, word in names.items()})


def test_all_pictures_are_labelled_and_a_broken_one_is_a_problem(folder):
    labeller, advanced = GreyLabeller(), []
    evaluation = run_images(labeller, folder, find_pictures(folder), advance=advanced.append)
    assert [(one.id, one.picture, one.best.text, one.evidence) for one in evaluation.items] == [
        ("a.png", "a.png", "dark", 0.5), ("b.png", "b.png", "light", 0.5), ("in/c.png", "in/c.png", "dark", 0.5),
        ("in/d.png", "in/d.png", "light", 0.5)]
    assert evaluation.counts == {"pictures": 4, "unreadable": 1}
    (problem,) = evaluation.problems
    assert problem.startswith("broken.png: ") and str(folder) not in problem
    assert labeller.calls == [1, 1, 1, 1] and advanced == [1] * 5
    assert {stage: len(seconds) for stage, seconds in evaluation.timing.items()} == {
        "read": 4, "embed": 4, "decode": 4, "total": 4}
    assert evaluation.environment == {"model": "grey"}


def test_batches_say_the_same_and_take_their_share_of_the_time(folder):
    labeller = GreyLabeller()
    items, problems, timing = label_pictures(labeller, folder, {name: name for name in find_pictures(folder)}, batch=3)
    assert labeller.calls == [2, 2] and len(problems) == 1  # a b (broken) | c d
    assert timing["embed"] == [0.25, 0.25] and timing["total"][0] >= 0.375
    assert [one.best.text for one in items] == ["dark", "light", "dark", "light"]


def test_only_pictures_with_a_truth_are_labelled(folder):
    evaluation = run_images(GreyLabeller(), folder, find_pictures(folder),
                            truth(d="light", b="dark", broken="dark", gone="dark", in__c="dark"))
    assert [(one.id, one.picture, one.score) for one in evaluation.items] == [
        ("d.png", "in/d.png", 1), ("b.png", "b.png", 0), ("in/c.png", "in/c.png", 1)]
    assert evaluation.counts == {"pictures": 3, "unreadable": 1, "missing": 1, "without truth": 1}
    assert evaluation.problems[1] == "gone.png: the truth names it, but there is no such picture"
    assert evaluation.figure("exact").k == 2 and evaluation.figure("exact").n == 3


def test_names_match_by_path_or_by_an_only_file_name():
    pictures = ["a/1.jpg", "b/1.jpg", "b/2.jpg", "3.jpg"]
    found, missing = match_truth(pictures, TruthSet("names", dict.fromkeys(
        ["a/1.jpg", "1.jpg", "2.jpg", "./3.jpg", "c/2.jpg"], names_truth("x"))))
    assert found == {"a/1.jpg": "a/1.jpg", "2.jpg": "b/2.jpg", "./3.jpg": "3.jpg"}
    assert missing == ["1.jpg", "c/2.jpg"]


def test_two_runs_are_equal_to_the_byte(folder):
    runs = [run_images(GreyLabeller(), folder, find_pictures(folder), truth(a="dark", b="dark")) for _ in range(2)]
    assert runs[0].to_bytes() == runs[1].to_bytes()
