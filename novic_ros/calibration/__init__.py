"""From what a model says to what is published: probabilities that labels are true, and what to say when unsure.

Small pure functions of numbers and words: no tensors, no networks, no files but the calibrator's own.
"""

from novic_ros.calibration.calibrator import CALIBRATION_FILE, CalibrationError, Calibrator
from novic_ros.calibration.unsure import ON_UNSURE, Candidate, Guess, Sight, answer, candidates, joined

__all__ = ["CALIBRATION_FILE", "ON_UNSURE", "CalibrationError", "Calibrator", "Candidate", "Guess", "Sight", "answer",
           "candidates", "joined"]
