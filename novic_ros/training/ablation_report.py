"""An ablation's results as JSON, as a Markdown table and as a picture; plain data in, files out.

The picture needs matplotlib and is left out without it. It trains and measures nothing (`ablation.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from novic_ros.training.ablation import Interval
from novic_ros.training.curves import figure_class_or_none, save_picture

__all__ = ["figures_of", "table", "write_report"]

MEANINGS = {"share": "probed nouns that come back", "loss": "loss, smoothed", "accuracy": "token accuracy, smoothed",
            "score": "score", "exact": "share of exact labels"}


def figures_of(results: Mapping[str, Any]) -> list[str]:
    """Names of everything that was measured in every row, in the order of the first."""
    rows = results["rows"]
    return [name for name in rows[0]["figures"] if all(name in row["figures"] for row in rows)]


def table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(column titles, rows of texts)."""
    fields, figures = list(results["varied"]), figures_of(results)
    rows = []
    for row in results["rows"]:
        intervals = [_interval(row, name) for name in figures]
        rows.append([*(str(row["settings"][field]) for field in fields), *map(str, intervals)])
    return [*fields, *figures], rows


def write_report(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write ablation.json, ablation.md and, with matplotlib, ablation.png."""
    written = [folder / "ablation.json", folder / "ablation.md"]
    _put(written[0], json.dumps(results, indent=1) + "\n")
    titles, rows = table(results)
    lines = [
        f"# Ablation of {results['recipe']}", "",
        f"Mean over {results['seeds']} seed{'s' if results['seeds'] > 1 else ''}"
        + (f" ± half of the interval ({results['interval']})." if results["seeds"] > 1 else "."), "",
        f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}", *(f"| {' | '.join(row)} |" for row in rows),
    ]  # fmt: skip
    _put(written[1], "\n".join(lines) + "\n")
    picture = _draw(results, folder / "ablation.png")
    return [*written, picture] if picture else written


def _draw(results: Mapping[str, Any], path: Path) -> Path | None:
    figure_class = figure_class_or_none()
    if figure_class is None:
        return None
    rows, figures = results["rows"], figures_of(results)
    names = ["\n".join(f"{field} = {value}" for field, value in row["settings"].items()) or results["recipe"]
             for row in rows]
    height = 1.2 + len(rows) * (0.25 + 0.2 * max(1, len(results["varied"])))
    figure = figure_class(figsize=(2.5 + 3 * len(figures), height), layout="constrained")
    panels = figure.subplots(1, len(figures), sharey=True, squeeze=False)[0]
    places = range(len(rows) - 1, -1, -1)  # the first row on top
    for panel, name in zip(panels, figures):
        intervals = [_interval(row, name) for row in rows]
        for place, row in zip(places, rows):
            values = row["figures"][name]["values"]
            panel.plot(values, [place] * len(values), ".", color="#c05a1c", markersize=5, zorder=3)
        panel.errorbar([one.mean for one in intervals], list(places), xerr=[one.half or 0 for one in intervals],
                       fmt="o", color="#1f4e79", capsize=4, markersize=5)
        panel.set_title(MEANINGS.get(name, name))
        panel.set_ylim(-0.5, len(rows) - 0.5)
        panel.set_yticks(list(places), names)
        panel.grid(axis="x", alpha=0.3)
    figure.suptitle(f"Ablation of {results['recipe']}: " + (
        f"means of {results['seeds']} seeds with 95 % intervals" if results["seeds"] > 1 else "one seed each"))
    save_picture(figure, path)
    return path


def _interval(row: Mapping[str, Any], name: str) -> Interval:
    figure = row["figures"][name]
    return Interval(figure["mean"], figure["half_width"], len(figure["values"]))


def _put(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
