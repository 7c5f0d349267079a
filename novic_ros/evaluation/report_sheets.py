"""Which pictures a report shows: a verdict on every item, and the few that are worth a look.

A verdict says how the best label fits the truth. Pictures that look alike, frames of one thing with one label, are
shown once and counted. It decides and draws nothing: no pixels, no page.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from novic_ros.evaluation.hierarchy_scores import is_truthful
from novic_ros.evaluation.results import Item

__all__ = ["VERDICTS", "Card", "Sheet", "choose_sheets", "frequent_mistakes", "said", "true_name", "verdict"]

VERDICTS = {  # name -> what it says of the best label; report.js knows them in this order
    "right": "scores 1",
    "close": "scores between 0 and 1",
    "broader": "scores 0, but is true: a much broader word",
    "wrong": "scores 0",
    "silent": "no label was given",
    "unjudged": "no truth is known",
}


@dataclass(frozen=True)
class Card:
    """One picture to show, for itself and `like_it - 1` others of the same source with the same label and truth."""

    item: Item
    verdict: str
    like_it: int


@dataclass(frozen=True)
class Sheet:
    """Cards under a heading; `left_out`: how many more there would be."""

    title: str
    note: str
    cards: tuple[Card, ...]
    left_out: int


def verdict(item: Item) -> str:
    """One of VERDICTS."""
    if item.best is None:
        return "silent"
    if item.score is None:
        return "unjudged"
    if item.score > 0:
        return "right" if item.score == 1 else "close"
    return "broader" if item.truth is not None and is_truthful(item.best.text, item.truth) else "wrong"


def said(item: Item) -> str:
    """The best label's text, "" if there is none."""
    return item.best.text if item.best else ""


def true_name(item: Item) -> str:
    """The truth in a word or two, "" where it is not known."""
    if item.truth is None:
        return ""
    return item.truth.name or min(item.truth.synonyms, key=lambda word: (len(word), word), default="")


def choose_sheets(items: Sequence[Item], most: int) -> list[Sheet]:
    """The sheets worth showing, each with at most `most` cards; none for no items.

    With truth: the most confident mistakes, then the worst of the others, which have the right word nowhere in their
    list. Without: the surest and the least sure labels, no picture twice.
    """
    judged = [(item, verdict(item)) for item in items]
    if any(word not in ("unjudged", "silent") for _, word in judged):
        wrong = [item for item, word in judged if word == "wrong"]
        confident = _sheet("Most confident mistakes", "Wrong labels, the highest score first.", wrong,
                           lambda item: -item.best.score, most)
        shown = {_alike(card.item) for card in confident.cards}
        worst = [item for item, word in judged if word in ("wrong", "broader", "silent")
                 and item.score is not None and _alike(item) not in shown]
        others = _sheet("Worst of the others", "Where the right word comes latest or not at all among the labels; "
                        "where nothing was said comes first.", worst, _how_bad, most)
        return [sheet for sheet in (confident, others) if sheet.cards]
    labelled = [item for item, word in judged if word == "unjudged"]
    half = -(-len({_alike(item) for item in labelled}) // 2)
    surest = _sheet("Surest labels", "No truth is known: look for yourself.", labelled,
                    lambda item: -item.best.score, min(most, half))
    shown = {_alike(card.item) for card in surest.cards}
    least = _sheet("Least sure labels", "", [item for item in labelled if _alike(item) not in shown],
                   lambda item: item.best.score, most)
    return [sheet for sheet in (replace(surest, left_out=0), least) if sheet.cards]  # the least sure are what is left


def frequent_mistakes(items: Iterable[Item], most: int = 12) -> list[tuple[str, str, int]]:
    """(truth, label, how often) of wrong labels that were given more than once, the most frequent first."""
    pairs = Counter((true_name(item), said(item)) for item in items if item.truth and verdict(item) == "wrong")
    often = sorted(((count, pair) for pair, count in pairs.items() if count > 1), key=lambda one: (-one[0], one[1]))
    return [(*pair, count) for count, pair in often[:most]]


def _alike(item: Item) -> tuple:
    if item.stamp is None:
        return (item.id,)
    return item.source, item.region.id if item.region else "", said(item), true_name(item)


def _how_bad(item: Item) -> tuple:
    """Sorts the worst first: nothing said, then the right word nowhere, then late, then with a low score."""
    right = [] if item.truth is None else [place for place, label in enumerate(item.labels)
                                           if label.text.lower() in item.truth.synonyms]
    place = right[0] if right else math.inf
    return bool(item.labels), item.score or 0.0, -place, -(item.best.score if item.best else 0.0)


def _sheet(title: str, note: str, items: Sequence[Item], key: Callable[[Item], object], most: int) -> Sheet:
    first: dict[tuple, Item] = {}
    alike: Counter[tuple] = Counter()
    for item in sorted(items, key=key):  # stable: equal ones keep their order
        first.setdefault(_alike(item), item)
        alike[_alike(item)] += 1
    cards = [Card(item, verdict(item), alike[group]) for group, item in list(first.items())[:most]]
    return Sheet(title, note, tuple(cards), max(0, len(first) - most))
