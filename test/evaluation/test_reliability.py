"""The reliability diagram: a picture that matplotlib wrote, and errors a person can act on."""

import sys

import numpy as np
import pytest
from PIL import Image

from novic_ros.evaluation.reliability import PlottingError, plot_reliability


@pytest.fixture
def labels():
    random = np.random.default_rng(0)
    scores = random.random(200)
    return scores.tolist(), (random.random(200) < scores).tolist()


def test_a_panel_for_each_set(tmp_path, labels):
    pytest.importorskip("matplotlib")
    widths = []
    for count in (1, 2):
        path = tmp_path / f"{count}.png"
        plot_reliability({f"set {i}": labels for i in range(count)}, path)
        picture = np.asarray(Image.open(path).convert("RGB"))
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
        widths.append(picture.shape[1])
    assert widths[1] == pytest.approx(2 * widths[0], abs=4)


def test_two_runs_write_the_same_bytes(tmp_path, labels):
    pytest.importorskip("matplotlib")
    plot_reliability({"a": labels}, tmp_path / "1.png")
    plot_reliability({"a": labels}, tmp_path / "2.png")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_what_cannot_be_drawn(tmp_path, labels, monkeypatch):
    with pytest.raises(PlottingError, match="at least one set"):
        plot_reliability({}, tmp_path / "a.png")
    with pytest.raises(PlottingError, match="cannot be written"):
        plot_reliability({"a": labels}, tmp_path / "absent" / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlottingError, match="pip install matplotlib"):
        plot_reliability({"a": labels}, tmp_path / "a.png")
