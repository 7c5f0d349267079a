"""The headline figures of a list of items, and the curves behind them: what `images`, `labels` and `bag` all report.

With truth: how good the best labels are, and how far their scores can be trusted. Without: only how often something
was said, how sure, and how varied. Pure functions on plain data; OVIC's own figures are added by `ovic_figures`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from novic_ros.evaluation.hierarchy_scores import hierarchical_score, is_generic, is_over_generic, is_truthful
from novic_ros.evaluation.ovic import (
    WEIGHTS,
    Annotation,
    missing_specificity,
    overall_score,
    primary_score,
    top_k_scores,
)
from novic_ros.evaluation.rates import Rate, bootstrap_mean, calibration_bins, calibration_error
from novic_ros.evaluation.results import Figure, Item
from novic_ros.evaluation.scores import diversity

__all__ = ["SURE", "diversity_figures", "frequency_curve", "ovic_figures", "reliability_curve", "truth_figures"]

SURE = 0.9
FREQUENT = 20  # labels whose share tells how varied the others are
Right = Callable[[Item], bool]


def truth_figures(items: Sequence[Item], graded: bool = True) -> list[Figure]:
    """Of the items with a truth, scored against it by WordNet (graded), or right or wrong by name.

    Raises ValueError if no item has one.
    """
    judged = [item for item in items if item.truth is not None]
    if not judged:
        raise ValueError("figures: expected at least one item with a truth, found none")
    scores = [hierarchical_score(_said(item), item.truth) for item in judged]
    exact = Rate(sum(score == 1 for score in scores), len(judged))
    in_list = Rate(sum(any(hierarchical_score(label.text, item.truth) == 1 for label in item.labels)
                       for item in judged), len(judged))
    answered = [item for item in judged if item.labels]
    if not graded:
        found = [Figure.of("exact", exact), Figure.of("exact in list", in_list)]
        right = [hierarchical_score(_said(item), item.truth) == 1 for item in answered]
        of_what = "right answers"
    else:
        found = [
            Figure.of("score", bootstrap_mean(scores)), Figure.of("exact", exact), Figure.of("exact in list", in_list),
            Figure.of("over-generic", Rate(sum(is_over_generic(_said(one), one.truth) for one in judged), len(judged))),
            Figure.of("close", Rate(sum(score > 0 for score in scores), len(judged)),
                      "exact, or at most two steps too broad or narrow")]
        right = [is_truthful(_said(item), item.truth) for item in answered]
        of_what = "truthful answers"
    found.append(Figure.of("answered", Rate(len(answered), len(judged))))
    if not answered:
        return found
    if graded:
        generic = Rate(sum(is_generic(_said(item), item.truth) for item in answered), len(answered))
        found += [Figure.of("truthful", Rate(sum(right), len(answered)), "of the answers"),
                  Figure.of("generic", generic, "of the answers")]
    said = [item.best.score for item in answered]
    found.append(Figure.of("calibration error", calibration_error(said, right), f"of scores against {of_what}"))
    sure = [hierarchical_score(_said(item), item.truth) > 0 for item in answered if item.best.score >= SURE]
    if sure:
        found.append(Figure.of(f"right at {SURE}", Rate(sum(sure), len(sure)),
                               f"{'exact or close' if graded else 'exact'}, of scores from {SURE} on"))
    return found


def ovic_figures(items: Sequence[Item], annotations: Mapping[str, Annotation], top_k: int,
                 specificity: Mapping[str, float] | None = None) -> tuple[list[Figure], dict[str, int], list[str]]:
    """(figures, counts by category, problems) of items whose ids are pictures of the annotations.

    The overall score needs `specificity`, of every label that scores; where one is missing it is left out and the
    problems say which. A label that nobody has judged counts 0 and is a problem too, as its picture's score is too low.
    """
    judged = [(item, annotations[item.id]) for item in items if item.id in annotations]
    if not judged:
        raise ValueError("figures: expected at least one picture of the annotations, found none")
    said = [(_said(item), annotation) for item, annotation in judged]
    tops = [top_k_scores([label.text for label in item.labels], annotation, top_k) for item, annotation in judged]
    found = [Figure.of("prediction score", bootstrap_mean([row[0] for row in tops]),
                       "OVIC: correct 1, secondary 0.8, close 0.5, close secondary 0.4"),
             Figure.of("primary score", bootstrap_mean([primary_score(*one) for one in said]),
                       "OVIC, nothing for secondary objects")]
    found += [Figure.of(f"top-{k} score", bootstrap_mean([row[k - 1] for row in tops]),
                        f"OVIC, best of the first {k} labels") for k in range(2, top_k + 1)]
    problems: list[str] = []
    if specificity is not None:
        missing = missing_specificity(said, specificity)
        if missing:
            problems.append(f"specificity: expected one for every label that scores, found none for {len(missing)}, "
                            f"so there is no overall score: {', '.join(missing)}")
        else:
            overall = bootstrap_mean([overall_score(*one, specificity) for one in said])
            found.insert(2, Figure.of("overall score", overall, "OVIC, half for coarse words"))
    answered = [(item, annotation) for item, annotation in judged if item.labels]
    right = [(annotation.category(_said(item)) or "").startswith("correct_") for item, annotation in answered]
    found.append(Figure.of("correct", Rate(sum(right), len(judged)), "primary or secondary"))
    found.append(Figure.of("answered", Rate(len(answered), len(judged))))
    if answered:
        found.append(Figure.of("calibration error", calibration_error([item.best.score for item, _ in answered], right),
                               "of scores against correct answers"))
    counted = Counter(annotation.category(_said(item)) or "not judged" for item, annotation in answered)
    problems += [f"{item.id}: nobody has judged {_said(item)!r}, it counts 0" for item, annotation in answered
                 if annotation.category(_said(item)) is None]
    problems += [f"{item.id}: {', '.join(annotation.ambiguous)}: judged in several categories, the first by alphabet "
                 "counts" for item, annotation in judged if annotation.ambiguous]
    return found, {name: counted[name] for name in (*WEIGHTS, "not judged") if counted[name]}, problems


def diversity_figures(items: Sequence[Item]) -> list[Figure]:
    """How varied the best labels are, and how sure; no truth is needed. None if nothing was said."""
    said = [item.best for item in items if item.labels]
    if not said:
        return []
    found = diversity([label.text for label in said], FREQUENT)
    return [Figure("distinct labels", found.distinct, n=len(said), note="as best label"),
            Figure.of(f"{FREQUENT} most frequent", found.frequent, "of the best labels are one of these"),
            Figure.of("mean score", bootstrap_mean([label.score for label in said]), "of the best labels")]


def reliability_curve(items: Sequence[Item], right: Right) -> list[dict]:
    """[{score, right, k, n, low, high}] by groups of equal size of the answered items' scores, the lowest first."""
    answered = [item for item in items if item.labels]
    if not answered:
        return []
    groups = calibration_bins([item.best.score for item in answered], [right(item) for item in answered])
    return [{"score": group.score, "right": group.right.k / group.right.n, "k": group.right.k, "n": group.right.n,
             "low": group.right.interval[0], "high": group.right.interval[1]} for group in groups]


def frequency_curve(items: Sequence[Item]) -> list[dict]:
    """[{label, n}] of the most frequent best labels, the most frequent first."""
    counted = Counter(item.best.text for item in items if item.labels)
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return [{"label": label, "n": n} for label, n in ordered[:FREQUENT]]


def _said(item: Item) -> str:
    return item.best.text if item.best else ""
