"""Labels a classification set with nouns of its classes only, and the same pictures by zero-shot beside it.

Which nouns stand for a class is decided in `class_names.py`. Every picture is embedded once, for both. It reads no
layouts (`class_sets.py`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch

from novic_ros.evaluation.class_names import ClassNouns
from novic_ros.evaluation.class_sets import ClassSet
from novic_ros.evaluation.environment import describe_environment
from novic_ros.evaluation.figures import diversity_figures, frequency_curve, reliability_curve
from novic_ros.evaluation.rates import Rate, calibration_error, paired_bootstrap
from novic_ros.evaluation.results import Evaluation, Figure, Item
from novic_ros.evaluation.scores import mean_class_recall, per_class, top_k_accuracy
from novic_ros.evaluation.truth_files import names_truth
from novic_ros.evaluation.zero_shot import nearest_classes
from novic_ros.images import ImageError
from novic_ros.labeller import ImageLabeller
from novic_ros.vocabulary import SiteVocabulary

__all__ = ["TOP_K", "run_classes"]

TOP_K = 5


def run_classes(labeller: ImageLabeller, pictures: ClassSet, names: Sequence[Sequence[str]], nouns: ClassNouns, *,
                zero_shot: torch.Tensor | None = None, batch: int = 1, title: str = "Classes", command: str = "",
                advance: Callable[[int], None] = lambda count: None) -> Evaluation:
    """names: synonyms of each class, nouns: what may be said for each; zero_shot: class vectors [C, F], or None.

    The labeller says nouns of these classes only from now on. Raises LabellerError if it cannot.
    """
    labeller.set_vocabulary(SiteVocabulary(guide=nouns.guide))
    items: list[Item] = []
    targets: list[int] = []
    nearest: list[list[int]] = []
    problems: list[str] = []
    timing: dict[str, list[float]] = {}
    truths = [names_truth(*row, *nouns.nouns[place]) for place, row in enumerate(names)]
    for start in range(0, len(pictures), batch):
        rows, chunk = range(start, min(start + batch, len(pictures))), []
        begin = time.perf_counter()
        for row in rows:
            try:
                chunk.append((row, pictures.read(row)))
            except ImageError as error:
                problems.append(_without_folder(str(error), pictures.files[row]))
        seconds = time.perf_counter() - begin
        if chunk:
            embeddings, stages = labeller.embed_timed([image for _, image in chunk])
            said = labeller.label_embedded(embeddings, top_k=TOP_K)
            stages = {"read": seconds, **stages, **said.stages}
            for stage, taken in (*stages.items(), ("total", sum(stages.values()))):
                timing.setdefault(stage, []).append(taken / len(chunk))
            if zero_shot is not None:
                nearest += nearest_classes(embeddings.vectors, zero_shot, TOP_K)
            for (row, _), labels in zip(chunk, said.labels):
                target = pictures.targets[row]
                right = labels.best is not None and nouns.class_of(labels.best.text, target) == target
                items.append(Item(pictures.ids[row], pictures.ids[row], pictures.files[row] if pictures.files else None,
                                  labels=labels.labels, evidence=labels.evidence, truth=truths[target],
                                  score=float(right)))
                targets.append(target)
        advance(len(rows))
    figures, curves = _figures(items, targets, names, nouns, nearest)
    counts = {"pictures": len(items), "classes": len(names), "nouns": len(nouns.guide), "unreadable": len(problems),
              "classes without a noun": sum(not row for row in nouns.nouns)}
    return Evaluation("classes", title, tuple(figures), tuple(items), curves,
                      {name: count for name, count in counts.items() if count}, tuple(problems), timing,
                      describe_environment(labeller), command)


def _figures(items: Sequence[Item], targets: Sequence[int], names: Sequence[Sequence[str]], nouns: ClassNouns,
             nearest: Sequence[Sequence[int]]) -> tuple[list[Figure], dict[str, list[Any]]]:
    if not items:
        return [], {}
    said = [[nouns.class_of(label.text, target) for label in item.labels] for item, target in zip(items, targets)]
    right = [{target} for target in targets]
    shown = _shown_names(names)
    firsts = [shown[row[0]] if row and row[0] is not None else None for row in said]
    classes = per_class(firsts, [shown[target] for target in targets])
    figures = [Figure.of("accuracy", top_k_accuracy(said, right, 1), "one of its class's nouns is the best label"),
               Figure.of(f"top-{TOP_K} accuracy", top_k_accuracy(said, right, TOP_K)),
               Figure("mean class recall", mean_class_recall(classes), n=sum(one.true > 0 for one in classes.values()),
                      note="each class counts the same")]
    if nearest:
        best = top_k_accuracy(nearest, right, 1)
        figures += [Figure.of("zero-shot accuracy", best, "of the same encoder, prompted with the classes"),
                    Figure.of(f"zero-shot top-{TOP_K} accuracy", top_k_accuracy(nearest, right, TOP_K)),
                    Figure.of("accuracy beyond zero-shot", paired_bootstrap(
                        [float(row[0] == target) for row, target in zip(nearest, targets)],
                        [item.score for item in items]), "paired over pictures")]
    answered = [item for item in items if item.labels]
    figures.append(Figure.of("answered", Rate(len(answered), len(items))))
    if answered:
        figures.append(Figure.of("calibration error", calibration_error(
            [item.best.score for item in answered], [item.score == 1 for item in answered]),
            "of scores against right answers"))
    curves = {
        "reliability": reliability_curve(items, lambda item: item.score == 1),
        "frequent labels": frequency_curve(items),
        "per class": [{"class": name, "right": one.right, "said": one.said, "true": one.true,
                       "precision": one.precision, "recall": one.recall} for name, one in classes.items()],
    }
    return figures + diversity_figures(items), {name: curve for name, curve in curves.items() if curve}


def _shown_names(names: Sequence[Sequence[str]]) -> list[str]:
    """Each class's first name, with its number where another class has that too."""
    alike = Counter(row[0] for row in names)
    return [row[0] if alike[row[0]] == 1 else f"{row[0]} ({place})" for place, row in enumerate(names)]


def _without_folder(message: str, file: str) -> str:
    """An error that names the whole path, with the path below the set's folder instead."""
    head, found, tail = message.partition(file)
    return f"{file}{tail}" if found else message


