"""Labels that do not flicker: what was said lately about one thing, or by one camera, is fused with what is said now.

For each key (a camera, or a track of it) and word, the fused score is the weighted geometric mean of its scores,

    score = exp( sum_i w_i * ln(score_i) / sum_i w_i ),      w_i = 2 ** -((now - stamp_i) / half_life)

over all updates since the key was first seen. Where an update did not name the word, FAINT stands for its score (or
its first score, if that is lower). Input that stays the same is a fixed point, from the first update on. Means are
kept, not updates, and a word that has faded to FADED is kept no longer. This file publishes nothing and invents
nothing: one Labels in, one Labels out.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections import OrderedDict
from dataclasses import dataclass, replace

from novic_ros.labels import Label, Labels

__all__ = ["MODES", "SteadyLabels"]

MODES = ("none", "track", "frame")
FAINT = 0.01  # what stands for the score of a word that was not named
FADED = 2 * FAINT  # a word that is not named now is forgotten when its fused score has fallen to this
MAX_KEYS = 4096


@dataclass
class _Past:
    """What is remembered of one key: the newest stamp, the weight of all updates, and each word's mean logarithm."""

    stamp: float
    weight: float
    means: dict[str, float]


class SteadyLabels:
    """Fuses labels over time, by key. Not for several threads at once. `clear` it when the vocabulary changes.

    mode: "none" leaves all as it is; "track" fuses regions that carry an id, "frame" whole frames; whatever is not
    fused is handed back as it came. half_life: seconds after which an update counts half. forget_after: a key that was
    not updated for so many seconds is new when it comes again. Stamps are seconds, of one clock for all keys of an
    object. Raises ValueError for a value that is none of these.
    """

    def __init__(self, mode: str, half_life: float, forget_after: float):
        if mode not in MODES:
            raise ValueError(f"mode: expected {', '.join(MODES)}, got {mode!r}")
        for name, value in (("half_life", half_life), ("forget_after", forget_after)):
            if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < value < math.inf:
                raise ValueError(f"{name}: expected a number of seconds above 0, got {value!r}")
        self._mode, self._half_life, self._forget_after = mode, float(half_life), float(forget_after)
        self._pasts: OrderedDict[str, _Past] = OrderedDict()  # in the order of their last updates

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._pasts)

    def update(self, key: str, stamp: float, labels: Labels, *, top_k: int | None = None,
               min_score: float = 0.0) -> Labels:
        """The newest labels of a key -> the same with fused words and scores; region and evidence are the newest's.

        A stamp that is not later than the key's last one forgets the key's past. top_k and min_score cut what is said,
        not what is remembered. Raises ValueError for a stamp that is not finite.
        """
        if self._mode == "none" or not self._is_fused(labels):
            return labels
        if not math.isfinite(stamp):
            raise ValueError(f"stamp: expected finite seconds, got {stamp!r}")
        self._forget(stamp)
        past = self._pasts.pop(key, None)
        now: dict[str, float] = {}
        for label in labels.labels:  # of a word that is there twice the higher score counts
            now.setdefault(label.text, math.log(max(label.score, sys.float_info.min)))
        weight, means = 0.0, {}
        if past is not None and 0 < stamp - past.stamp <= self._forget_after:
            weight, means = past.weight * 2 ** -((stamp - past.stamp) / self._half_life), past.means
        faint = math.log(FAINT)
        fused = {}
        for word in (*now, *(word for word in means if word not in now)):  # of equal ones the newest come first
            before = means.get(word, min(faint, now.get(word, faint)))
            fused[word] = before + (now.get(word, faint) - before) / (weight + 1)
        kept = [word for word in fused if word in now or fused[word] > math.log(FADED)]
        kept.sort(key=lambda word: -fused[word])
        self._pasts[key] = _Past(stamp, weight + 1, {word: fused[word] for word in kept})
        if len(self._pasts) > MAX_KEYS:
            self._pasts.popitem(last=False)
        said = [Label(word, math.exp(fused[word])) for word in kept]
        return replace(labels, labels=tuple(label for label in said if label.score >= min_score)[:top_k])

    def clear(self) -> None:
        """Forget everything."""
        self._pasts.clear()

    def _is_fused(self, labels: Labels) -> bool:
        if self._mode == "frame":
            return labels.region is None
        return labels.region is not None and labels.region.id != ""

    def _forget(self, stamp: float) -> None:
        """Drop the keys whose last update is too far from `stamp`, whichever way the clock went."""
        while self._pasts and abs(stamp - next(iter(self._pasts.values())).stamp) > self._forget_after:
            self._pasts.popitem(last=False)
