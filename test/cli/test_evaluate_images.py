"""`novic evaluate images` from the command line: figures, reports, problems, and what cannot be done."""

import json

import class_set_makers as makers
import pytest

from novic_ros.cli.main import main
from novic_ros.evaluation.prediction_files import AuthorsPredictions
from novic_ros.evaluation.results import Evaluation


def test_a_folder_with_its_truth_and_a_report(evaluate, photos, tmp_path):
    code, out, err = evaluate("images", photos, "--output", tmp_path / "out")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("score") and lines[-2] == "pictures 3" and lines[-1].startswith("report in ")
    found = Evaluation.load(tmp_path / "out")
    assert (found.kind, found.title, found.counts, len(found.items)) == ("images", "photos", {"pictures": 3}, 3)
    assert found.command == "novic evaluate images photos --model tiny --device cpu"
    assert found.environment["device"] == "cpu" and len(found.environment["weights"]) == 16
    assert all(len(found.timing[stage]) == 3 for stage in ("read", "preprocess", "embed", "decode", "total"))
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/jpeg") >= 3 and str(tmp_path) not in page


def test_two_runs_are_equal_to_the_byte_in_batches_of_their_own(evaluate, photos, tmp_path):
    for name in ("one", "two"):
        assert evaluate("images", photos, "--output", tmp_path / name, "--quiet")[:2] == (0, "")
    first, second = ((tmp_path / name / "report.json").read_bytes() for name in ("one", "two"))
    assert first == second
    evaluate("images", photos, "--output", tmp_path / "batch", "--batch", "2")
    labels = [[[label.text for label in item.labels] for item in Evaluation.load(tmp_path / name).items]
              for name in ("one", "batch")]
    assert labels[0] == labels[1]


def test_problems_cost_exit_code_one(evaluate, photos, photo_truth):
    (photos / "1.png").write_bytes(b"no picture")
    (photos / "truth.json").write_text(json.dumps([*photo_truth, photo_truth[0] | {"file": "gone.png"}]))
    code, out, err = evaluate("images", photos, "--json")
    content = json.loads(out)
    assert code == 1 and content["counts"] == {"pictures": 2, "unreadable": 1, "missing": 1}
    assert [line.split(": ")[1] for line in err.splitlines()] == ["1.png", "gone.png"]
    assert content["figures"]["exact"]["n"] == 2


def test_a_folder_without_truth(evaluate, photos):
    (photos / "truth.json").unlink()
    code, out, err = evaluate("images", photos)
    assert (code, err) == (0, "")
    assert [line.split("  ")[0] for line in out.splitlines()] == [
        "distinct labels", "20 most frequent", "mean score", "pictures 3"]


def test_ovic_annotations_and_the_authors_predictions(evaluate, photos, tmp_path):
    (photos / "truth.json").unlink()
    judged = {f"{n}.png": {"correct_primary": ["dog", "cat"], "incorrect": ["chair"]} for n in range(3)}
    (photos / "_class_annotations.json").write_text(json.dumps(judged))
    code, out, err = evaluate("images", photos, "--predictions", tmp_path / "p.json", "--top", "3")
    assert code in (0, 1) and "prediction score" in out  # 1 if a label was said that nobody judged
    content = AuthorsPredictions.read(tmp_path / "p.json")
    (search,) = content.predictions.values()
    assert list(content.samples) == ["0.png", "1.png", "2.png"] and all(len(row) == 3 for row in search.pred)
    again = main(["evaluate", "labels", str(tmp_path / "p.json"), "--truth", str(photos / "_class_annotations.json")])
    assert again == code


def test_a_folder_per_class_is_its_own_truth(evaluate, tmp_path):
    makers.folders(tmp_path / "set", ["dog", "T-shirt"], ending=".png")
    code, out, err = evaluate("images", tmp_path / "set", "--truth", tmp_path / "set", "--top", "12")
    assert (code, err) == (0, "")
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert " of 4 " in lines["exact"] and "4 of 4" in lines["answered"] and "score" not in lines


def test_only_some_nouns(evaluate, photos, tmp_path):
    (tmp_path / "nouns.txt").write_text("dog\nteapot\n")
    evaluate("images", photos, "--nouns", tmp_path / "nouns.txt", "--output", tmp_path / "out")
    said = {label.text for item in Evaluation.load(tmp_path / "out").items for label in item.labels}
    assert said <= {"dog", "teapot"} and said


@pytest.mark.parametrize(("arguments", "message"), [
    (["{tmp}/nowhere"], "expected a folder of pictures, found none"), (["{tmp}"], "expected at least one picture"),
    (["{photos}", "--truth", "{tmp}/none.json"], "none.json: expected a JSON file"),
    (["{photos}", "--truth", "{tmp}/other.csv"], "expected at least one of the pictures"),
    (["{photos}", "--batch", "0"], "--batch: expected a whole number of at least 1, got 0"),
    (["{photos}", "--specificity", "{tmp}/other.csv"], "--specificity: expected OVIC annotations"),
    (["{photos}", "--wordnet", "{tmp}"], "expected WordNet 3.0's database"),
    (["{photos}", "--nouns", "{tmp}/none.txt"], "none.txt"), (["{photos}", "--top", "0"], "top_k: expected"),
    (["{photos}", "--predictions", "{tmp}/no/p.json"], "cannot be written"),
])
def test_what_cannot_be_done(evaluate, photos, tmp_path, arguments, message):
    other = tmp_path / "empty"
    other.mkdir()
    (other / "other.csv").write_text("file,label\nelsewhere.png,dog\n")
    code, out, err = evaluate("images", *(text.format(tmp=other, photos=photos) for text in arguments))
    assert (code, out) == (2, "") and message in err
    assert len(err.splitlines()) == 1
