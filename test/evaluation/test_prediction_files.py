"""Files of labels: the authors' version 1 round-trips and is scored by the authors' own rules; ours are told apart."""

import json
import math

import pytest

from novic_ros.evaluation.ovic import Annotation, prediction_score
from novic_ros.evaluation.prediction_files import (
    AuthorsPredictions,
    PredictionFileError,
    authors_predictions,
    read_predictions,
)
from novic_ros.evaluation.results import Evaluation, Item
from novic_ros.labels import Label, Labels

SEARCH = "beam_k2_vnone_gp_t1_a0"
GEN_CFG = {"method": "beam", "topk": 2, "vocab_prior": False, "vocab_per_token": False, "vocab_scaler": 0.0,
           "guided": True, "guide_renorm": False, "temperature": 1.0, "length_alpha": 0.0, "name": SEARCH}
AUTHORS = {  # laid out as the authors' code writes it
    "version": 1, "model": "ovod_1/ovod_chunk0433.train", "model_path": "outputs/ovod_1/ovod_chunk0433.train",
    "model_dir": "ovod_1", "model_name": "ovod_chunk0433.train", "model_cfg": {"num_layers": 6, "vocab_quant": True},
    "infer_cfg": {"batch_size": 128, "infer_texts": []}, "guide_targets": ["cat", "dog"],
    "vocab_targets": ["cat", "dog", "teapot"], "samples": ["a.jpg", "b.jpg"],
    "predictions": {SEARCH: {
        "gen_cfg": GEN_CFG, "valid_guide": [50.0, 100.0], "valid_vocab": [50.0, 100.0], "valid": [50.0, 0.0],
        "invalid": [50.0, 100.0], "pred": [["dog", "dog dog"], ["moose wood", "cat"]],
        "score": [[-0.25, -1.5], [-0.5, -4.0]], "result": [[1, 3], [3, 1]]}},
}


def written(tmp_path, content, name="labels.json"):
    path = tmp_path / name
    path.write_text(json.dumps(content))
    return path


def test_the_authors_file_round_trips(tmp_path):
    first = AuthorsPredictions.read(written(tmp_path, AUTHORS))
    first.write(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == AUTHORS
    assert AuthorsPredictions.read(tmp_path / "again.json") == first
    AuthorsPredictions.read(tmp_path / "again.json").write(tmp_path / "third.json")
    assert (tmp_path / "third.json").read_bytes() == (tmp_path / "again.json").read_bytes()
    lines = (tmp_path / "again.json").read_text().splitlines()
    assert '  "samples": ["a.jpg", "b.jpg"],' in lines  # lists on one line
    assert '      "pred": [["dog", "dog dog"], ["moose wood", "cat"]],' in lines


def test_the_authors_labels_are_ours(tmp_path):
    found = read_predictions(written(tmp_path, AUTHORS), ["b.jpg", "a.jpg"])
    assert list(found) == ["b.jpg", "a.jpg"]
    assert [label.text for label in found["a.jpg"].labels] == ["dog", "dog dog"]
    assert found["b.jpg"].best.score == pytest.approx(math.exp(-0.5))


SAID = {"a.jpg": (Label("dog", 0.75), Label("T-shirt", 0.125)), "b.jpg": (), "c.jpg": (Label("zebra", 0.0),)}


def test_ours_written_for_the_authors(tmp_path):
    ours = authors_predictions(SAID, SEARCH, ["dog"], ["dog", "T-shirt"], "/models/novic_mini", {"batch": 1})
    ours.write(tmp_path / "p.json")
    content = json.loads((tmp_path / "p.json").read_text(), parse_constant=pytest.fail)  # no Infinity, no NaN
    assert set(content) == set(AUTHORS) and content["version"] == 1
    assert (content["model"], content["guide_targets"], content["vocab_targets"]) == (
        "novic_mini", ["dog"], ["dog", "t shirt"])
    search = content["predictions"][SEARCH]
    assert set(search) == set(AUTHORS["predictions"][SEARCH]) and search["gen_cfg"] == GEN_CFG
    assert search["pred"] == [["dog", "t shirt"], ["", ""], ["zebra", ""]]  # every row as wide as the widest
    assert search["result"] == [[1, 2], [3, 3], [3, 3]]
    assert search["score"][0] == pytest.approx([math.log(0.75), math.log(0.125)])
    assert search["valid_guide"] == search["valid_vocab"] == pytest.approx([100 / 3, 100 / 3])
    assert search["invalid"] == pytest.approx([200 / 3, 200 / 3])
    assert search["valid"] == pytest.approx([100 / 3, 100 / 3])
    back = read_predictions(tmp_path / "p.json", SAID)
    assert {name: [label.text for label in one.labels] for name, one in back.items()} == {
        "a.jpg": ["dog", "t shirt"], "b.jpg": [], "c.jpg": ["zebra"]}
    assert back["a.jpg"].best.score == pytest.approx(0.75)
    assert back["c.jpg"].best.score == pytest.approx(0, abs=1e-40)


def test_the_authors_scorer_gives_the_same_score_for_both(tmp_path):
    """Their script, as published: it takes the only search, every first label, and looks it up in the annotations."""
    annotations = {"a.jpg": Annotation(correct_secondary=("dog",)), "b.jpg": Annotation(incorrect=("",)),
                   "c.jpg": Annotation(close_primary=("zebra",))}
    authors_predictions(SAID, SEARCH, ["dog"], ["dog"], "m").write(tmp_path / "p.json")
    content = json.loads((tmp_path / "p.json").read_text())
    (only,) = content["predictions"].values()
    weights = {"correct_primary": 1.0, "correct_secondary": 0.8, "close_primary": 0.5, "close_secondary": 0.4,
               "incorrect": 0.0}
    table = {picture: {noun: weights[category] for category, nouns in one.to_dict().items() for noun in nouns}
             for picture, one in annotations.items()}
    theirs = sum(table[sample][row[0]] for sample, row in zip(content["samples"], only["pred"], strict=True)) / 3
    ours = sum(prediction_score(row[0].text if row else "", annotations[name]) for name, row in SAID.items()) / 3
    assert ours == pytest.approx(theirs) == pytest.approx((0.8 + 0 + 0.5) / 3)


def test_several_searches_need_a_choice(tmp_path):
    both = AUTHORS | {"predictions": {**AUTHORS["predictions"], "greedy": AUTHORS["predictions"][SEARCH]}}
    path = written(tmp_path, both)
    with pytest.raises(PredictionFileError, match=f"found {SEARCH}, greedy; choose one"):
        read_predictions(path, ["a.jpg"])
    assert read_predictions(path, ["a.jpg"], "greedy") == read_predictions(path, ["a.jpg"], SEARCH)
    with pytest.raises(PredictionFileError, match="choose one"):
        read_predictions(path, ["a.jpg"], "beam")


def test_a_report_is_read_too(tmp_path):
    item = Item("a.jpg", labels=(Label("dog", 0.5),), evidence=0.25)
    report = Evaluation("images", "t", items=(item,)).save(tmp_path)
    assert read_predictions(report, ["a.jpg"]) == {"a.jpg": Labels(item.labels, 0.25)}
    report.write_text('{"format": "novic_ros.evaluation", "version": 9}')
    with pytest.raises(PredictionFileError, match="version 9"):
        read_predictions(report, ["a.jpg"])


def said(text):
    return {"labels": [{"text": text, "score": 0.5}]}


def test_pictures_with_one_name_are_told_apart_by_their_folders(tmp_path):
    path = written(tmp_path, {"photos/cat/1.jpg": said("cat"), "photos/dog/1.jpg": said("dog"), "1.jpg": said("cup")})
    found = read_predictions(path, ["cat/1.jpg", "dog/1.jpg"])
    assert {name: one.best.text for name, one in found.items()} == {"cat/1.jpg": "cat", "dog/1.jpg": "dog"}


DAMAGE = [
    ({"version": 2}, "expected predictions of version 1, found version 2"), ({"extra": 1}, "unexpected keyword"),
    ({"predictions": {SEARCH: {}}}, "missing"), ({"predictions": []}, "expected the authors' predictions"),
    ({"samples": "ab"}, "samples to be a list"), ({"samples": ["a.jpg"]}, "pred to have a row for each of 1 samples"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_damaged_files_of_the_authors(tmp_path, damage, message):
    path = written(tmp_path, AUTHORS | damage)
    with pytest.raises(PredictionFileError, match=message) as error:
        read_predictions(path, ["a.jpg"])
    assert str(path) in str(error.value)


@pytest.mark.parametrize(("field", "value", "message"), [
    ("pred", [["dog"], ["cat", "cat"]], "a.jpg: expected as many values in score"),
    ("pred", [[3, "dog"], ["cat", "cat"]], "a.jpg: expected as many values in pred"),
    ("score", [[-1, "x"], [-1, -2]], "a.jpg: expected as many values in score"),
    ("score", [[-1, float("nan")], [-1, -2]], "a.jpg: expected as many values in score"),
    ("result", [[1, 2]], "expected result to have a row for each of 2 samples")])
def test_damaged_rows(tmp_path, field, value, message):
    search = AUTHORS["predictions"][SEARCH] | {field: value}
    with pytest.raises(PredictionFileError, match=f"{SEARCH}: {message}"):
        read_predictions(written(tmp_path, AUTHORS | {"predictions": {SEARCH: search}}), ["a.jpg"])


def test_a_search_that_is_none():
    with pytest.raises(PredictionFileError, match="it must begin with greedy, beam or all"):
        authors_predictions(SAID, "magic", ["dog"], ["dog"], "m")


def test_nothing_said_at_all(tmp_path):
    authors_predictions({}, SEARCH, [], [], "m").write(tmp_path / "p.json")
    assert AuthorsPredictions.read(tmp_path / "p.json").labels() == {}
    with pytest.raises(PredictionFileError, match="cannot be written"):
        authors_predictions({}, SEARCH, [], [], "m").write(tmp_path / "no" / "p.json")
