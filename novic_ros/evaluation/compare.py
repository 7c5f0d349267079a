"""Compares two evaluations of the same pictures: every figure side by side, and how far the pictures' scores differ.

Pictures are paired by their ids and resampled together (paired bootstrap), which tells two runs apart that two separate
intervals cannot. It reads and runs nothing: `Evaluation.load` gives what it compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from novic_ros.evaluation.rates import Mean, paired_bootstrap
from novic_ros.evaluation.results import Evaluation, Figure, Item

__all__ = ["Change", "Comparison", "compare"]


@dataclass(frozen=True)
class Change:
    """A picture with two different best labels; difference: second minus first score, None if one is unknown."""

    id: str
    first: Item
    second: Item
    difference: float | None


@dataclass(frozen=True)
class Comparison:
    """figures: (name, first's, second's), None where one has it not. score, exact: second minus first over the paired
    pictures that both have scored, None if there are none; exact counts scores of 1. better, worse, equal: numbers of
    these. same_label: of how many paired pictures the best label is the same. only_first, only_second: unpaired.
    changes: all with another best label, the largest differences first.
    """

    figures: tuple[tuple[str, Figure | None, Figure | None], ...]
    pairs: int
    same_label: int
    only_first: int
    only_second: int
    score: Mean | None
    exact: Mean | None
    better: int
    worse: int
    equal: int
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the pictures."""
        def mean(value: Mean | None) -> dict[str, Any] | None:
            return None if value is None else {"value": value.value, "interval": [value.low, value.high], "n": value.n}

        return {
            "figures": {name: {"first": first and first.to_dict(), "second": second and second.to_dict()}
                        for name, first, second in self.figures},
            "pairs": self.pairs, "same_label": self.same_label, "only_first": self.only_first,
            "only_second": self.only_second, "score_difference": mean(self.score),
            "exact_difference": mean(self.exact), "better": self.better, "worse": self.worse, "equal": self.equal,
            "changes": [{"id": one.id, "first": _said(one.first), "second": _said(one.second),
                         "difference": one.difference} for one in self.changes],
        }


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Raises ValueError if the two have no picture in common."""
    theirs = {item.id: item for item in second.items}
    pairs = [(item, theirs[item.id]) for item in first.items if item.id in theirs]
    if not pairs:
        raise ValueError(f"compare: expected two evaluations of the same pictures, found no id in common among "
                         f"{len(first.items)} and {len(second.items)}")
    scored = [(one.score, two.score) for one, two in pairs if one.score is not None and two.score is not None]
    changes = [Change(one.id, one, two, None if one.score is None or two.score is None else two.score - one.score)
               for one, two in pairs if _said(one) != _said(two)]
    names = dict.fromkeys([*(one.name for one in first.figures), *(one.name for one in second.figures)])
    return Comparison(
        figures=tuple((name, first.figure(name), second.figure(name)) for name in names),
        pairs=len(pairs), same_label=len(pairs) - len(changes), only_first=len(first.items) - len(pairs),
        only_second=len(second.items) - len(pairs), score=_difference(scored),
        exact=_difference([(one == 1, two == 1) for one, two in scored]),
        better=sum(two > one for one, two in scored), worse=sum(two < one for one, two in scored),
        equal=sum(two == one for one, two in scored),
        changes=tuple(sorted(changes, key=lambda one: -abs(one.difference or 0))))


def _difference(scored: Sequence[tuple[float, float]]) -> Mean | None:
    return paired_bootstrap([float(one) for one, _ in scored], [float(two) for _, two in scored]) if scored else None


def _said(item: Item) -> str:
    return item.best.text if item.best else ""
