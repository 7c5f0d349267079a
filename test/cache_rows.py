"""Rows for tests of embedding caches: unit vectors that say which row they are, targets and weights by formula."""

import numpy as np

NOUNS, SPEC, WIDTH = ("dog", "T-shirt", "café"), "local:some/model", 8


def unit_rows(count, seed=0, width=WIDTH):
    """Unit vectors float32 [count, width], all different."""
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def some_rows(rows, max_targets=1):
    """(vectors, targets, weights) of rows by number; the more targets, the more of them are missing."""
    rows = np.asarray(rows)
    vectors = unit_rows(rows.max() + 1)[rows]
    targets = (rows[:, None] + np.arange(max_targets)) % len(NOUNS)
    targets[np.arange(max_targets) > rows[:, None] % max_targets] = -1
    weights = (targets >= 0) * (1 / (1 + np.arange(max_targets, dtype=np.float32)))
    return vectors, targets, weights


def batches(count, size=7, max_targets=1):
    """All rows in order, in batches of `size`."""
    vectors, targets, weights = some_rows(np.arange(count), max_targets)
    for begin in range(0, count, size):
        yield tuple(array[begin:begin + size] for array in (vectors, targets, weights))
