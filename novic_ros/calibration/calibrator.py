"""The calibrator: three numbers about a label in, the probability that the label is true out.

    score = 1 / (1 + exp(-(bias + a * prominence + b * specificity + c * logit(support))))

* prominence: how far the encoder's best class stands out from its others (embedding/conse_tower.py). It says whether
  the picture shows something that the encoder knows.
* specificity: how much the label claims, ln(all nouns / nouns at or below it). "Animal" is true more often than
  "beagle".
* support: the probability that the decoder gives to the nouns at or below the label; where the encoder has classes, the
  mean of that and of the probability of its classes at or below the label.

A label is true if it names the thing, something broader, or something at most two steps narrower
(evaluation/scores.py, `is_truthful`). This file holds the formula and its file; what fits the four numbers is
training/calibration_fit.py, and what is done with a low score is unsure.py.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CALIBRATION_FILE", "CalibrationError", "Calibrator"]

CALIBRATION_FILE = "calibration.json"
FORMAT, VERSION = "novic_ros calibration", 1
DECODER_FILE = "decoder.safetensors"  # the file whose checksum ties a calibrator to its decoder
NUMBERS = ("bias", "prominence", "specificity", "support", "threshold")
LEAST = 1e-4  # support is kept this far from 0 and 1, so that its logit is finite


class CalibrationError(ValueError):
    """A calibrator cannot be read or used; the message says which file, what was expected and what to do."""


@dataclass(frozen=True)
class Calibrator:
    """The four fitted numbers, the score from which a label counts as sure, and how the pictures were looked at.

    views: 1, as the encoder was trained to look, or 2, averaged with a look at the whole frame; a calibrator holds for
    the way of looking that it was fitted with. fitted: what it was fitted on, for people.
    """

    bias: float
    prominence: float
    specificity: float
    support: float
    threshold: float = 0.5
    views: int = 1
    fitted: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in NUMBERS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise CalibrationError(f"calibrator: expected {name} as a finite number, got {value!r}")
        if not 0 < self.threshold < 1:
            raise CalibrationError(f"calibrator: expected a threshold between 0 and 1, got {self.threshold}")
        if self.views not in (1, 2) or isinstance(self.views, bool):
            raise CalibrationError(f"calibrator: expected 1 or 2 views, got {self.views!r}")
        if self.support < 0:
            raise CalibrationError(f"calibrator: expected a support of at least 0, got {self.support}: more support "
                                   "can never make a label less likely; fit it again on more pictures")

    def score(self, prominence: float, specificity: float, support: float) -> float:
        """Probability that a label is true."""
        support = min(max(support, LEAST), 1 - LEAST)
        logit = (self.bias + self.prominence * prominence + self.specificity * specificity
                 + self.support * math.log(support / (1 - support)))
        return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0

    def save(self, folder: str | Path) -> None:
        """Write the calibrator beside the decoder that it was fitted for. Raises CalibrationError."""
        folder = Path(folder)
        content = {"format": FORMAT, "version": VERSION, "decoder_sha256": _decoder_checksum(folder),
                   **{name: getattr(self, name) for name in NUMBERS}, "views": self.views, "fitted": self.fitted}
        (folder / CALIBRATION_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Calibrator:
        """Read the calibrator of a model folder.

        Raises CalibrationError: it is missing, damaged, or was fitted for another decoder than the one beside it.
        """
        path = Path(folder) / CALIBRATION_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CalibrationError(f"{path}: expected a calibrator, found no such file; novic calibrate makes one") \
                from None
        except (OSError, ValueError) as error:
            raise CalibrationError(f"{path}: expected a JSON file: {error}") from None
        if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
            raise CalibrationError(f"{path}: expected {FORMAT!r} in version {VERSION}, found something else; update "
                                   "novic_ros or fit it again with novic calibrate")
        missing = {*NUMBERS, "views", "decoder_sha256"} - set(content)
        if missing:
            raise CalibrationError(f"{path}: expected {', '.join(sorted(missing))} too")
        if content["decoder_sha256"] != _decoder_checksum(Path(folder)):
            raise CalibrationError(f"{path}: it was fitted for another decoder than the one beside it; fit it again "
                                   "with novic calibrate")
        try:
            return cls(**{name: content[name] for name in NUMBERS}, views=content["views"],
                       fitted=content.get("fitted") or {})
        except CalibrationError as error:
            raise CalibrationError(f"{path}: {error}") from None


def _decoder_checksum(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / DECODER_FILE).read_bytes()).hexdigest()
    except OSError as error:
        raise CalibrationError(f"{folder / DECODER_FILE}: expected the decoder that the calibrator belongs to: "
                               f"{error.strerror}") from None
