"""`novic evaluate classes` from the command line: small sets in the real layouts, and what cannot be used."""

import class_set_makers as makers
import pytest

from novic_ros.evaluation.results import Evaluation


def test_a_classification_set_with_zero_shot_beside_it(evaluate, tmp_path):
    root, _, _ = makers.cifar_pickles(tmp_path / "set")
    (tmp_path / "names.txt").write_text("dog\ncat, unheard of\nteapot\n")
    code, out, err = evaluate("classes", root, "--names", tmp_path / "names.txt", "--output", tmp_path / "out")
    assert (code, err) == (0, "")
    names = [line.split("  ")[0] for line in out.splitlines()]
    assert names[:6] == ["accuracy", "top-5 accuracy", "mean class recall", "zero-shot accuracy",
                         "zero-shot top-5 accuracy", "accuracy beyond zero-shot"]
    found = Evaluation.load(tmp_path / "out")
    assert found.kind == "classes" and found.counts == {"pictures": 5, "classes": 3, "nouns": 3}
    assert {label.text for item in found.items for label in item.labels} <= {"dog", "cat", "teapot"}
    assert found.figure("top-5 accuracy").k == 5  # three nouns in all
    assert (tmp_path / "out" / "report.html").read_text().count("data:image/jpeg") >= 1


def test_classes_without_nouns_are_said(evaluate, tmp_path):
    makers.folders(tmp_path / "set", ["dog", "gizmo"])
    code, out, err = evaluate("classes", tmp_path / "set", "--no-zero-shot", "--limit", "3")
    assert code == 0 and "zero-shot" not in out and "classes without a noun 1" in out and "pictures 3" in out
    assert err == ("novic evaluate: 1 of 2 classes have no noun in the model's vocabulary, so their pictures count as "
                   "wrong: gizmo\n")


@pytest.mark.parametrize(("arguments", "message"), [
    (["{set}"], "expected classes that the model has nouns for, found none of gizmo, widget"),
    (["{set}", "--limit", "0"], "--limit: expected a whole number"),
    (["{set}", "--split", "train"], "found none of gizmo"),
    (["{set}/none"], "found no folder"), (["{set}", "--names", "{set}/none.txt"], "none.txt"),
    (["{set}", "--prompts", "{set}/none.txt"], "none.txt"), (["{set}", "--dictionary", "{set}/none.json"], "none.json"),
])
def test_sets_that_cannot_be_used(evaluate, tmp_path, arguments, message):
    makers.folders(tmp_path / "set", ["gizmo", "widget"])
    code, out, err = evaluate("classes", *(text.format(set=tmp_path / "set") for text in arguments))
    assert (code, out) == (2, "") and message in err and len(err.splitlines()) == 1
