"""Running figures of a training: loss and token accuracy, since the last line of the log and smoothed over chunks.

Smoothed figures are averages whose weights halve every four chunks, as in the authors' training. All is kept in plain
floats that go into the state of a training, so that one that goes on logs what it would have logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

__all__ = ["Meter"]

HALF_LIFE = 4  # chunks


@dataclass
class Meter:
    """Sums over steps; `keep` is the share of a smoothed sum that is left after one step."""

    keep: float
    loss: float = 0.0
    right: float = 0.0
    columns: float = 0.0
    steps: int = 0
    smooth_loss: float = 0.0
    smooth_steps: float = 0.0
    smooth_right: float = 0.0
    smooth_columns: float = 0.0

    @classmethod
    def for_chunks_of(cls, steps: float) -> Meter:
        """For a training whose chunks have so many steps."""
        return cls(0.5 ** (1 / (HALF_LIFE * steps)))

    @classmethod
    def of(cls, state: Mapping[str, float]) -> Meter:
        """From what `state` gave."""
        return cls(**state)

    def state(self) -> dict[str, float]:
        """All numbers, for `of`."""
        return asdict(self)

    def add(self, loss: float, right: float, columns: float) -> None:
        """One step: its mean loss, how many counted columns were right, and how many there were."""
        self.loss, self.right, self.columns = self.loss + loss, self.right + right, self.columns + columns
        self.steps += 1
        self.smooth_loss = self.keep * self.smooth_loss + loss
        self.smooth_steps = self.keep * self.smooth_steps + 1
        self.smooth_right = self.keep * self.smooth_right + right
        self.smooth_columns = self.keep * self.smooth_columns + columns

    def smoothed(self) -> dict[str, float]:
        """The smoothed figures, `loss` and `accuracy`."""
        return {"loss": self.smooth_loss / self.smooth_steps, "accuracy": self.smooth_right / self.smooth_columns}

    def take(self) -> dict[str, float]:
        """`loss` and `accuracy` since the last call."""
        taken = {"loss": self.loss / self.steps, "accuracy": self.right / self.columns}
        self.loss = self.right = self.columns = 0.0
        self.steps = 0
        return taken
