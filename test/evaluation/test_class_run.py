"""Classification sets with a stand-in labeller: which nouns may be said, what counts as right, and zero-shot beside."""

import types

import class_set_makers as makers
import pytest
import torch

from novic_ros.evaluation import class_run
from novic_ros.evaluation.class_names import ClassNouns
from novic_ros.evaluation.class_run import run_classes
from novic_ros.evaluation.class_sets import read_class_set
from novic_ros.labeller import Timed
from novic_ros.labels import Label, Labels


class ByBrightness:
    """Says the next noun of a list for every picture, and embeds a picture as (its brightness, 50)."""

    def __init__(self, *said):
        self.said, self.sites, self.calls = list(said), [], []

    def set_vocabulary(self, site):
        self.sites.append(site.guide)
        return []

    def embed_timed(self, images):
        self.calls.append(len(images))
        vectors = torch.tensor([[float(image.mean()), 50.0] for image in images])
        return types.SimpleNamespace(vectors=vectors), {"preprocess": 0.25, "embed": 0.5}

    def label_embedded(self, embeddings, top_k):
        labels = []
        for _ in embeddings.vectors:
            texts = self.said.pop(0)
            labels.append(Labels(tuple(Label(text, 0.75 / (place + 1)) for place, text in enumerate(texts[:top_k]))))
        return Timed(labels, {"decode": 0.25}, 0)


NAMES = [["cat", "tomcat"], ["dog"], ["gizmo"]]
NOUNS = ClassNouns((("cat", "tomcat"), ("dog", "tomcat"), ()))


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(class_run, "describe_environment", lambda labeller: {})
    return read_class_set(makers.folders(tmp_path, ["1_cat", "2_dog", "3_gizmo"], count=2))  # brightness 0, 20 each


def test_right_is_any_noun_of_the_class(pictures):
    labeller = ByBrightness(["tomcat"], ["dog", "cat"], ["tomcat"], [], ["cat"], ["dog"])
    found = run_classes(labeller, pictures, NAMES, NOUNS, batch=4)
    assert labeller.sites == [("cat", "tomcat", "dog")] and labeller.calls == [4, 2]
    assert [one.score for one in found.items] == [1, 0, 1, 0, 0, 0]
    assert (found.figure("accuracy").k, found.figure("accuracy").n) == (2, 6)
    assert found.figure("top-5 accuracy").k == 3 and found.figure("answered").k == 5
    assert found.figure("mean class recall").value == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert found.figure("zero-shot accuracy") is None
    assert found.counts == {"pictures": 6, "classes": 3, "nouns": 3, "classes without a noun": 1}
    rows = {row["class"]: (row["right"], row["said"], row["true"]) for row in found.curves["per class"]}
    assert rows == {"cat": (1, 2, 2), "dog": (1, 3, 2), "gizmo": (0, 0, 2)}
    assert found.items[0].truth.synonyms == {"cat", "tomcat"} and found.items[4].truth.name == "gizmo"
    assert found.timing["total"] == pytest.approx([found.timing["read"][0] + 0.25, found.timing["read"][1] + 0.5])


def test_zero_shot_stands_beside_it(pictures):
    classes = torch.nn.functional.normalize(torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, -1.0]]), dim=1)
    labeller = ByBrightness(*[["dog"]] * 6)  # zero-shot says cat to all: the same accuracy, of other pictures
    found = run_classes(labeller, pictures, NAMES, NOUNS, zero_shot=classes)
    names = ("accuracy", "zero-shot accuracy", "zero-shot top-5 accuracy")
    assert [found.figure(name).k for name in names] == [2, 2, 6]
    beyond = found.figure("accuracy beyond zero-shot")
    assert beyond.value == 0 and beyond.interval[0] < 0 < beyond.interval[1]


def test_a_picture_that_cannot_be_read_is_a_problem(pictures, tmp_path):
    (tmp_path / pictures.files[1]).write_bytes(b"no picture")
    found = run_classes(ByBrightness(*[["dog"]] * 5), pictures, NAMES, NOUNS, batch=2)
    assert found.counts["unreadable"] == 1 and len(found.items) == 5
    (problem,) = found.problems
    assert problem.startswith("1_cat/1_cat_1.jpg: ") and str(tmp_path) not in problem


def test_nothing_can_be_read(pictures, tmp_path):
    for file in pictures.files:
        (tmp_path / file).write_bytes(b"")
    found = run_classes(ByBrightness(), pictures, NAMES, NOUNS)
    assert (found.figures, found.items, len(found.problems)) == ((), (), 6)


def test_classes_with_one_name_are_told_apart_in_the_table(pictures):
    names = [["crane"], ["crane"], ["dog"]]
    nouns = ClassNouns((("crane",), ("crane",), ("dog",)))
    found = run_classes(ByBrightness(*[["crane"]] * 6), pictures, names, nouns)
    assert [row["class"] for row in found.curves["per class"]] == ["crane (0)", "crane (1)", "dog"]
    assert found.figure("accuracy").k == 4
