"""`novic evaluate compare A.json B.json`: two runs over the same pictures side by side, with a paired bootstrap."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from novic_ros.cli.evaluate_output import complain

if TYPE_CHECKING:
    from novic_ros.evaluation.compare import Comparison
    from novic_ros.evaluation.results import Evaluation

__all__ = ["add_parser", "run"]

SHOWN = 10


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("compare", help="two runs over the same pictures", description=__doc__.split("\n")[0])
    parser.add_argument("first", type=Path, metavar="A", help="a report.json, or the folder that it is in")
    parser.add_argument("second", type=Path, metavar="B", help="another; differences are B minus A")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write compare.html and compare.json here")
    parser.add_argument("--quiet", action="store_true", help="print nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare; 0, or 2 if the two cannot be read or compared."""
    from novic_ros.evaluation.compare import compare
    from novic_ros.evaluation.compare_page import render_comparison
    from novic_ros.evaluation.results import Evaluation

    try:
        first, second = Evaluation.load(args.first), Evaluation.load(args.second)
        found = compare(first, second)
    except ValueError as error:
        complain(str(error))
        return 2
    names = _names(first, second, args)
    text = json.dumps({"first": names[0], "second": names[1], **found.to_dict()}, indent=1, sort_keys=True)
    if args.output is not None:
        page = render_comparison(found, first, second, names)
        try:
            args.output.mkdir(parents=True, exist_ok=True)
            (args.output / "compare.json").write_text(text + "\n", encoding="ascii")
            (args.output / "compare.html").write_text(page, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            complain(f"{args.output}: the comparison cannot be written: {error.strerror}")
            return 2
    if args.json:
        print(json.dumps(json.loads(text), sort_keys=True))
    elif not args.quiet:
        print("\n".join(_lines(found, names)))
        if args.output is not None:
            print(f"page in {args.output / 'compare.html'}")
    return 0


def _names(first: Evaluation, second: Evaluation, args: argparse.Namespace) -> tuple[str, str]:
    """What to call the two: their titles where these differ, else their folders or files, else A and B."""
    if first.title != second.title:
        return first.title, second.title
    places = [path.resolve() if path.is_dir() else path.resolve().parent if path.name == "report.json" else path
              for path in (args.first, args.second)]
    return (places[0].name, places[1].name) if places[0].name != places[1].name else ("A", "B")


def _lines(found: Comparison, names: tuple[str, str]) -> list[str]:
    from novic_ros.evaluation.compare_page import verdict_on

    rows = [("", *names), *((name, str(one or "-"), str(two or "-")) for name, one, two in found.figures)]
    wide = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{row[0]:{wide[0]}}  {row[1]:{wide[1]}}  {row[2]}".rstrip() for row in rows]
    lines += ["", verdict_on(found, names)]
    if found.exact is not None:
        spread = f"95 % interval {found.exact.low:+.3f} to {found.exact.high:+.3f}"
        lines.append(f"Exact: {found.exact.value:+.3f}, {spread}. {found.better:,} pictures are better, "
                     f"{found.worse:,} worse, {found.equal:,} score the same.")
    lines.append(f"{found.same_label:,} of {found.pairs:,} best labels are the same; {found.only_first:,} and "
                 f"{found.only_second:,} pictures have no partner.")
    for change in found.changes[:SHOWN]:
        one, two = (item.best.text if item.best else "nothing" for item in (change.first, change.second))
        by = "" if change.difference is None else f" ({change.difference:+.1f})"
        lines.append(f"  {change.id}: {one} -> {two}{by}")
    if len(found.changes) > SHOWN:
        lines.append(f"  and {len(found.changes) - SHOWN:,} more")
    return lines
