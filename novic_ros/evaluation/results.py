"""What an evaluation found, as plain data: pictures with labels and truth, headline figures, curves, counts, times.

Every `novic evaluate` makes one `Evaluation`; the report draws it, `compare` reads two. In its folder, `report.json`
holds all but the times and is the same to the byte for two runs of the same work, and `timing.json` holds the seconds
of each stage. This file computes no score, runs no model and draws nothing.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.json_files import JsonFileError, read_json
from novic_ros.evaluation.rates import Mean, Rate
from novic_ros.labels import Label, Region

__all__ = ["FORMAT", "KINDS", "REPORT_FILE", "TIMING_FILE", "VERSION", "Evaluation", "Figure", "Item", "ResultsError"]

FORMAT, VERSION = "novic_ros.evaluation", 1
KINDS = ("images", "classes", "bag", "labels")
REPORT_FILE, TIMING_FILE = "report.json", "timing.json"
DIGITS = 6  # of every number written: below what a score means, and a microsecond of a stamp


class ResultsError(ValueError):
    """Results that cannot be read, written or right; the message says what was expected and what came."""


@dataclass(frozen=True)
class Item:
    """One picture, frame or crop: what was said about it, what it shows, and how good the best label is.

    id: unique in its evaluation; the same picture has the same id in two runs, which is how `compare` pairs them.
    source: where it came from: a file's name, or a bag and topic. picture: where to find the pixels: a path relative
    to the report's folder, or a key that the one who writes the report can resolve. stamp: seconds, of frames. labels:
    best first, none if nothing was said. score: of the best label against `truth`, from 0 to 1; None without truth.
    region: None for the whole picture.
    """

    id: str
    source: str = ""
    picture: str | None = None
    stamp: float | None = None
    labels: tuple[Label, ...] = ()
    evidence: float | None = None
    truth: Truth | None = None
    score: float | None = None
    region: Region | None = None

    def __post_init__(self):
        if not isinstance(self.id, str) or not self.id:
            raise ResultsError(f"item: expected an id of at least one letter, got {self.id!r}")
        object.__setattr__(self, "labels", tuple(self.labels))
        for name in ("stamp", "evidence", "score"):
            _check_finite(f"item {self.id}: {name}", getattr(self, name))
        if self.score is not None and not 0 <= self.score <= 1:
            raise ResultsError(f"item {self.id}: expected a score from 0 to 1, got {self.score}")

    @property
    def best(self) -> Label | None:
        """The label with the highest score; None if nothing was said."""
        return self.labels[0] if self.labels else None


@dataclass(frozen=True)
class Figure:
    """One headline number: a mean or a rate, with its 95 % interval and, of rates, k of n. `note` is one sentence.

    interval: of rates Wilson's, else the bootstrap's; it is what people are shown. bootstrap: the bootstrap's, of both.
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None
    k: int | None = None
    n: int | None = None
    note: str = ""
    bootstrap: tuple[float, float] | None = None

    def __post_init__(self):
        _check_finite(f"figure {self.name}", self.value)
        for name in ("interval", "bootstrap"):
            if getattr(self, name) is None:
                continue
            low, high = getattr(self, name)
            _check_finite(f"figure {self.name}: {name}", low)
            _check_finite(f"figure {self.name}: {name}", high)
            if low > high:
                raise ResultsError(f"figure {self.name}: expected {name} from low to high, got {low} to {high}")
            object.__setattr__(self, name, (low, high))
        if self.k is not None and (self.n is None or not 0 <= self.k <= self.n):
            raise ResultsError(f"figure {self.name}: expected 0 <= k <= n, got k = {self.k}, n = {self.n}")

    @classmethod
    def of(cls, name: str, found: Rate | Mean, note: str = "") -> Figure:
        """From a rate or a mean, with its intervals."""
        if isinstance(found, Rate):
            return cls(name, found.k / found.n, found.interval, found.k, found.n, note, found.bootstrap())
        return cls(name, found.value, (found.low, found.high), None, found.n, note, (found.low, found.high))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "value": self.value, "interval": self.interval, "bootstrap": self.bootstrap,
                "k": self.k, "n": self.n, "note": self.note}

    def __str__(self) -> str:
        spread = "" if self.interval is None else f"95 % interval {self.interval[0]:.3f} to {self.interval[1]:.3f}"
        if self.k is not None:
            return f"{self.k} of {self.n} ({', '.join(filter(None, (f'{self.value:.3f}', spread)))})"
        inside = ", ".join(filter(None, ("" if self.n is None else f"n = {self.n}", spread)))
        value = f"{self.value:,}" if isinstance(self.value, int) else f"{self.value:.3f}"
        return f"{value} ({inside})" if inside else value


@dataclass(frozen=True)
class Evaluation:
    """One evaluation. Everything in it is plain data that JSON can hold.

    curves: name -> list of JSON values, as `reliability`: [{score, right, k, n, low, high}]. counts: what was read,
    skipped and why. problems: one sentence for each input that could not be used. timing: stage -> seconds, one per
    batch or picture. environment: package, Python and torch versions, model and weights, device, CPU (see
    `environment.py`). command: what to type to have it again.
    """

    kind: str
    title: str
    figures: tuple[Figure, ...] = ()
    items: tuple[Item, ...] = ()
    curves: Mapping[str, Sequence] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    timing: Mapping[str, Sequence[float]] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ResultsError(f"kind of evaluation: expected one of {', '.join(KINDS)}, got {self.kind!r}")
        for name in ("figures", "items", "problems"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for what, names in (("item", [item.id for item in self.items]), ("figure", [one.name for one in self.figures])):
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise ResultsError(f"evaluation: expected every {what} once, got {twice!r} twice")

    def figure(self, name: str) -> Figure | None:
        """The figure of that name, or None."""
        return next((one for one in self.figures if one.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """All but the times, as `report.json` holds it; a truth that several items share is written once."""
        truths: dict[Truth, int] = {}
        items = [_item_to_json(item, truths) for item in self.items]
        return _rounded({
            "format": FORMAT, "version": VERSION, "kind": self.kind, "title": self.title, "command": self.command,
            "figures": [one.to_dict() for one in self.figures], "items": items,
            "truths": [truth.to_dict() for truth in truths], "curves": self.curves,
            "counts": self.counts, "problems": self.problems, "environment": self.environment})

    def summary(self) -> dict[str, Any]:
        """The figures by name, counts and problems: what `--json` prints."""
        return _rounded({"kind": self.kind, "title": self.title, "counts": self.counts, "problems": self.problems,
                         "figures": {one.name: one.to_dict() for one in self.figures}})

    def to_bytes(self) -> bytes:
        """`to_json` as text: the same bytes for the same findings."""
        return _text(self.to_json())

    @classmethod
    def from_json(cls, data: Any, timing: Mapping[str, Sequence[float]] | None = None) -> Evaluation:
        """From what `to_json` gave. Raises ResultsError."""
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise ResultsError(f"expected an evaluation's report.json (format {FORMAT!r}), found {found!r}")
        if data.get("version") != VERSION:
            raise ResultsError(f"expected an evaluation of version {VERSION}, found version {data.get('version')!r}; "
                               "evaluate again with this package, or read it with the one that wrote it")
        try:
            truths = [Truth.of(record) for record in data["truths"]]
            return cls(kind=data["kind"], title=data["title"], command=data["command"], curves=data["curves"],
                       figures=tuple(Figure(**one) for one in data["figures"]),
                       items=tuple(_item_from_json(one, truths) for one in data["items"]), counts=data["counts"],
                       problems=tuple(data["problems"]), timing=dict(timing or {}), environment=data["environment"])
        except ResultsError:
            raise
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise ResultsError(f"expected an evaluation as this package writes it, found something else in it "
                               f"({type(error).__name__}: {error})") from error

    def save(self, folder: str | Path) -> Path:
        """Write report.json and timing.json into `folder`, made if missing; returns the report. Raises ResultsError."""
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / TIMING_FILE, _text(_rounded(self.timing)))
            _replace(folder / REPORT_FILE, self.to_bytes())  # last: where it is, all of it is
        except OSError as error:
            raise ResultsError(f"{folder}: the results cannot be written: {error.strerror}") from error
        return folder / REPORT_FILE

    @classmethod
    def load(cls, path: str | Path) -> Evaluation:
        """From the folder that `save` wrote, or its report.json; without timing.json there are no times.

        Raises ResultsError, which names the file.
        """
        path = Path(path)
        report = path / REPORT_FILE if path.is_dir() else path
        times = report.with_name(TIMING_FILE)
        timing = _read(times) if times.is_file() else {}
        try:
            return cls.from_json(_read(report), timing)
        except ResultsError as error:
            raise ResultsError(f"{report}: {error}" if str(report) not in str(error) else str(error)) from error


def _item_to_json(item: Item, truths: dict[Truth, int]) -> dict[str, Any]:
    truth = None if item.truth is None else truths.setdefault(item.truth, len(truths))
    return {"id": item.id, "source": item.source, "picture": item.picture, "stamp": item.stamp,
            "labels": [label.to_dict() for label in item.labels], "evidence": item.evidence, "truth": truth,
            "score": item.score, "region": None if item.region is None else item.region.to_dict()}


def _item_from_json(data: Mapping, truths: Sequence[Truth]) -> Item:
    labels = tuple(Label(one["text"], one["score"]) for one in data["labels"])
    truth = None if data["truth"] is None else truths[data["truth"]]
    region = None if data["region"] is None else Region(**data["region"])
    rest = {name: data[name] for name in ("id", "source", "picture", "stamp", "evidence", "score")}
    return Item(labels=labels, truth=truth, region=region, **rest)


def _rounded(value: Any) -> Any:
    """JSON values with every number rounded; numpy's numbers become Python's. Raises ResultsError for all else."""
    if isinstance(value, Mapping):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    if hasattr(value, "tolist"):  # numpy
        return _rounded(value.tolist())
    if isinstance(value, float):
        _check_finite("evaluation", value)
        return round(value, DIGITS) + 0.0  # no -0.0
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise ResultsError(f"evaluation: expected values that JSON can hold, got {value!r:.100}")


def _text(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def _read(path: Path) -> Any:
    try:
        return read_json(path, dict)
    except JsonFileError as error:
        raise ResultsError(str(error)) from error


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    os.replace(beside, path)


def _check_finite(what: str, value: float | None) -> None:
    if value is not None and (isinstance(value, (bool, str)) or not math.isfinite(value)):
        raise ResultsError(f"{what}: expected a finite number, got {value!r}")
