"""Turns a comparison of two runs into one HTML page that needs nothing else. Compares nothing itself (`compare.py`)."""

from __future__ import annotations

from typing import Any

from novic_ros.evaluation.compare import Change, Comparison
from novic_ros.evaluation.pages import inline_page
from novic_ros.evaluation.rates import Mean
from novic_ros.evaluation.results import Evaluation, Figure, Item

__all__ = ["MOST_CHANGES", "render_comparison", "verdict_on"]

MOST_CHANGES = 2000


def render_comparison(found: Comparison, first: Evaluation, second: Evaluation, names: tuple[str, str]) -> str:
    """The page. names: what the two runs are called. The same input gives the same text."""
    scale = max((max(abs(one.low), abs(one.high)) for one in (found.score, found.exact) if one is not None), default=0)
    context: dict[str, Any] = {
        "names": names, "runs": (first, second), "found": found, "verdict": verdict_on(found, names),
        "differences": [(name, one, _bar(one, scale or 1)) for name, one in
                        (("score", found.score), ("exact", found.exact)) if one is not None],
        "changes": found.changes[:MOST_CHANGES], "left_out": max(0, len(found.changes) - MOST_CHANGES),
        "settings": _settings(first, second),
    }
    return inline_page("compare", context, {"figure": _figure, "signed": lambda value: f"{value:+.3f}",
                                            "way": _way, "said": _said})[0]


def verdict_on(found: Comparison, names: tuple[str, str]) -> str:
    """One sentence: which run is better, if the interval of their difference says so."""
    if found.score is None:
        return f"The best label is the same for {found.same_label:,} of {found.pairs:,}; no scores are known of both."
    if found.score.low <= 0 <= found.score.high:
        return (f"No difference can be told: the mean score differs by {found.score.value:+.3f}, and the 95 % interval "
                f"of that, {found.score.low:+.3f} to {found.score.high:+.3f}, holds 0.")
    better = names[1] if found.score.value > 0 else names[0]
    return (f"{better} is better: the mean score differs by {found.score.value:+.3f}, 95 % interval "
            f"{found.score.low:+.3f} to {found.score.high:+.3f} (paired bootstrap, n = {found.score.n:,}).")


def _bar(one: Mean, scale: float) -> tuple[float, float, float]:
    """(left end, width, middle) of an interval in per cent of a line from -scale to scale."""
    return tuple(round(value, 3) for value in (
        50 + 50 * one.low / scale, 50 * (one.high - one.low) / scale, 50 + 50 * one.value / scale))


def _settings(first: Evaluation, second: Evaluation) -> list[tuple[str, str, str, bool]]:
    """(name, of the first, of the second, whether they differ) of commands, environments and counts."""
    def flat(run: Evaluation) -> dict[str, str]:
        counts = {f"count: {name}": f"{count:,}" for name, count in run.counts.items()}
        made_with = {name: str(value) for name, value in run.environment.items()}
        return {"title": run.title, "command": run.command, **made_with, **counts}

    one, two = flat(first), flat(second)
    return [(name, one.get(name, ""), two.get(name, ""), one.get(name) != two.get(name))
            for name in dict.fromkeys([*one, *two])]


def _figure(one: Figure | None) -> tuple[str, str]:
    """(its value, k of n and interval)."""
    if one is None:
        return "", ""
    parts = [f"{one.k:,} of {one.n:,}" if one.k is not None else "",
             f"{one.interval[0]:.3f} to {one.interval[1]:.3f}" if one.interval else ""]
    return f"{one.value:,}" if isinstance(one.value, int) else f"{one.value:.3f}", ", ".join(filter(None, parts))


def _said(item: Item) -> str:
    return f"{item.best.text} {item.best.score:.2f}" if item.best else "nothing"


def _way(change: Change) -> str:
    if not change.difference:
        return "same"
    return "better" if change.difference > 0 else "worse"
