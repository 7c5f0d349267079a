"""A straight line through a noisy series, with an interval that neighbouring samples do not flatter.

Samples of a process's memory depend on those just before. So they are first put together into blocks by their median,
and the number of blocks is then cut by their residuals' lag-1 correlation r to n (1 - r) / (1 + r), as Santer et al.
2000 (J. Geophys. Res. 105) do for temperatures. It knows nothing of what is measured.
"""

import math
from collections.abc import Sequence

import numpy as np

BLOCKS = 30


def student_975(degrees: float) -> float:
    """The 97.5 % point of Student's t, by Cornish and Fisher's expansion; within 1 % from 4 degrees of freedom on."""
    z = 1.959964
    terms = (z, (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return sum(term / degrees**power for power, term in enumerate(terms))


def blocked(times: Sequence[float], values: Sequence[float], blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Medians over equal stretches of time: (times [n], values [n]), n at most `blocks`."""
    t, v = np.asarray(times, float), np.asarray(values, float)
    which = np.minimum((blocks * (t - t[0]) / max(t[-1] - t[0], 1e-12)).astype(int), blocks - 1)
    parts = [which == block for block in np.unique(which)]
    return np.array([np.median(t[part]) for part in parts]), np.array([np.median(v[part]) for part in parts])


def slope_with_interval(times: Sequence[float], values: Sequence[float], blocks: int = BLOCKS):
    """Slope per unit of time with the ends of its 95 % interval: (slope, low, high).

    Raises ValueError for fewer than five samples at different times.
    """
    if len(times) != len(values) or len(set(times)) < 5:
        raise ValueError(f"expected at least 5 samples at different times, got {len(set(times))}")
    t, v = blocked(times, values, blocks)
    centred = t - t.mean()
    slope = float(centred @ v / (centred @ centred))
    left = v - v.mean() - slope * centred
    power = float(left @ left)
    correlation = max(0.0, float(left[1:] @ left[:-1]) / power) if power > 0 else 0.0
    effective = max(len(t) * (1 - correlation) / (1 + correlation), 5.0)
    error = math.sqrt(power / (effective - 2) / float(centred @ centred))
    reach = student_975(effective - 2) * error
    return slope, slope - reach, slope + reach
