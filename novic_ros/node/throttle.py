"""Say the same thing at most once per period, and say how often it was left unsaid.

rclpy's own throttling goes by the calling line; this one goes by a key, so that two causes logged from one line do
not silence each other. It prints nothing itself.
"""

import threading
import time
from collections.abc import Callable, Hashable


class Throttle:
    """Per key: let one through, then none for `period` seconds. Safe to share between threads."""

    def __init__(self, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._period = period
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[Hashable, tuple[float, int]] = {}  # key -> (time let through, held back since)

    def allow(self, key: Hashable) -> int | None:
        """Return None to stay silent, else how many with this key were held back since the last one."""
        now = self._clock()
        with self._lock:
            last, held_back = self._last.get(key, (float("-inf"), 0))
            if now - last < self._period:
                self._last[key] = (last, held_back + 1)
                return None
            self._last[key] = (now, 0)
            return held_back
