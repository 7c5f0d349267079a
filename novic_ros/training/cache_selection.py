"""Those rows of embedding caches that speak of chosen nouns only: a smaller vocabulary without another cache.

Rows are found by their targets, which are read once; vectors stay where they are and are fetched when asked for. A
selection is a cache as the trainer wants one (`feed.py`). It writes nothing and chooses no nouns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from novic_ros.training.feed import Cache
from novic_ros.training.recipe import RecipeError
from novic_ros.vocabulary import canonical

__all__ = ["CacheSelection", "SelectedRows", "select_nouns"]

AT_ONCE = 1_000_000  # rows whose targets are looked at together


class SelectedRows:
    """Some rows of an array [N, ...], as an array that is read when it is indexed.

    rows: int64 [n], which ones. values: what each number in the array means here; None: itself.
    """

    def __init__(self, array: np.ndarray, rows: np.ndarray, values: np.ndarray | None = None):
        self._array, self._rows, self._values = array, rows, values
        self.shape = (len(rows), *array.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key) -> np.ndarray:
        """A copy of the rows that a number, slice or int array picks."""
        found = self._array[self._rows[key]]
        return found if self._values is None else self._values[found]


class CacheSelection:
    """The rows of a cache whose nouns are all among some. `whole` is that cache; the rest is as in any cache."""

    def __init__(self, cache: Cache, chosen: np.ndarray):
        """chosen: bool [W], which of the cache's nouns."""
        self.whole = cache
        self.embedder_spec = cache.embedder_spec
        self.nouns = tuple(noun for noun, one in zip(cache.nouns, chosen) if one)
        rows = _rows_of(cache, np.append(chosen, True))  # -1, no noun, is last and does no harm
        number = np.append(np.where(chosen, np.cumsum(chosen) - 1, -1), -1).astype(np.int32)
        self.vectors = SelectedRows(cache.vectors, rows)
        self.targets = SelectedRows(cache.targets, rows, number)
        self.weights = SelectedRows(cache.weights, rows)


def select_nouns(caches: Sequence[Cache], nouns: Sequence[str]) -> list[CacheSelection]:
    """The rows of these caches that have only these nouns, in any spelling; a cache without such rows is left out.

    Raises RecipeError that names all nouns that no cache has, and all that no row has without others.
    """
    key_of = {canonical(noun): noun for noun in nouns}
    known = {key for cache in caches for key in map(canonical, cache.nouns)} & key_of.keys()
    selections = [CacheSelection(cache, np.array([canonical(noun) in known for noun in cache.nouns]))
                  for cache in caches]
    rows = defaultdict(int)
    for selection in selections:
        counts = np.bincount(_numbers(selection), minlength=len(selection.nouns))
        for noun, count in zip(selection.nouns, counts.tolist()):
            rows[canonical(noun)] += count
    foreign = [noun for key, noun in key_of.items() if key not in known]
    never_alone = [noun for key, noun in key_of.items() if key in known and not rows[key]]
    complaints = []
    if foreign:
        complaints.append(f"{len(foreign)} of {len(key_of)} are in no cache: {', '.join(foreign)}")
    if never_alone:
        complaints.append(f"{len(never_alone)} come only beside nouns that are not among them: "
                          + ", ".join(never_alone))
    if complaints:
        raise RecipeError(f"nouns: expected nouns of the caches, but {'; '.join(complaints)}; leave them out, or write "
                          "a cache with captions of them")
    return [selection for selection in selections if len(selection.vectors)]


def _rows_of(cache: Cache, allowed: np.ndarray) -> np.ndarray:
    """int64 [n]: rows with a noun and without any that is not allowed; allowed: bool [W + 1], the last for none."""
    parts = []
    for begin in range(0, len(cache.targets), AT_ONCE):
        targets = np.asarray(cache.targets[begin:begin + AT_ONCE])
        parts.append(begin + np.flatnonzero(allowed[targets].all(1) & (targets >= 0).any(1)))
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _numbers(selection: CacheSelection) -> np.ndarray:
    """All nouns of all rows that count, by number."""
    targets, weights = selection.targets[:], selection.weights[:]
    return targets[(targets >= 0) & (weights > 0)]
