"""Runs the real node, with its real topics, threads and lifecycle, on a labeller that needs no model.

The fake says the colour that fills the picture, so that a test can tell which frame a label belongs to. It is handed
in through LabelNode's constructor; the product has no such mode. Behaviour comes from environment variables:
NOVIC_TEST_DELAY (seconds per call), NOVIC_TEST_LOAD (seconds to load), NOVIC_TEST_COMPILE (seconds per vocabulary),
NOVIC_TEST_WEIGHTS (MB that it holds) and NOVIC_TEST_NULL (not empty: it says the same of everything, at once, without a
look; for the node's own overhead).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from novic_ros.labels import Label, Labels
from novic_ros.node.main import main
from novic_ros.vocabulary import SiteVocabulary

COLOURS = ("red", "green", "blue")
SCORES = (0.8, 0.1, 0.05)
STAGES = {"preprocess": 0.001, "embed": 0.002, "decode": 0.003}  # invented
NULL = Labels(tuple(map(Label, COLOURS, SCORES)))


def variable(name: str) -> float:
    """A number from the environment; 0 where it is not set."""
    return float(os.environ.get(f"NOVIC_TEST_{name}", "0"))


class Timed(NamedTuple):
    """What ImageLabeller.label_timed returns."""

    labels: list[Labels]
    stages: dict[str, float]
    vocabulary_version: int


class FakeLabeller:
    """Scores 0.8, 0.1, 0.05 for the colours by falling brightness; raises if one of the pictures is white."""

    model_name = "fake"
    calibrated = True

    def __init__(self, settings) -> None:
        if not Path(settings.model).is_dir():
            raise FileNotFoundError(f"model: expected a folder, got {settings.model!r}, which does not exist")
        self._vocabulary = (SiteVocabulary(), 0)
        self._weights = np.ones(int(1e6 * variable("WEIGHTS")), np.uint8)
        time.sleep(variable("LOAD"))

    def warm_up(self) -> None:
        """Nothing to warm."""

    def set_vocabulary(self, site: SiteVocabulary, version: int = 0) -> list[str]:
        """Warns of guide words that are no colours; raises if none is one."""
        strange = [word for word in site.guide if word not in COLOURS]
        if site.guide and len(strange) == len(site.guide):
            raise ValueError(f"guide: none of its words is a colour: {', '.join(strange)}")
        time.sleep(variable("COMPILE"))
        self._vocabulary = (site, version)
        return [f"guide: {word} is no colour" for word in strange]

    def label_timed(self, images, *, top_k=None, min_score=None, on_unsure=None) -> Timed:
        """One Labels per picture, and invented stage times."""
        site, version = self._vocabulary
        if variable("DELAY"):
            time.sleep(variable("DELAY"))
        if os.environ.get("NOVIC_TEST_NULL"):
            return Timed([NULL] * len(images), dict.fromkeys(STAGES, 0.0), version)
        labels = [self._label(image, site, top_k, min_score or 0.0) for image in images]
        return Timed(labels, dict(STAGES), version)

    def _label(self, image, site: SiteVocabulary, top_k: int | None, min_score: float) -> Labels:
        means = image.reshape(-1, 3).mean(axis=0)
        if means.min() > 250:
            raise RuntimeError("the fake model cannot bear white")
        order = sorted(range(3), key=lambda channel: -means[channel])
        found = [(COLOURS[channel], score) for channel, score in zip(order, SCORES)]
        said = [(site.renamed(word), score) for word, score in found if word in (site.guide or COLOURS)]
        labels = [Label(word, score) for word, score in said if site.may_say(word) and score >= min_score]
        return Labels(tuple(labels[:top_k]))


if __name__ == "__main__":
    sys.exit(main(make_labeller=FakeLabeller))
