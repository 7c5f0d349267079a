"""Ablations: one recipe trained with every combination of some fields' values, several seeds each, and compared.

Each training has a folder of its own, so a run that was interrupted goes on, and what is finished is not repeated. What
is compared are the results of the trainings and whatever `evaluate` measures of a trained decoder; a mean comes with
its 95 % interval over seeds, from Student's t distribution. Tables and pictures of it are in `ablation_report.py`.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from novic_ros.training.processes import Processes
from novic_ros.training.recipe import Recipe, RecipeError
from novic_ros.training.train_run import TrainRun
from novic_ros.training.training_data import TrainingData

__all__ = ["Ablation", "Case", "Interval", "parse_variation", "t_quantile"]

RESULTS = ("share", "loss", "accuracy")  # of result.json, compared where they are numbers
Evaluate = Callable[[Path], Mapping[str, float]]  # a decoder's folder -> figures


@dataclass(frozen=True)
class Interval:
    """A mean of n values, and the half width of its 95 % interval; None for a single value, which has none."""

    mean: float
    half: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Of at least one value, taken as independent and about normal."""
        n = len(values)
        half = t_quantile(0.975, n - 1) * statistics.stdev(values) / math.sqrt(n) if n > 1 else None
        return cls(statistics.fmean(values), half, n)

    def __str__(self) -> str:
        return f"{self.mean:.4f}" if self.half is None else f"{self.mean:.4f} ± {self.half:.4f}"


@functools.cache
def t_quantile(share: float, freedom: int) -> float:
    """The value that Student's t with so many degrees of freedom stays below with probability `share`, in [0.5, 1).

    With t = sqrt(freedom) tan(a), the distribution of a has the density cos(a)^(freedom - 1), up to a factor.
    """
    if not 0.5 <= share < 1 or freedom < 1:
        raise ValueError(f"t: expected 0.5 <= share < 1 and freedom >= 1, got {share} and {freedom}")

    def area(end: float, pieces: int = 2000) -> float:  # Simpson's rule from 0 to `end`
        step = end / pieces
        values = [math.cos(k * step) ** (freedom - 1) for k in range(pieces + 1)]
        return step / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))

    wanted = (share - 0.5) * 2 * area(math.pi / 2)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if area(middle) < wanted else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def parse_variation(word: str) -> tuple[str, list[Any]]:
    """"field=a,b,c", the values as in YAML -> (field, values). Raises RecipeError."""
    name, equals, text = word.partition("=")
    try:
        values = yaml.safe_load(f"[{text}]")
    except yaml.YAMLError:
        values = []
    if not equals or not name.strip() or not values:
        raise RecipeError(f"expected field=value,value,..., got {word!r}")
    if len(set(map(repr, values))) != len(values):
        raise RecipeError(f"{name.strip()}: expected different values, got {text}")
    return name.strip(), values


@dataclass(frozen=True)
class Case:
    """One combination of values, and its recipes: one per seed, each with the name of its folder."""

    settings: dict[str, Any]
    recipes: tuple[tuple[str, Recipe], ...]


class Ablation:
    """All cases of an ablation in a folder. Raises RecipeError with every complaint before anything is trained.

    varied: values per field. seeds: trainings per combination, with the recipe's own seed and those that follow.
    """

    def __init__(self, recipe: Recipe, varied: Mapping[str, Sequence[Any]], seeds: int, folder: str | Path):
        if seeds < 1:
            raise RecipeError(f"seeds: expected a whole number from 1, got {seeds}")
        if "seed" in varied:
            raise RecipeError("seed: expected other fields to vary; every combination is trained with several seeds")
        self.recipe, self.seeds, self.folder = recipe, seeds, Path(folder)
        self.varied = {name: list(values) for name, values in varied.items()}
        self.cases: list[Case] = []
        complaints: dict[str, None] = {}
        for values in itertools.product(*self.varied.values()):
            settings = dict(zip(self.varied, values))
            name = _folder_name(settings)
            try:
                self.cases.append(Case(settings, tuple(
                    (f"{name}/seed{seed}", recipe.changed(**settings, seed=seed))
                    for seed in range(recipe.seed, recipe.seed + seeds))))
            except RecipeError as error:
                complaints[str(error)] = None
        if complaints:
            raise RecipeError("; ".join(complaints))

    def trainings(self, data: TrainingData, processes: Processes) -> list[tuple[str, TrainRun]]:
        """Every training, by name. Raises RecipeError where the data does not allow one, or a folder is another's."""
        runs = [(name, TrainRun(recipe, data, self.folder / name, processes))
                for case in self.cases for name, recipe in case.recipes]
        for _, run in runs:
            run.folder.check(run.recipe, data)
        return runs

    def results(self, data: TrainingData, processes: Processes, evaluate: Evaluate | None = None) -> dict[str, Any]:
        """What came out of all trainings, which must be finished: plain data for JSON and for the report.

        evaluate: measures the decoder of each.
        """
        rows = []
        runs = dict(self.trainings(data, processes))
        for case in self.cases:
            figures: dict[str, list[float]] = {}
            for name, _ in case.recipes:
                folder = runs[name].folder
                result = folder.result()
                if result is None:
                    raise RecipeError(f"{folder.path}: expected a finished training, found an unfinished one")
                measured = dict(evaluate(folder.path / "decoder")) if evaluate else {}
                measured |= {key: result[key] for key in RESULTS if result[key] is not None}
                for key, value in measured.items():
                    figures.setdefault(key, []).append(value)
            rows.append({"settings": case.settings, "figures": {
                key: {"values": values, "mean": interval.mean, "half_width": interval.half}
                for key, values in figures.items() for interval in [Interval.of(values)]}})
        return {"recipe": self.recipe.name, "varied": self.varied, "seeds": self.seeds,
                "interval": "95 %, Student's t over seeds", "rows": rows}


def _folder_name(settings: Mapping[str, Any]) -> str:
    name = ",".join(f"{field}={value}" for field, value in settings.items()) or "as_it_is"
    return re.sub(r"[^\w.,=+-]", "_", name)
