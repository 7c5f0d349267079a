"""A random order of N rows as a formula: which row stands at a place, and at which place a row stands.

A table of 50 million places would take 400 MB; this takes none, gives the same order on every machine and with every
version of NumPy, and can be asked about any part of the order. It is a Feistel network with a key from the seed on a
grid of about sqrt(N) by sqrt(N) cells, walking on from cells that are no row (Black and Rogaway, "Ciphers with
Arbitrary Finite Domains", 2002). Not a generator of random numbers for anything else, and no protection of data.

How random: with a 64-bit key not every one of the N! orders can come up, but the tests tell its results from those of a
uniform shuffle neither by how far rows move, nor by which rows become neighbours, nor, for up to five rows, by how
often each of the N! orders comes.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["RowOrder", "random_below"]

FEW_ROWS, ROUNDS_FOR_FEW, ROUNDS = 10_000, 16, 8  # small grids mix slowly; a round takes about 8 ns per row
_ALL = (1 << 64) - 1


class RowOrder:
    """A bijection of 0 ... rows - 1, drawn by `seed`; further numbers (an epoch) draw further orders."""

    def __init__(self, rows: int, seed: int, *more: int):
        if rows < 1:
            raise ValueError(f"row order: expected at least one row, got {rows}")
        self.rows = rows
        self._columns = math.isqrt(rows - 1) + 1  # of the grid; its lines follow
        self._lines = -(-rows // self._columns)
        rounds = ROUNDS_FOR_FEW if rows < FEW_ROWS else ROUNDS
        self._keys = [np.uint64(_mixed(seed, *more, number)) for number in range(rounds)]

    def rows_at(self, places: np.ndarray) -> np.ndarray:
        """Which rows stand at these places: int64 [n] -> int64 [n]."""
        return self._walk(places, self._forwards)

    def places_of(self, rows: np.ndarray) -> np.ndarray:
        """At which places these rows stand: int64 [n] -> int64 [n], the inverse of `rows_at`."""
        return self._walk(rows, self._backwards)

    def _walk(self, cells: np.ndarray, step) -> np.ndarray:
        cells = np.asarray(cells)
        if cells.size and not 0 <= cells.min() <= cells.max() < self.rows:
            raise ValueError(f"row order: expected numbers from 0 to {self.rows - 1}, got {cells.min()} to "
                             f"{cells.max()}")
        cells = step(cells.astype(np.uint64))
        while (outside := np.flatnonzero(cells >= self.rows)).size:
            cells[outside] = step(cells[outside])
        return cells.astype(np.int64)

    def _forwards(self, cells: np.ndarray) -> np.ndarray:
        line, column = np.divmod(cells, np.uint64(self._columns))
        for number, key in enumerate(self._keys):
            if number % 2:
                column = _turned(column, _hashed(line, key, self._columns), self._columns)
            else:
                line = _turned(line, _hashed(column, key, self._lines), self._lines)
        return line * np.uint64(self._columns) + column

    def _backwards(self, cells: np.ndarray) -> np.ndarray:
        line, column = np.divmod(cells, np.uint64(self._columns))
        for number, key in reversed(list(enumerate(self._keys))):
            if number % 2:
                column = _turned(column, self._columns - _hashed(line, key, self._columns), self._columns)
            else:
                line = _turned(line, self._lines - _hashed(column, key, self._lines), self._lines)
        return line * np.uint64(self._columns) + column


def random_below(limit: int, seed: int, *more: int) -> int:
    """A random number from 0 to limit - 1, drawn by `seed` and further numbers."""
    return _mixed(seed, *more, limit) % limit


def _turned(values: np.ndarray, by: np.ndarray, size: int) -> np.ndarray:
    """(values + by) mod size, for values < size and by <= size."""
    values = values + by
    return np.where(values >= size, values - np.uint64(size), values)


def _hashed(values: np.ndarray, key: np.uint64, size: int) -> np.ndarray:
    """A number below `size` for every value, uint64 [n]; size < 2^32."""
    values = (values + key) * np.uint64(0x9E3779B97F4A7C15)
    values ^= values >> np.uint64(32)
    values *= np.uint64(0xD6E8FEB86659FD93)
    return ((values >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)


def _mixed(*numbers: int) -> int:
    """One 64-bit number out of several, by the output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    state = 0
    for number in numbers:
        state = (state ^ number % (1 << 64)) + 0x9E3779B97F4A7C15 & _ALL
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _ALL
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _ALL
        state ^= state >> 31
    return state
