"""Makes an evaluation of items: scores each against its truth and adds the headline figures and curves.

Used for pictures and for files of labels alike. Which figures there are is `figures.py`'s matter; it runs no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from novic_ros.evaluation.figures import (
    diversity_figures,
    frequency_curve,
    ovic_figures,
    reliability_curve,
    truth_figures,
)
from novic_ros.evaluation.hierarchy_scores import hierarchical_score, is_truthful
from novic_ros.evaluation.ovic import prediction_score
from novic_ros.evaluation.results import Evaluation, Item
from novic_ros.evaluation.truth_files import TruthSet
from novic_ros.evaluation.wordnet_paths import WordNetPaths, wordnet_figures

__all__ = ["judged"]

TOP_K = 3  # OVIC's scores are printed for the best of the first 1 to so many labels


def judged(kind: str, title: str, items: Sequence[Item], truth: TruthSet | None, *,
           specificity: Mapping[str, float] | None = None, paths: WordNetPaths | None = None,
           problems: Sequence[str] = (), counts: Mapping[str, int] | None = None, **rest: Any) -> Evaluation:
    """Score items that have their truth, and put everything into one evaluation.

    specificity: of labels, for OVIC's overall score. paths: for hierarchical precision and recall over WordNet. rest:
    timing, environment and command of the `Evaluation`.
    """
    counts = {name: count for name, count in (counts or {}).items() if count or name == "pictures"}
    problems = list(problems)
    figures, curves = [], {}
    if truth is not None and truth.kind == "ovic" and items:
        items = [replace(item, score=prediction_score(item.best.text, truth.annotations[item.id]) if item.best else 0.0)
                 for item in items]
        figures, categories, more = ovic_figures(items, truth.annotations, TOP_K, specificity)
        counts |= categories
        problems += more
        right = {item.id: (truth.annotations[item.id].category(item.best.text) or "").startswith("correct_")
                 for item in items if item.best}
    elif truth is not None and items:
        items = [replace(item, score=hierarchical_score(item.best.text if item.best else "", item.truth))
                 for item in items]
        graded = truth.kind == "hierarchy"
        figures = truth_figures(items, graded)
        figures += wordnet_figures(items, paths) if paths is not None and graded else []
        right = {item.id: is_truthful(item.best.text, item.truth) if graded else item.score == 1
                 for item in items if item.best}
    if figures:
        curves["reliability"] = reliability_curve(items, lambda item: right[item.id])
    figures += diversity_figures(items)
    curves["frequent labels"] = frequency_curve(items)
    return Evaluation(kind, title, tuple(figures), tuple(items), counts=counts, problems=tuple(problems),
                      curves={name: curve for name, curve in curves.items() if curve}, **rest)
