"""OVIC's scores: how good a label is for a picture, from people's (or a language model's) judgement of that very label.

Open-vocabulary labels have no single truth, so NOVIC's authors (Allgeuer, Ahrens, Wermter, WACV 2025, section 4) had
every distinct pair of picture and label judged: correct, close or incorrect, of the picture's primary or a secondary
object. A label's *prediction score* is its category's weight; the *primary score* gives nothing for secondary objects;
the *overall score* halves the weight of coarse words ("food"). Pure functions and one file format; it judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.json_files import read_json
from novic_ros.vocabulary import canonical

__all__ = ["ANNOTATION_FILES", "WEIGHTS", "Annotation", "OvicError", "overall_score", "prediction_score",
           "primary_score", "read_annotations", "read_specificity", "top_k_scores", "write_annotations"]

WEIGHTS = {"correct_primary": 1.0, "correct_secondary": 0.8, "close_primary": 0.5, "close_secondary": 0.4,
           "incorrect": 0.0}
ANNOTATION_FILES = ("_class_annotations.json", "_class_annotations_gpt.json")  # in the folder of the pictures
SHOWN = 5


class OvicError(ValueError):
    """Judgements or specificities that cannot be used; the message says which file and what was expected."""


@dataclass(frozen=True)
class Annotation:
    """All judged labels of one picture, by category; each as it was written.

    Labels are compared in their canonical spelling. One that stands in several categories counts in the first of these
    by alphabet, as in the authors' own tool, so as "close" before "correct"; `ambiguous` lists such labels.
    """

    correct_primary: tuple[str, ...] = ()
    correct_secondary: tuple[str, ...] = ()
    close_primary: tuple[str, ...] = ()
    close_secondary: tuple[str, ...] = ()
    incorrect: tuple[str, ...] = ()

    def category(self, label: str) -> str | None:
        """The label's category, a key of WEIGHTS; None if nobody has judged it."""
        return self._category.get(canonical(label))

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """Labels that stand in several categories."""
        seen: dict[str, set[str]] = {}
        for category in WEIGHTS:
            for label in getattr(self, category):
                seen.setdefault(canonical(label), set()).add(category)
        return tuple(sorted(label for label, categories in seen.items() if len(categories) > 1))

    def truth(self) -> Truth:
        """For a report that shows what would have been right: the correct labels, the close ones as near misses."""
        return Truth(frozenset((*self.correct_primary, *self.correct_secondary)), (),
                     frozenset((*self.close_primary, *self.close_secondary)),
                     next(iter((*self.correct_primary, *self.correct_secondary)), ""))

    def to_dict(self) -> dict[str, list[str]]:
        """For JSON, as the authors write it."""
        return {category: list(getattr(self, category)) for category in WEIGHTS}

    @cached_property
    def _category(self) -> dict[str, str]:
        return {canonical(label): category for category in sorted(WEIGHTS, reverse=True)
                for label in getattr(self, category)}


def prediction_score(label: str, annotation: Annotation) -> float:
    """1, 0.8, 0.5, 0.4 or 0 by the label's category; 0 for a label that nobody has judged."""
    return WEIGHTS.get(annotation.category(label) or "incorrect", 0.0)


def primary_score(label: str, annotation: Annotation) -> float:
    """As `prediction_score`, but 0 for what is said of a secondary object."""
    category = annotation.category(label) or ""
    return WEIGHTS[category] if category.endswith("_primary") else 0.0


def overall_score(label: str, annotation: Annotation, specificity: Mapping[str, float]) -> float:
    """`prediction_score` times how specific the label is, 1 or 0.5 for a coarse word.

    Raises OvicError for a label that scores and has no specificity.
    """
    weight = prediction_score(label, annotation)
    if not weight:
        return 0.0
    share = specificity.get(canonical(label))
    if share is None:
        raise OvicError(f"specificity: expected one for every label that scores, found none for {label!r}; add it to "
                        "the specificity file")
    return weight * share


def top_k_scores(labels: Sequence[str], annotation: Annotation, k: int) -> tuple[float, ...]:
    """The best prediction score among the first label, the first two, ... the first k; what is missing adds nothing."""
    best, scores = 0.0, []
    for place in range(k):
        if place < len(labels):
            best = max(best, prediction_score(labels[place], annotation))
        scores.append(best)
    return tuple(scores)


def read_annotations(path: str | Path) -> dict[str, Annotation]:
    """The authors' `_class_annotations.json`: {picture: {category: [labels]}}; categories may be left out.

    Raises OvicError for anything else in the file, with the picture, or JsonFileError.
    """
    path = Path(path)
    annotations: dict[str, Annotation] = {}
    for picture, entry in read_json(path, dict).items():
        if not isinstance(entry, dict) or not set(entry) <= set(WEIGHTS):
            found = sorted(set(entry) - set(WEIGHTS)) if isinstance(entry, dict) else type(entry).__name__
            raise OvicError(f"{path}: {picture}: expected lists of labels under {', '.join(WEIGHTS)}, found {found!r}")
        for category, labels in entry.items():
            if not isinstance(labels, list) or not all(isinstance(label, str) and canonical(label) for label in labels):
                raise OvicError(f"{path}: {picture}: expected {category} to be a list of labels, found {labels!r:.100}")
        annotations[picture] = Annotation(**{category: tuple(labels) for category, labels in entry.items()})
    if not annotations:
        raise OvicError(f"{path}: expected at least one picture, found none")
    return annotations


def write_annotations(path: str | Path, annotations: Mapping[str, Annotation]) -> None:
    """Write such a file, one list a line, as the authors' tool does. Raises OSError."""
    pictures = []
    for picture, annotation in annotations.items():
        lists = ",\n".join(f"    {json.dumps(category)}: {json.dumps(labels)}"
                           for category, labels in annotation.to_dict().items())
        pictures.append(f"  {json.dumps(picture)}: {{\n{lists}\n  }}")
    Path(path).write_text("{\n" + ",\n".join(pictures) + "\n}\n" if pictures else "{}\n", encoding="utf-8")


def read_specificity(path: str | Path) -> dict[str, float]:
    """The authors' specificity file, {label: 1 or 0.5} -> the same by canonical spelling.

    Where two labels share one, the smaller counts. Raises OvicError or JsonFileError.
    """
    path = Path(path)
    found: dict[str, float] = {}
    for label, share in read_json(path, dict).items():
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise OvicError(f"{path}: {label}: expected a specificity from 0 to 1, found {share!r}")
        key = canonical(label)
        found[key] = min(float(share), found.get(key, 1.0))
    return found


def missing_specificity(said: Iterable[tuple[str, Annotation]], specificity: Mapping[str, float]) -> list[str]:
    """The labels, in alphabetical order, that score and have no specificity."""
    return sorted({label for label, annotation in said
                   if prediction_score(label, annotation) and canonical(label) not in specificity})
