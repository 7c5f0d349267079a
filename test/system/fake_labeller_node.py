"""Runs the real node, with its real topics, threads and lifecycle, on a labeller that needs no model.

The fake says the colour that fills the picture, so that a test can tell which frame a label belongs to. It is handed
in through LabelNode's constructor; the product has no such mode. Behaviour comes from two environment variables:
NOVIC_TEST_DELAY (seconds per frame) and NOVIC_TEST_LOAD (seconds to load).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from novic_ros.labels import Label, Labels
from novic_ros.node.main import main
from novic_ros.vocabulary import read_nouns

COLOURS = ("red", "green", "blue")


class FakeLabeller:
    """Scores 0.8, 0.1, 0.05 for the colours by falling brightness; raises on a white picture."""

    model_name = "fake"

    def __init__(self, settings) -> None:
        if not Path(settings.model).is_dir():
            raise FileNotFoundError(f"model: expected a folder, got {settings.model!r}, which does not exist")
        self._nouns = read_nouns(settings.guide_file) if settings.guide_file else COLOURS
        self._delay = float(os.environ.get("NOVIC_TEST_DELAY", "0"))
        time.sleep(float(os.environ.get("NOVIC_TEST_LOAD", "0")))

    def warm_up(self) -> None:
        """Nothing to warm."""

    def label_timed(self, images):
        """One Labels per picture, and invented stage times."""
        time.sleep(self._delay)
        return [self._label(image) for image in images], {
            "preprocess": 0.001,
            "embed": 0.002,
            "decode": 0.003,
        }

    def _label(self, image) -> Labels:
        means = image.reshape(-1, 3).mean(axis=0)
        if means.min() > 250:
            raise RuntimeError("the fake model cannot bear white")
        order = sorted(range(3), key=lambda channel: -means[channel])
        said = zip((COLOURS[channel] for channel in order), (0.8, 0.1, 0.05))
        return Labels(tuple(Label(text, score) for text, score in said if text in self._nouns))


if __name__ == "__main__":
    sys.exit(main(make_labeller=FakeLabeller))
