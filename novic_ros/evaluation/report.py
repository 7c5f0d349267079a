"""Writes what people look at after an evaluation: report.html, one page that needs nothing else, and PNG plots.

`Evaluation.save` writes the same as data, in report.json. This file decides how many pictures a page holds, has them
read, and writes files; the page's text is `report_page.py`'s, the plots are `report_plots.py`'s.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from novic_ros.evaluation.confusion import Hypernyms, confusion_by_hypernym
from novic_ros.evaluation.report_page import render
from novic_ros.evaluation.report_plots import draw_plots
from novic_ros.evaluation.report_sheets import choose_sheets
from novic_ros.evaluation.report_timeline import Span, Timeline, lay_out
from novic_ros.evaluation.results import Evaluation, Item
from novic_ros.evaluation.thumbnails import ReadPictures, pictures_in, thumbnails

__all__ = ["PAGE_FILE", "ReportError", "write_report"]

PAGE_FILE = "report.html"
CARDS = 20  # of each sheet
STRIP = 72  # pictures on all lanes of the timeline together


class ReportError(ValueError):
    """The report cannot be written; the message names the file."""


def write_report(evaluation: Evaluation, folder: str | Path, read_pictures: ReadPictures | None = None) -> list[Path]:
    """Write the page and the plots into `folder`, made if missing; returns the files. Raises ReportError.

    read_pictures: called once, with the items whose pictures the page shows, at most 112 however many there are;
    by default an item's `picture` is read as a path relative to the folder. Without matplotlib, there are no plots.
    """
    folder = Path(folder)
    sheets = choose_sheets(evaluation.items, CARDS)
    timeline = lay_out(evaluation.items)
    strips = _strips(timeline)
    hypernyms = Hypernyms.embedded() if any(item.truth for item in evaluation.items) else None
    confusion = confusion_by_hypernym(evaluation.items, hypernyms) if hypernyms else None
    shown: dict[str, Item] = {card.item.id: card.item for sheet in sheets for card in sheet.cards}
    shown |= {span.middle.id: span.middle for strip in strips for span in strip}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        thumbs = thumbnails(list(shown.values()), read_pictures or pictures_in(folder)) if shown else {}
        page = render(evaluation, sheets, timeline, strips, confusion, thumbs)
        beside = folder / f".{PAGE_FILE}.{os.getpid()}"
        beside.write_bytes(page.encode("utf-8", "backslashreplace"))  # file names need not be valid text
        os.replace(beside, folder / PAGE_FILE)
        return [folder / PAGE_FILE, *draw_plots(evaluation, timeline, confusion, folder)]
    except OSError as error:
        raise ReportError(f"{folder}: the report cannot be written: {error.strerror or error}") from error


def _strips(timeline: Timeline | None) -> Sequence[Sequence[Span]]:
    """Of each lane, the spans to show as pictures."""
    if timeline is None:
        return ()
    return [lane.worth_a_look(max(3, STRIP // len(timeline.lanes))) for lane in timeline.lanes]
