"""The folder of a training: its recipe, what it ran on, its states, its logs and, in the end, the decoder.

    recipe.yaml   the recipe, field by field          log.csv      loss, accuracy, rate and speed by step
    data.json     the nouns and caches it learns from probe.csv    share of probed nouns that come back, by chunk
    runs.json     versions and machine of each start  tensorboard/ the same, where tensorboard is installed
    last.pt       the state to go on from             loss.png accuracy.png   where matplotlib is installed
    best.pt       the state with the best probe       decoder/     the trained decoder, written at the end
    result.json   what came out, written last         decoder_best/  the best one, where it is not the last

Every file is whole or absent. A folder is used again only for the same recipe and data. It does not train.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from novic_ros import __version__
from novic_ros.training.optimiser import load_state, save_state
from novic_ros.training.recipe import Recipe, RecipeError
from novic_ros.training.training_data import TrainingData

__all__ = ["LOG_COLUMNS", "PROBE_COLUMNS", "CsvLog", "RunFolder"]

LOG_COLUMNS = ("step", "epoch", "chunk", "samples", "rate", "loss", "accuracy", "smooth_loss", "smooth_accuracy",
               "gradient_norm", "samples_per_second")
PROBE_COLUMNS = ("step", "chunk", "right", "of", "share")
PACKAGES = ("numpy", "torch", "open_clip_torch", "safetensors")


class CsvLog:
    """A table in a file, one line per call, that can be cut back to a step. Numbers are written exactly."""

    def __init__(self, path: Path, columns: Sequence[str]):
        self.path, self._columns = path, tuple(columns)

    def cut(self, step: int) -> None:
        """Keep only the lines up to a step, so that a training that goes on from there writes what followed anew."""
        kept = [row for row in self.rows() if int(row["step"]) <= step]
        unfinished = self.path.with_suffix(".part")
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(kept)
        unfinished.replace(self.path)

    def write(self, **values: float) -> None:
        """Append one line; `values` has one entry per column."""
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([repr(values[column]) for column in self._columns])

    def rows(self) -> list[dict[str, str]]:
        """All whole lines so far; a line that a crash cut off is left out."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if None not in row.values() and None not in row]


class RunFolder:
    """One training's folder. Made, or checked to be one of the same recipe and data; RecipeError otherwise."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.log = CsvLog(self.path / "log.csv", LOG_COLUMNS)
        self.probes = CsvLog(self.path / "probe.csv", PROBE_COLUMNS)

    def prepare(self, recipe: Recipe, data: TrainingData) -> None:
        """Make the folder, or check that it is one of this recipe and data. Raises RecipeError."""
        self.check(recipe, data)
        self.path.mkdir(parents=True, exist_ok=True)
        _write(self.path / "recipe.yaml", recipe.text())
        _write_json(self.path / "data.json", _identity(data))
        starts = _read_json(self.path / "runs.json") or []
        _write_json(self.path / "runs.json", [*starts, _environment()])

    def check(self, recipe: Recipe, data: TrainingData) -> None:
        """Whether a training with this recipe and data may begin or go on here. Raises RecipeError."""
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise RecipeError(f"{self.path}: expected a folder, found a file; choose another one")
        if not (self.path / "recipe.yaml").exists():
            if any(self.path.iterdir()):
                raise RecipeError(f"{self.path}: expected an empty folder or one of a training, found neither; choose "
                                  "another one")
            return
        differences = recipe.differences(Recipe.read(self.path / "recipe.yaml"))
        if differences:
            raise RecipeError(f"{self.path}: expected a training with this recipe, found one with another; this one "
                              f"has {', '.join(differences)}; choose another folder, or that recipe to go on with it")
        theirs = _read_json(self.path / "data.json")
        if theirs is not None and theirs != _identity(data):
            raise RecipeError(f"{self.path}: expected a training on these caches, found one on others (data.json in it "
                              "tells which); choose another folder, or those caches to go on with it")

    def state(self) -> dict[str, Any] | None:
        """The state to go on from, or None. Raises ValueError where it is damaged."""
        path = self.path / "last.pt"
        return load_state(path) if path.exists() else None

    def best_state(self) -> dict[str, Any] | None:
        """The state with the best probe, or None. Raises ValueError where it is damaged."""
        path = self.path / "best.pt"
        return load_state(path) if path.exists() else None

    def save(self, state: dict[str, Any], best: bool) -> None:
        """Replace last.pt and, if it is the best one, best.pt."""
        save_state(self.path / "last.pt", state)
        if best:
            save_state(self.path / "best.pt", state)

    def result(self) -> dict[str, Any] | None:
        """What came out of a finished training, or None."""
        return _read_json(self.path / "result.json")

    def finish(self, result: Mapping[str, Any]) -> None:
        """Say that the training is finished, and what came out."""
        _write_json(self.path / "result.json", dict(result))

    def bytes_needed(self, parameters: int, log_lines: int) -> int:
        """About how much disk a training takes: two states of three float32 numbers per parameter, one more while a
        state is replaced, up to two decoders, and logs."""
        return parameters * 4 * (3 * 3 + 2) + 300 * log_lines + 1_000_000


def _identity(data: TrainingData) -> dict[str, Any]:
    """What makes data the same for a training that goes on, whatever the caches' files are called now."""
    digest = hashlib.sha256("\n".join(data.nouns).encode()).hexdigest()
    gap = None if data.gap is None else hashlib.sha256(json.dumps(dict(data.gap.statistics)).encode()).hexdigest()
    return {"embedder": data.embedder_spec, "nouns": len(data.nouns), "nouns_sha256": digest, "gap_sha256": gap,
            "caches": [{"shape": list(cache.vectors.shape), "nouns": len(cache.nouns)} for cache in data.caches]}


def _environment() -> dict[str, Any]:
    """Versions, machine and command of this start."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": sys.argv, "novic_ros": __version__, "python": platform.python_version(), "packages": versions,
        "machine": platform.machine(), "system": platform.platform(), "cores": os.cpu_count(),
        "threads": torch.get_num_threads(), "processes": int(os.environ.get("WORLD_SIZE", 1)),
        "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
    }  # fmt: skip


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write_json(path: Path, content: Any) -> None:
    _write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
