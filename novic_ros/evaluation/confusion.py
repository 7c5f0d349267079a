"""Which kinds of things are taken for which: labels and truth counted by the hypernyms that they fall under.

The kinds are not given: they are words above the truth that hold many of the pictures, but not most of them ("bird",
"vehicle"), so that they fit what was looked at. What lies above a label is taken from the embedded model's table of
hypernyms, which goes by each noun's most common meaning. Pure counting: it reads one small table and draws nothing.
"""

from __future__ import annotations

import functools
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from novic_ros.evaluation.hierarchy_scores import Truth, is_truthful
from novic_ros.evaluation.results import Item
from novic_ros.model_store import ModelNotFound, find_model
from novic_ros.vocabulary import Ancestors, VocabularyError, canonical

__all__ = ["ELSEWHERE", "NOTHING", "Confusion", "Hypernyms", "confusion_by_hypernym"]

log = logging.getLogger(__name__)

ELSEWHERE, NOTHING = "other", "no label"
MOST_KINDS = 12
LARGEST_SHARE, FEWEST = 0.2, 2  # a kind holds at most this share of the pictures, and at least this many
TABLE_MODEL = "novic_mini"  # ships with the package, with the hypernyms of its nouns


@dataclass(frozen=True)
class Confusion:
    """counts[row][column]: pictures of kind rows[row] whose label is of kind columns[column], the largest kind first.

    The columns are the rows' kinds in their order, then ELSEWHERE, then NOTHING; ELSEWHERE may be the last row too.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def same_kind(self) -> int:
        """How many pictures have a label of their own kind, of `sorted_into_kinds`."""
        return sum(row[place] for place, row in enumerate(self.counts) if self.rows[place] != ELSEWHERE)

    @property
    def sorted_into_kinds(self) -> int:
        """How many pictures are of a kind that has a row, ELSEWHERE not counted."""
        return sum(sum(row) for name, row in zip(self.rows, self.counts) if name != ELSEWHERE)


class Hypernyms:
    """The words above nouns, of those that people say: "bird", not "placental"."""

    def __init__(self, table: Ancestors):
        self._table = table
        self.said = frozenset(table.said.values())
        self.above = functools.cache(self._above)

    @classmethod
    @functools.cache
    def embedded(cls) -> Hypernyms | None:
        """Those of the embedded model's nouns; None, with a warning, where they cannot be read."""
        try:
            folder = find_model(TABLE_MODEL)
            nouns = json.loads((folder / "decoder.json").read_text(encoding="utf-8"))["nouns"]
            return cls(Ancestors.load(folder, nouns))
        except (ModelNotFound, VocabularyError, OSError, ValueError, KeyError) as error:
            log.warning("labels are not grouped by hypernym: %s", error)
            return None

    def _above(self, word: str) -> tuple[str, ...]:
        """The words at or above a noun, nearest first: fewer nouns lie below what is nearer. None for an unknown."""
        table, own = self._table, self._table.meaning_of(word)
        if own is None:
            return ()
        above = sorted({own, *table.above_of(own)} & table.said.keys(), key=lambda one: (-table.specificity(one), one))
        return tuple(table.said[meaning] for meaning in above)


def confusion_by_hypernym(items: Sequence[Item], hypernyms: Hypernyms) -> Confusion | None:
    """Count the best labels of the items that have a truth; None where these are not of at least two kinds.

    A true label counts as its picture's kind, however broad it is; any other label as the first kind that holds it.
    """
    judged = [item for item in items if item.truth is not None]
    kind_of, kinds = _choose_kinds([item.truth for item in judged], hypernyms)
    if len(kinds) < 2:
        return None
    rows = (*kinds, ELSEWHERE) if ELSEWHERE in kind_of.values() else tuple(kinds)
    columns = (*kinds, ELSEWHERE, NOTHING)
    counted = Counter((kind_of[item.truth], _kind_said(item, kind_of[item.truth], kinds, hypernyms)) for item in judged)
    counts = tuple(tuple(counted[row, column] for column in columns) for row in rows)
    shown = {kind: f"other {kind}" for place, kind in enumerate(kinds)
             if any(kind in hypernyms.above(earlier) for earlier in kinds[:place])}
    return Confusion(*(tuple(shown.get(name, name) for name in names) for names in (rows, columns)), counts)


def _choose_kinds(truths: Sequence[Truth], hypernyms: Hypernyms) -> tuple[dict[Truth, str], list[str]]:
    """Every truth -> its kind, and the kinds in the order in which they take their pictures.

    Each time, the word above most of the pictures that are left becomes a kind and takes them, the nearest of several,
    unless it holds too many to tell things apart. What is left in the end is ELSEWHERE.
    """
    sizes = Counter(truths)
    left = {truth: _words_above(truth, hypernyms) for truth in sizes}
    kind_of, kinds = dict.fromkeys(sizes, ELSEWHERE), []
    most = max(FEWEST, LARGEST_SHARE * len(truths))
    while len(kinds) < MOST_KINDS:
        holds: Counter[str] = Counter()
        steps: Counter[str] = Counter()  # how far above its pictures a word is, to prefer the nearer of two
        for truth, words in left.items():
            holds.update(dict.fromkeys(words, sizes[truth]))
            steps.update({word: step * sizes[truth] for step, word in enumerate(words)})
        fitting = [word for word, count in holds.items() if FEWEST <= count <= most]
        if not fitting:
            break
        kinds.append(min(fitting, key=lambda word: (-holds[word], steps[word], word)))
        taken = [truth for truth, words in left.items() if kinds[-1] in words]
        kind_of.update(dict.fromkeys(taken, kinds[-1]))
        for truth in taken:
            del left[truth]
    return kind_of, kinds


def _words_above(truth: Truth, hypernyms: Hypernyms) -> tuple[str, ...]:
    """The words above a truth, nearest first; from the table where the truth itself tells nothing but its words."""
    if any(truth.hypernyms):
        return tuple(word for step in truth.hypernyms for word in sorted(step & hypernyms.said))
    return next((above for word in (truth.name, *sorted(truth.synonyms)) if (above := hypernyms.above(word))), ())


def _kind_said(item: Item, own: str, kinds: Sequence[str], hypernyms: Hypernyms) -> str:
    if item.best is None:
        return NOTHING
    if is_truthful(item.best.text, item.truth):
        return own
    word = canonical(item.best.text)
    holding = {word, *hypernyms.above(word)}
    return next((kind for kind in kinds if kind in holding), ELSEWHERE)
