"""`novic gap`: pictures and labels in, a JSON file and a picture out; faults cost a line and an exit code."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from novic_ros.cli.main import main
from novic_ros.training.modality_gap import ModalityGap

LABELS = {"sea_lion.png": "sea lion", "dog.JPG": "dog", "tea-pot.png": "teapot"}
WIDTH = 24


@pytest.fixture
def photos(tmp_path):
    """Three pictures, and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate(LABELS):
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "README.txt").write_text("no picture")
    return folder


@pytest.fixture
def gap(tiny_model, tmp_path, capsys):
    """Run `novic gap` with the tiny model: (exit code, standard output, standard error, what was written or None)."""
    def run(*arguments):
        code = main(["gap", "--embedder", f"local:{tiny_model}", "--output", str(tmp_path / "out"), "--device", "cpu",
                     *map(str, arguments)])
        files = sorted((tmp_path / "out").glob("*.json"))
        return code, *capsys.readouterr(), (ModalityGap.read(files[0]) if files else None)

    return run


def test_file_names_as_labels(gap, photos, tiny_model, tmp_path):
    code, out, err, found = gap("--images", photos)
    assert (code, err) == (0, "")
    name = "".join(c if c.isalnum() or c in "-." else "_" for c in f"local:{tiny_model}")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"modality_gap_{name}.json", f"modality_gap_{name}.png"]
    assert found.embedder_spec == f"local:{tiny_model}"
    assert found.mean_shift.shape == (WIDTH,)
    statistics = found.statistics
    assert (statistics["images"], statistics["labels"]) == (3, 3)
    assert sum(statistics["other_angle_histc"]["counts"]) == 6
    assert statistics["cfg_cls"]["cls_dataset"] == "file names"
    assert f"own label     {statistics['angle_mean']:.1f} degrees" in out
    assert f"other labels  {statistics['other_angle_mean']:.1f} degrees" in out
    with Image.open(next((tmp_path / "out").glob("*.png"))) as picture:
        assert picture.format == "PNG"


def test_vectors_are_those_of_the_pictures_and_captions(gap, photos, tiny_model, tmp_path):
    from novic_ros import images
    from novic_ros.embedding import load

    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    templates = ("a photo of {article_noun}", "{noun}")
    code, _, _, found = gap("--images", *(photos / name for name in LABELS), "--labels", tmp_path / "labels.json",
                            "--template", templates[0], "--template", templates[1])
    assert code == 0
    embedder = load(f"local:{tiny_model}", "cpu")
    pictures = embedder.embed_images([images.from_file(photos / name) for name in LABELS]).vectors
    texts = torch.stack([embedder.embed_texts([f"a photo of a {label}" for label in LABELS.values()]),
                         embedder.embed_texts(list(LABELS.values()))])
    labels = torch.nn.functional.normalize(texts.mean(0), dim=-1)
    torch.testing.assert_close(found.mean_shift, (pictures - labels).mean(0), atol=1e-5, rtol=0)
    angles = torch.rad2deg(torch.acos((pictures * labels).sum(1)))
    assert found.statistics["angle_mean"] == pytest.approx(angles.mean().item(), abs=1e-3)
    assert found.statistics["cfg_cls"]["templates"] == list(templates)


def test_truth_with_synonyms(gap, photos, tmp_path):
    """What is a synonym of a picture's label is not another label."""
    (tmp_path / "truth.json").write_text(json.dumps([
        {"file": "sea_lion.png", "name": "sea lion", "synonyms": ["eared seal", "DOG"], "hypernyms": []},
        {"file": "dog.JPG", "synonyms": ["dog", "domestic dog"]},
        {"file": "not_here.png", "synonyms": ["ghost"]}]))
    code, _, err, found = gap("--images", photos, "--truth", tmp_path / "truth.json")
    assert code == 0
    assert err.startswith("novic gap: 1 of 3 pictures have no label and are left out, the first is ")
    assert (found.statistics["images"], found.statistics["labels"]) == (2, 2)
    assert sum(found.statistics["other_angle_histc"]["counts"]) == 1
    assert sum(found.statistics["all_angle_histc"]["counts"]) == 4


def test_a_broken_picture_costs_a_line_and_exit_code_1(gap, photos):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    code, out, err, found = gap("--images", photos)
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "broken.jpg" in err
    assert found.statistics["images"] == 3


def test_without_matplotlib(gap, photos, tmp_path, monkeypatch):
    """Everything but the picture is there."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err, found = gap("--images", photos)
    assert code == 1
    assert err == "novic gap: expected matplotlib for the picture, found none; install it: pip install matplotlib\n"
    assert found.statistics["images"] == 3
    assert "own label" in out
    assert not list((tmp_path / "out").glob("*.png"))


FAULTS = {
    "no pictures": ({}, ["--images", "EMPTY"], "--images: expected pictures, found none in"),
    "a single label": ({}, ["--images", "PHOTOS/dog.JPG"], "two or more different labels, got 1 with 1"),
    "no labels for these": ({"x.png": "dog"}, ["--images", "PHOTOS", "--labels", "FILE"], "found none"),
    "labels that are no words": ({"dog.JPG": 3}, ["--images", "PHOTOS", "--labels", "FILE"],
                                 "label in words for dog.JPG"),
    "an empty label": ({"dog.JPG": " "}, ["--images", "PHOTOS", "--labels", "FILE"], "label in words for dog.JPG"),
    "labels as a list": ([], ["--images", "PHOTOS", "--labels", "FILE"], "expected a JSON object, found list"),
    "truth as an object": ({}, ["--images", "PHOTOS", "--truth", "FILE"], "expected a JSON list, found dict"),
    "truth without synonyms": ([{"file": "dog.JPG"}], ["--images", "PHOTOS", "--truth", "FILE"], "file and synonyms"),
    "truth without words": ([{"file": "dog.JPG", "synonyms": []}], ["--images", "PHOTOS", "--truth", "FILE"],
                            "file and synonyms"),
    "truth without a file": ([{"synonyms": ["dog"]}], ["--images", "PHOTOS", "--truth", "FILE"], "file and synonyms"),
    "no JSON": ("{", ["--images", "PHOTOS", "--truth", "FILE"], "expected a JSON file"),
    "a template without a noun": ({}, ["--images", "PHOTOS", "--template", "a photo"], "--template: caption template"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_used(gap, photos, tmp_path, fault):
    content, arguments, message = FAULTS[fault]
    (tmp_path / "empty").mkdir()
    (tmp_path / "given.json").write_text(content if isinstance(content, str) else json.dumps(content))
    places = {"EMPTY": str(tmp_path / "empty"), "FILE": str(tmp_path / "given.json")}
    code, out, err, found = gap(*(places.get(word, word.replace("PHOTOS", str(photos))) for word in arguments))
    assert (code, out, found) == (2, "", None)
    assert message in err
    assert err.splitlines()[-1].startswith("novic gap: ")


def test_an_encoder_that_is_not_there(photos, tmp_path, capsys):
    assert main(["gap", "--embedder", "nonsense", "--images", str(photos), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("novic gap: ")


@pytest.mark.parametrize("arguments", [["gap"], ["gap", "--embedder", "x", "--output", "y"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: novic gap")
