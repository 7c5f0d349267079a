"""The report of `novic nouns build`: what was kept, by kind and frequency, and what was dropped, by reason.

As one HTML file to read, with examples, or as JSON with every dropped term. It decides nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

__all__ = ["FORMATS", "write_report"]

FORMATS = (".html", ".json")
EXAMPLES = 60  # terms shown per kind and reason in HTML, evenly spread over all of them
LAST_BAR = 30  # the plot's last bar holds all frequencies from here on

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Object noun dictionary</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .2em .6em; vertical-align: top }} tr + tr {{ border-top: 1px solid #ddd }}
.n {{ text-align: right; white-space: nowrap }} .e {{ color: #666; font-size: 90% }}
rect {{ fill: #4a78a8 }} text {{ font: 11px sans-serif; fill: #444 }}
</style></head><body>
<h1>Object noun dictionary</h1>
<p>{nouns:,} nouns were kept, {dropped:,} terms were dropped. Frequency threshold: {threshold}.</p>
<h2>Kept, by kind</h2>{kinds}
<h2>Kept, by frequency</h2>
<p>Sum over all forms of a noun. {formula}.</p>{plot}{thresholds}
<h2>Dropped, by reason</h2>
<p>Rules are tried in this order; a term is counted once, under the reason that dropped its last visible meaning.</p>
{reasons}
</body></html>
"""


def write_report(built, path: Path, threshold: int) -> None:
    """Write the report in the format that the name's ending says, one of FORMATS.

    built: what `novic_ros.vocabulary.build_dictionary` returned.
    """
    if path.suffix not in FORMATS:
        raise ValueError(f"{path}: expected a name that ends in {' or '.join(FORMATS)}")
    text = _as_json(built, threshold) if path.suffix == ".json" else _as_html(built, threshold)
    path.write_text(text, encoding="utf-8")


def _as_json(built, threshold: int) -> str:
    report = {
        "threshold": threshold,
        "formula": built.formula,
        "kept": {"nouns": len(built.dictionary), "by_kind": dict(Counter(noun.kind for noun in built.dictionary)),
                 "by_frequency": dict(sorted(Counter(noun.frequency for noun in built.dictionary).items()))},
        "dropped": {reason: {"means": built.reasons[reason], "count": len(terms), "terms": terms}
                    for reason, terms in built.dropped.items()},
    }
    return json.dumps(report, indent=1) + "\n"


def _as_html(built, threshold: int) -> str:
    kinds: dict[str, list[str]] = {}
    for noun in built.dictionary:
        kinds.setdefault(noun.kind, []).append(noun.pretty_noun)
    frequencies = [noun.frequency for noun in built.dictionary]
    return PAGE.format(
        nouns=len(built.dictionary), dropped=sum(map(len, built.dropped.values())), threshold=threshold,
        formula=escape(built.formula),
        kinds=_table(("kind", "nouns", "examples, common ones first"),
                     [(kind, len(nouns), _examples(nouns))
                      for kind, nouns in sorted(kinds.items(), key=lambda item: -len(item[1]))]),
        plot=_bars([sum(f == bar or bar == LAST_BAR and f > bar for f in frequencies)
                    for bar in range(1, LAST_BAR + 1)]),
        thresholds=_table(("threshold", "nouns left"),
                          [(f"FT{limit}", sum(f > limit for f in frequencies)) for limit in (0, 1, 2, 4, 6, 9, 12)]),
        reasons=_table(("reason", "terms", "meaning, and examples"),
                       [(reason, len(terms), f"{built.reasons[reason]}. E.g.: {_examples(terms)}")
                        for reason, terms in built.dropped.items()]))


def _examples(terms: Sequence[str]) -> str:
    every = -(-len(terms) // EXAMPLES)
    return ", ".join(terms[::every])


def _table(head: Sequence[str], rows: Sequence[Sequence]) -> str:
    """Rows of text and whole numbers; the third column is small print."""
    lines = ["<table><tr>" + "".join(f"<th>{escape(title)}</th>" for title in head) + "</tr>"]
    for row in rows:
        cells = [f'<td class="n">{cell:,}</td>' if isinstance(cell, int)
                 else f'<td class="{"e" if column == 2 else "t"}">{escape(cell)}</td>'
                 for column, cell in enumerate(row)]
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _bars(counts: Sequence[int]) -> str:
    """A bar chart as SVG: one bar per frequency from 1, the last one for everything from there on."""
    width, height, top = 24, 160, max([*counts, 1])
    parts = []
    for place, count in enumerate(counts):
        tall = height * count / top
        left = place * width
        parts.append(f'<rect x="{left + 2}" y="{16 + height - tall:.1f}" width="{width - 4}" height="{tall:.1f}">'
                     f"<title>frequency {place + 1}: {count:,} nouns</title></rect>")
        label = f"{place + 1}+" if place == len(counts) - 1 else str(place + 1)
        parts.append(f'<text x="{left + width / 2}" y="{height + 32}" text-anchor="middle">{label}</text>')
    return (f'<svg viewBox="0 0 {width * len(counts)} {height + 40}" role="img" '
            f'aria-label="Nouns by frequency">{"".join(parts)}</svg>')
