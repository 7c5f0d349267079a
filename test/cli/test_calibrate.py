"""`novic calibrate` on the tiny model: it writes a calibrator that the labeller uses, or says in one line why not."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_calibration import tiny_ancestors
from tiny_model import TINY_NOUNS

from novic_ros.calibration import CALIBRATION_FILE, Calibrator
from novic_ros.cli.main import main
from novic_ros.labeller import ImageLabeller


@pytest.fixture
def model(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    tiny_ancestors(TINY_NOUNS).save(folder)
    return folder


@pytest.fixture
def photos(tmp_path, model):
    """Thirty noise pictures; of every second one, what the model guesses is right."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    labeller = ImageLabeller(model, device="cpu")
    records = []
    for i in range(30):
        pixels = random.integers(0, 256, (32, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        right = labeller.label([pixels])[0].best.text if i % 2 else "zebra"
        records.append({"file": f"{i}.png", "category": f"kind {i % 7}", "synonyms": [right], "hypernyms": [],
                        "hyponyms": []})
    (folder / "truth.json").write_text(json.dumps(records))
    return folder


def test_the_model_is_calibrated_afterwards(model, photos, capsys):
    assert not ImageLabeller(model, device="cpu").calibrated
    arguments = ["calibrate", str(model), "--photos", str(photos), "--threshold", "0.7", "--note", "noise"]
    assert main([*arguments, "--dry-run"]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not (model / CALIBRATION_FILE).exists()
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "fitted on 30 photos of 7 categories" in out
    assert "across categories: calibration error 0." in out
    calibrator = Calibrator.load(model)
    assert (calibrator.threshold, calibrator.views, calibrator.prominence) == (0.7, 1, 0.0)
    assert calibrator.fitted == {"photos": 30, "categories": 7, "note": "noise"}
    labeller = ImageLabeller(model, device="cpu")
    assert labeller.calibrated
    picture = np.asarray(Image.open(photos / "1.png"))
    assert labeller.label([picture])[0].best.score == pytest.approx(0.5, abs=0.2)  # the half is right


@pytest.mark.parametrize(("fault", "message"), [
    ("no hypernyms", "hypernyms.safetensors: expected a table of hypernyms, found no such file"),
    ("no truth", "truth.json: expected a JSON file"), ("no picture", "0.png"), ("no model", "absent"),
    ("few photos", "expected at least 20 labelled photos"), ("threshold", "threshold between 0 and 1")])
def test_what_cannot_be_used_is_one_line(model, photos, tmp_path, capsys, fault, message):
    options = []
    if fault == "no hypernyms":
        (model / "hypernyms.safetensors").unlink()
    elif fault == "no truth":
        (photos / "truth.json").unlink()
    elif fault == "no picture":
        (photos / "0.png").unlink()
    elif fault == "no model":
        model = tmp_path / "absent"
    elif fault == "few photos":
        records = json.loads((photos / "truth.json").read_text())[:5]
        (photos / "truth.json").write_text(json.dumps(records))
    else:
        options = ["--threshold", "1.5"]
    assert main(["calibrate", str(model), "--photos", str(photos), *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err
    assert len(err.strip().splitlines()) == 1 and err.startswith("novic calibrate: ")
    assert not (model / CALIBRATION_FILE).exists()
