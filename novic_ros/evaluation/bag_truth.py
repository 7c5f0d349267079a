"""What the frames of a bag show: from a table of time intervals, or from a label topic in the bag itself.

* A table, CSV with a header or a JSON list of objects: `start`, `end` and `label`, and if wanted `bag`, `topic` and
  `id` (of a detection). Times are seconds from the bag's first message, by the time of recording, as players show it;
  from 100 million on, seconds since 1970. Right words are joined by ";". A JSON row may have `synonyms`, `hypernyms`
  and `hyponyms` in place of the label, as truth files of pictures do.
* A label topic: vision_msgs/Detection2DArray and Classification say what the frame of the same stamp shows,
  std_msgs/String what all frames show from then on, until the next; an empty text ends that.

Frames of one interval look alike, so a `Fact` says which frames belong together. Nothing is scored here.
"""

from __future__ import annotations

import bisect
import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from novic_ros.evaluation.bag_frames import DETECTION_TYPE, detection_id, header_stamp
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.evaluation.bag_types import BagError
from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.json_files import JsonFileError, read_json
from novic_ros.evaluation.truth_files import names_truth

__all__ = ["BagTruth", "Fact", "Interval", "Intervals", "LabelTopic", "read_intervals"]

SINCE_1970 = 100_000_000  # seconds from here on are no time within a bag: it would be three years long
CLASSIFICATION_TYPE, STRING_TYPE = "vision_msgs/msg/Classification", "std_msgs/msg/String"
COLUMNS = ("start", "end", "label", "bag", "topic", "id")
GRADED = ("synonyms", "hypernyms", "hyponyms")
SHOWN_FAULTS = 5


class Fact(NamedTuple):
    """What a frame or crop shows. group: the same for frames that show one thing in one go."""

    truth: Truth
    group: str


class BagTruth:
    """What the frames of one bag show; this one knows nothing."""

    def of(self, topic: str, stamp: int, recorded: int, track: str | None = None) -> Fact | None:
        """What a frame shows, or with `track` (a detection's id) a crop; None if that is not known. Times in ns."""
        return None



@dataclass(frozen=True)
class Interval:
    """One row of a table: from start, before end, in ns of recording. bag, topic, id: "" stands for every one."""

    start: int
    end: int
    truth: Truth
    row: int
    bag: str = ""
    topic: str = ""
    id: str = ""

    def is_about(self, bag: str, topic: str, track: str | None) -> bool:
        """Whether it speaks of this frame (track None) or crop, leaving time aside."""
        return self.bag in ("", bag) and self.topic in ("", topic) and (self.id == (track or ""))

    def meets(self, other: Interval) -> bool:
        """Whether both can speak of the same frame."""
        apart = any(mine and theirs and mine != theirs
                    for mine, theirs in ((self.bag, other.bag), (self.topic, other.topic)))
        return not apart and self.id == other.id and self.start < other.end and other.start < self.end


class Intervals(BagTruth):
    """A table, seen from one bag."""

    def __init__(self, intervals: Iterable[Interval], bag: str, begin: int):
        """begin: the time of the bag's first message, ns, from which short times count."""
        found = []
        for one in intervals:
            late = begin if one.start < SINCE_1970 * 10**9 else 0
            found.append((one.start + late, one.end + late, one))
        self._rows = sorted(found, key=lambda row: row[:2])
        self._starts = [start for start, _, _ in self._rows]
        self._latest = list(itertools.accumulate((end for _, end, _ in self._rows), max))  # end of all rows up to each
        self._bag = bag

    def of(self, topic: str, stamp: int, recorded: int, track: str | None = None) -> Fact | None:
        """By the time of recording."""
        for place in range(bisect.bisect_right(self._starts, recorded) - 1, -1, -1):
            if self._latest[place] <= recorded:
                break
            _, end, one = self._rows[place]
            if recorded < end and one.is_about(self._bag, topic, track):
                return Fact(one.truth, f"row {one.row} {topic}")
        return None


class LabelTopic(BagTruth):
    """A label topic of a bag, read on construction. Raises BagError if there is none of a type that is known."""

    def __init__(self, bag: Bag, topic: str):
        kind = bag.topics.get(topic)
        known = (DETECTION_TYPE, CLASSIFICATION_TYPE, STRING_TYPE)
        if kind not in known:
            present = ", ".join(sorted(one for one, of_type in bag.topics.items() if of_type in known)) or "none"
            raise BagError(f"{bag.path}: expected {topic} as a topic of {', '.join(known)}, found "
                           f"{'no such topic' if kind is None else kind}; such topics in it: {present}")
        self._by_stamp: dict[tuple[int, str], Fact] = {}  # stamp and detection's id
        self._times: list[int] = []  # when what is said changes, of a topic without stamps
        self._facts: list[Fact | None] = []
        self._holds = kind == STRING_TYPE
        damaged, group, before = [], 0, None
        for message in bag.messages([topic]):
            try:
                said = _said(bag.decode(message), kind)
            except BagError as error:
                damaged.append(error)
                continue
            group += said != before
            before = said
            if self._holds:
                (words,) = said.values()
                self._times.append(message.recorded)
                self._facts.append(Fact(names_truth(*words), f"{topic} {group}") if words else None)
            else:
                stamp = header_stamp(message.data)
                for track, words in said.items():
                    if words:
                        self._by_stamp[stamp, track] = Fact(names_truth(*words), f"{topic} {group} {track}")
        if damaged:
            bag.add_problem(f"{bag.name}: {len(damaged)} messages of {topic} cannot be used; the first: {damaged[0]}")

    def of(self, topic: str, stamp: int, recorded: int, track: str | None = None) -> Fact | None:
        """By the stamp, or by the time of recording where labels have no stamp."""
        if not self._holds:
            return self._by_stamp.get((stamp, track or ""))
        place = bisect.bisect_right(self._times, recorded)
        return self._facts[place - 1] if place and track is None else None


def read_intervals(path: str | Path) -> list[Interval]:
    """A table of intervals. Raises BagError with everything that is wrong with it."""
    path = Path(path)
    rows = _json_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path)
    found, faults = [], []
    for number, row in rows:
        try:
            found.append(_interval(row, number))
        except ValueError as error:
            faults.append(f"row {number}: {error}")
    latest: list[Interval] = []
    for one in sorted(found, key=lambda interval: (interval.start, interval.row)):
        latest = [other for other in latest if other.end > one.start]
        faults += [f"row {one.row} overlaps row {other.row}" for other in latest if one.meets(other)]
        latest.append(one)
    if not found and not faults:
        faults = ["expected at least one row, found none"]
    if faults:
        more = f"; and {len(faults) - SHOWN_FAULTS} more such faults" if len(faults) > SHOWN_FAULTS else ""
        raise BagError(f"{path}: " + "; ".join(faults[:SHOWN_FAULTS]) + more)
    return found


def _interval(row: Mapping[str, Any], number: int) -> Interval:
    start, end = _nanoseconds(row, "start"), _nanoseconds(row, "end")
    if not start < end:
        raise ValueError(f"expected a start before the end, found {row['start']} and {row['end']}")
    if start < SINCE_1970 * 10**9 <= end:
        raise ValueError(f"expected both times from the bag's beginning or both since 1970, found {row['start']} and "
                         f"{row['end']}")
    if any(name in row for name in GRADED):
        truth = Truth.of({"name": row.get("name") or row.get("label"), **row})
    else:
        words = [word.strip() for word in str(row.get("label") or "").split(";")]
        if not all(words):
            raise ValueError(f"expected a label, found {row.get('label')!r}")
        truth = names_truth(*words)
    rest = {name: str(row.get(name) or "").strip() for name in ("bag", "topic", "id")}
    return Interval(start, end, truth, number, **rest)


def _nanoseconds(row: Mapping[str, Any], name: str) -> int:
    try:
        seconds = Decimal(str(row[name]).strip())
        if seconds.is_finite() and 0 <= seconds < 10**10:
            return round(seconds * 10**9)
    except (KeyError, InvalidOperation):
        pass  # said below
    raise ValueError(f"expected {name} in seconds from 0 to 10,000,000,000, found {row.get(name)!r}")


def _csv_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line, columns) of each row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            missing = [name for name in COLUMNS[:3] if name not in reader.fieldnames]
            if missing:
                raise BagError(f"{path}: expected a header with start, end and label, found "
                               f"{', '.join(reader.fieldnames) or 'none'}")
            return [(reader.line_num, {key: value for key, value in row.items() if key in COLUMNS}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BagError(f"{path}: expected a table in UTF-8: {error}") from error


def _json_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """(place from 1, object) of each row."""
    try:
        rows = read_json(path, list)
    except JsonFileError as error:
        raise BagError(str(error)) from error
    if not all(isinstance(row, dict) for row in rows):
        raise BagError(f"{path}: expected a JSON list of objects with start, end and label")
    return list(enumerate(rows, start=1))


def _said(message: Any, kind: str) -> dict[str, tuple[str, ...]]:
    """Detection's id ("" for the whole frame) -> the words that are right for it; () if nothing is said.

    Of several detections without an id nobody knows which is the whole frame, so none is taken for it.
    """
    if kind == STRING_TYPE:
        return {"": tuple(word.strip() for word in message.data.split(";") if word.strip())}
    if kind == CLASSIFICATION_TYPE:
        return {"": _best(message.results)}
    tracks = [detection_id(one) for one in message.detections]
    found = {track: _best([getattr(result, "hypothesis", result) for result in one.results])
             for track, one in zip(tracks, message.detections)}
    if tracks.count("") > 1:
        del found[""]
    return found


def _best(hypotheses: Sequence[Any]) -> tuple[str, ...]:
    """The words with the highest score; several if they share it."""
    words = [(float(one.score), str(getattr(one, "class_id", "") or getattr(one, "id", ""))) for one in hypotheses]
    highest = max((score for score, _ in words), default=0.0)
    return tuple(word for score, word in words if score == highest and word.strip())
