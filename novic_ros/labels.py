"""What the labeller says about a picture: Label, Region and Labels, frozen results that check themselves.

These travel between the libraries, the node and the command line. They are not ROS messages
(``node/messages.py`` makes those) and hold no pixels. A value that cannot be right (a score of 1.7, a box
without area) stops where it is made, not three layers further on.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

SCORE_SLACK = 1e-5
"""How far float32 arithmetic may carry a score outside [0, 1]; scores this close are moved to the edge."""


@dataclass(frozen=True)
class Label:
    """One noun and how likely it is.

    ``text`` is words without blanks around them; ``score`` a probability in [0, 1], kept as Python float.
    Raises TypeError or ValueError for anything else.
    """

    text: str
    score: float

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"Label.text must be a str, came {type(self.text).__name__}")
        if not self.text or self.text != self.text.strip():
            raise ValueError(f"Label.text must be words without blanks around them, came {self.text!r}")
        score = _number("Label.score", self.score)
        if not -SCORE_SLACK <= score <= 1 + SCORE_SLACK:
            raise ValueError(f"Label.score must be in [0, 1], came {score} for {self.text!r}")
        object.__setattr__(self, "score", min(max(score, 0.0), 1.0))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: ``{"text", "score"}``."""
        return {"text": self.text, "score": self.score}


@dataclass(frozen=True)
class Region:
    """A box in whole pixels from a picture's top-left corner; ``id`` is the detector's name for it.

    ``width`` and ``height`` are at least 1. ``x`` and ``y`` may be negative and the box may reach over the
    picture's edge: ``images.crop`` cuts it off there. Raises TypeError or ValueError for anything else.
    """

    x: int
    y: int
    width: int
    height: int
    id: str = ""

    def __post_init__(self) -> None:
        for name in ("x", "y", "width", "height"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Integral):
                raise TypeError(f"Region.{name} must be a whole number of pixels, came {value!r}")
            object.__setattr__(self, name, int(value))
        if self.width < 1 or self.height < 1:
            raise ValueError(
                f"Region must have at least one pixel, came width {self.width}, height {self.height}"
            )
        if not isinstance(self.id, str):
            raise TypeError(f"Region.id must be a str, came {type(self.id).__name__}")

    def to_dict(self) -> dict[str, Any]:
        """For JSON: ``{"x", "y", "width", "height", "id"}``."""
        return {"x": self.x, "y": self.y, "width": self.width, "height": self.height, "id": self.id}


@dataclass(frozen=True)
class Labels:
    """All that was said about one picture, or one region of it.

    ``labels`` may come as tuple or list, in any order; it is kept as a tuple by falling score (equal scores
    keep their order). It is empty when nothing was sure enough. ``evidence`` is the embedder's own measure of
    how much there was to see: any finite number, or None. ``region`` is None for the whole frame.
    Raises TypeError or ValueError for anything else.
    """

    labels: tuple[Label, ...] = ()
    evidence: float | None = None
    region: Region | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.labels, (tuple, list)):
            raise TypeError(f"Labels.labels must be a tuple of Label, came {type(self.labels).__name__}")
        for label in self.labels:
            if not isinstance(label, Label):
                raise TypeError(f"Labels.labels must hold Label only, came {label!r}")
        object.__setattr__(self, "labels", tuple(sorted(self.labels, key=lambda label: -label.score)))
        if self.evidence is not None:
            object.__setattr__(self, "evidence", _number("Labels.evidence", self.evidence))
        if self.region is not None and not isinstance(self.region, Region):
            raise TypeError(f"Labels.region must be a Region or None, came {type(self.region).__name__}")

    @property
    def best(self) -> Label | None:
        """The label with the highest score; None if there is none."""
        return self.labels[0] if self.labels else None

    def to_dict(self) -> dict[str, Any]:
        """For JSON: ``{"labels": [{"text", "score"}, ...], "evidence"}``, with ``"region"`` if it has one."""
        result: dict[str, Any] = {"labels": [label.to_dict() for label in self.labels]}
        result["evidence"] = self.evidence
        if self.region is not None:
            result["region"] = self.region.to_dict()
        return result


def _number(what: str, value: Any) -> float:
    """Make a finite Python float of a Python or numpy number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{what} must be a number, came {value!r}")
    result = float(value)
    if not math.isfinite(result):
        raise ValueError(f"{what} must be finite, came {result}")
    return result
