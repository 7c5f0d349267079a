"""What tests of `novic evaluate` share: the command with a tiny model of random weights, and a folder of pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from novic_ros.cli import evaluate_scoring
from novic_ros.cli.main import main


@pytest.fixture
def evaluate(tiny_model, tmp_path, capsys, monkeypatch):
    """Run `novic evaluate KIND ...` with the tiny model: (exit code, standard output, standard error)."""
    monkeypatch.setattr(evaluate_scoring, "WORDNET", tmp_path / "none")

    def run(kind, *arguments):
        code = main(["evaluate", kind, *map(str, arguments), "--model", str(tiny_model), "--device", "cpu"])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def photos(tmp_path, photo_truth):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "truth.json").write_text(json.dumps(photo_truth))
    return folder


@pytest.fixture
def photo_truth():
    """What `photos` show, as our own truth files have it."""
    return [{"file": f"{n}.png", "name": noun, "synonyms": [noun], "hypernyms": [["thing"]], "hyponyms": []}
            for n, noun in enumerate(("dog", "cat", "chair"))]
