"""The four formats of truth: what is read from each, and one clear error for what cannot be."""

import json

import pytest

from novic_ros.evaluation.hierarchy_scores import hierarchical_score
from novic_ros.evaluation.truth_files import (
    TruthFileError,
    find_pictures,
    find_truth,
    names_truth,
    read_truth_set,
    read_truths,
)

RECORD = {"file": "a.jpg", "name": "dog", "synonyms": ["dog"], "hypernyms": [["canine"]], "hyponyms": ["poodle"]}


def written(tmp_path, content, name="truth.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_our_own_format(tmp_path):
    found = read_truth_set(written(tmp_path, [RECORD, RECORD | {"file": "b.jpg", "category": "pets"}]))
    assert (found.kind, list(found.truths), found.categories) == ("hierarchy", ["a.jpg", "b.jpg"], {"b.jpg": "pets"})
    assert found.truths["a.jpg"].name == "dog" and hierarchical_score("poodle", found.truths["a.jpg"]) == 0.5
    assert read_truths(tmp_path / "truth.json")["b.jpg"][1] == "pets"


def test_ovic_annotations(tmp_path):
    found = read_truth_set(written(tmp_path, {"a.jpg": {"correct_primary": ["dog"], "incorrect": ["cat"]}}))
    assert (found.kind, found.truths["a.jpg"].synonyms) == ("ovic", {"dog"})
    assert found.annotations["a.jpg"].category("cat") == "incorrect"


def test_a_folder_per_class(tmp_path):
    for name in ("golden_retriever/1.JPG", "golden_retriever/2.png", "deeper/T-shirt/3.webp", "cup/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found = read_truth_set(tmp_path)
    assert found.kind == "names"
    assert {name: truth.name for name, truth in found.truths.items()} == {
        "deeper/T-shirt/3.webp": "T-shirt", "golden_retriever/1.JPG": "golden retriever",
        "golden_retriever/2.png": "golden retriever"}
    shirt = found.truths["deeper/T-shirt/3.webp"]
    assert [hierarchical_score(label, shirt) for label in ("T-shirt", "t shirt", "shirt")] == [1, 1, 0]


@pytest.mark.parametrize("name", ["truth.csv", "truth.tsv"])
def test_a_table(tmp_path, name):
    rows = "File, Label\na.jpg, dog; hound\n\"b,c.jpg\", cat\na.jpg, pet\n"
    if name.endswith("tsv"):
        rows = "\ufefffile\tclass\na.jpg\tdog; hound\nb,c.jpg\tcat\na.jpg\tpet\n"
    found = read_truth_set(written(tmp_path, rows, name))
    assert found.kind == "names"
    assert {picture: set(truth.synonyms) for picture, truth in found.truths.items()} == {
        "a.jpg": {"dog", "hound", "pet"}, "b,c.jpg": {"cat"}}
    assert found.truths["a.jpg"].name == "dog"


FAULTS = [  # file, content, what the error says
    ("t.json", [], "at least one picture, found none"), ("t.json", {}, "at least one picture, found none"),
    ("t.json", "{", "expected a JSON file"), ("t.json", "3", "expected a JSON list or object, found int"),
    ("t.json", [RECORD, RECORD], "every picture once, found a.jpg twice"), ("t.json", ["a.jpg"], "found 'a.jpg'"),
    ("t.json", [{"file": "a.jpg"}], "a.jpg: expected .* too"), ("t.json", {"a.jpg": 3}, "a.jpg: expected lists"),
    ("t.csv", "", "a header with file and label or name or class, found none"),
    ("t.csv", "picture,label\na,b\n", "found picture, label"), ("t.csv", "file,label\n", "at least one picture"),
    ("t.csv", "file,label\na.jpg\n", "line 2: expected a file and what it shows, found 'a.jpg' and None"),
    ("t.csv", "file,label\n,dog\n", "line 2: expected"), ("t.csv", "file,label\na.jpg,dog;;cat\n", "line 2"),
    ("none.csv", None, "No such file"), ("none.json", None, "expected a JSON file"),
]


@pytest.mark.parametrize(("name", "content", "message"), FAULTS)
def test_truth_that_cannot_be_used(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        written(tmp_path, content, name)
    with pytest.raises(ValueError, match=message) as error:
        read_truth_set(path)
    assert str(path) in str(error.value)


def test_a_table_that_is_no_utf8(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"file,label\na.jpg,caf\xe9\n")
    with pytest.raises(TruthFileError, match="expected a table in UTF-8"):
        read_truth_set(tmp_path / "t.csv")


def test_folders_that_name_no_class(tmp_path):
    with pytest.raises(TruthFileError, match="named for what it shows, found no pictures"):
        read_truth_set(tmp_path)
    (tmp_path / "a.jpg").write_text("")
    with pytest.raises(TruthFileError, match="found 1 pictures outside of one, the first is a.jpg"):
        read_truth_set(tmp_path)


def test_pictures_are_found_in_order_and_hidden_ones_are_not(tmp_path):
    for name in ("b.jpg", "a/z.JPEG", "a/.hidden.jpg", ".git/c.jpg", "notes.txt", "a/y.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "folder.jpg").mkdir()
    assert list(find_pictures(tmp_path)) == ["a/y.webp", "a/z.JPEG", "b.jpg"]
    with pytest.raises(TruthFileError, match="expected a folder of pictures, found none"):
        find_pictures(tmp_path / "nowhere")
    with pytest.raises(TruthFileError, match="found a file"):
        find_pictures(tmp_path / "b.jpg")


def test_the_truth_beside_the_pictures(tmp_path):
    assert find_truth(tmp_path) is None
    written(tmp_path, "x", "_class_annotations.json")
    assert find_truth(tmp_path) == tmp_path / "_class_annotations.json"
    written(tmp_path, "x", "truth.json")
    assert find_truth(tmp_path) == tmp_path / "truth.json"


def test_names_as_truth():
    truth = names_truth("Golden_Retriever", "gold  dog")
    assert truth.name == "Golden Retriever" and truth.synonyms == {"golden retriever", "gold dog"}
