"""Labels a folder of pictures: the work behind `novic evaluate images`.

Pictures are labelled in order, `batch` at a time; one that cannot be read is a problem and is left out of the figures.
It finds no truth (`truth_files.py`) and scores nothing (`judging.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from novic_ros import images
from novic_ros.evaluation.environment import describe_environment
from novic_ros.evaluation.judging import judged
from novic_ros.evaluation.results import Evaluation, Item
from novic_ros.evaluation.truth_files import TruthSet
from novic_ros.labeller import ImageLabeller

__all__ = ["label_pictures", "match_truth", "run_images"]


def match_truth(pictures: Collection[str], truth: TruthSet) -> tuple[dict[str, str], list[str]]:
    """(name in the truth -> picture, names in the truth without a picture); pictures are paths below their folder.

    A truth names a picture by that path, or by its file name if only one picture has that.
    """
    by_name: dict[str, list[str]] = {}
    for picture in pictures:
        by_name.setdefault(picture.rpartition("/")[2], []).append(picture)
    found: dict[str, str] = {}
    missing = []
    for name in truth.truths:
        below = name.removeprefix("./")
        candidates = [below] if below in pictures else [] if "/" in below else by_name.get(below, [])
        if len(candidates) == 1:
            found[name] = candidates[0]
        else:
            missing.append(name)
    return found, missing


def label_pictures(labeller: ImageLabeller, folder: Path, pictures: Mapping[str, str], *, batch: int = 1,
                   advance: Callable[[int], None] = lambda count: None,
                   ) -> tuple[list[Item], list[str], dict[str, list[float]]]:
    """(one item for every picture that can be read, one problem for every other, seconds per picture by stage).

    pictures: id -> path below the folder.
    """
    items: list[Item] = []
    problems: list[str] = []
    timing: dict[str, list[float]] = {}
    names = list(pictures)
    for start in range(0, len(names), batch):
        chunk = names[start:start + batch]
        begin = time.perf_counter()
        read = {}
        for name in chunk:
            path = folder / pictures[name]
            try:
                read[name] = images.from_file(path)
            except images.ImageError as error:
                problems.append(str(error).replace(str(path), pictures[name]))
        seconds = time.perf_counter() - begin
        if read:
            labels, stages, _ = labeller.label_timed(list(read.values()))
            stages = {"read": seconds, **stages}
            for stage, taken in (*stages.items(), ("total", sum(stages.values()))):
                timing.setdefault(stage, []).append(taken / len(read))
            items += [Item(name, source=pictures[name], picture=pictures[name], labels=found.labels,
                           evidence=found.evidence) for name, found in zip(read, labels)]
        advance(len(chunk))
    return items, problems, timing


def run_images(labeller: ImageLabeller, folder: Path, pictures: Collection[str], truth: TruthSet | None = None, *,
               title: str = "Pictures", batch: int = 1, command: str = "",
               advance: Callable[[int], None] = lambda count: None, **scoring: Any) -> Evaluation:
    """Label pictures in a folder, only those of the truth if there is one, and score them (`scoring`: as `judged`)."""
    wanted, missing = match_truth(pictures, truth) if truth is not None else ({name: name for name in pictures}, [])
    items, problems, timing = label_pictures(labeller, folder, wanted, batch=batch, advance=advance)
    counts = {"pictures": len(items), "unreadable": len(problems), "missing": len(missing),
              "without truth": len(set(pictures) - set(wanted.values()))}
    if truth is not None:
        items = [replace(item, truth=truth.truths[item.id]) for item in items]
        problems += [f"{name}: the truth names it, but there is no such picture" for name in missing]
    return judged("images", title, items, truth, command=command, problems=problems, counts=counts, timing=timing,
                  environment=describe_environment(labeller), **scoring)
