"""Pictures of curves that can be looked at, TensorBoard logs that can be read, and neither without their packages."""

import sys

import numpy as np
import pytest
from PIL import Image

from novic_ros.training.curves import Board, draw_curves, figure_class_or_none
from novic_ros.training.run_folder import LOG_COLUMNS, RunFolder


@pytest.fixture
def folder(tmp_path):
    """A folder whose logs tell of 30 steps."""
    folder = RunFolder(tmp_path)
    folder.log.cut(0)
    folder.probes.cut(0)
    for step in range(1, 31):
        values = dict.fromkeys(LOG_COLUMNS, 0.5) | {"step": step, "samples": 16 * step, "loss": 4 / step,
                                                    "smooth_loss": 5 / step, "rate": 1e-3 * (30 - step)}
        folder.log.write(**values)
    folder.probes.write(step=15, chunk=0, right=1, of=4, share=0.25)
    return folder


def test_pictures(folder):
    pytest.importorskip("matplotlib")
    pictures = draw_curves(folder)
    assert [path.name for path in pictures] == ["loss.png", "accuracy.png"]
    for path in pictures:
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        assert min(pixels.shape[:2]) >= 400
        dark_blue = (np.abs(pixels - [0x1F, 0x4E, 0x79]).sum(-1) < 60).sum()
        orange = (np.abs(pixels - [0xC0, 0x5A, 0x1C]).sum(-1) < 60).sum()
        assert dark_blue > 300  # the smoothed curve
        assert (orange > 20) == (path.name == "accuracy.png")  # the probe
    assert not list(folder.path.glob("*.part"))


def test_nothing_logged_nothing_drawn(tmp_path):
    assert draw_curves(RunFolder(tmp_path)) == []


def test_without_matplotlib(folder, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    figure_class_or_none.cache_clear()
    try:
        assert draw_curves(folder) == draw_curves(folder) == []
    finally:
        figure_class_or_none.cache_clear()
    assert caplog.text.count("install matplotlib") == 1


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path)
    for step in range(1, 6):
        board.write(step, {"loss": 1 / step})
    board.close()
    board = Board(tmp_path, first_step=3)  # goes on after step 3: what came later is void
    board.write(4, {"loss": 9.0})
    board.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("loss")}
    assert found == pytest.approx({1: 1, 2: 1 / 2, 3: 1 / 3, 4: 9.0})


def test_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    board = Board(tmp_path)
    board.write(1, {"loss": 1.0})
    board.close()
    assert list(tmp_path.iterdir()) == []
