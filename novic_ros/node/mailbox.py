"""A mailbox with one slot: the newest item wins, and what it replaced is counted.

It stands between a thread that must not wait and one that takes its time, such as the one that draws debug images. It
is not a queue: nothing waits in line. Camera frames, which have several cameras and boxes to think of, wait in
`intake.py` instead. It knows nothing of ROS or of images.
"""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class MailboxCounts:
    """What became of every item ever put: put = taken + replaced + discarded + pending."""

    put: int
    taken: int
    replaced: int
    discarded: int
    pending: int


class Mailbox(Generic[Item]):
    """One slot, any number of threads on both sides. An item is any object but None."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False
        self._put = self._taken = self._replaced = self._discarded = 0

    def put(self, item: Item) -> bool:
        """Store `item` and return True if it replaced one that nobody had taken. Never blocks on the taker.

        Into a closed mailbox the item is counted as discarded, because a camera may deliver one more frame while
        the node shuts down. Raises ValueError for None, which `take` uses to say "nothing".
        """
        if item is None:
            raise ValueError('a mailbox holds any object but None, which `take` returns for "nothing came"')
        with self._condition:
            self._put += 1
            if self._closed:
                self._discarded += 1
                return False
            replaced = self._item is not None
            self._replaced += replaced
            self._item = item
            self._condition.notify()
            return replaced

    def take(self, timeout: float | None = None) -> Item | None:
        """Wait for an item and remove it. Returns None after `timeout` seconds, or at once when closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout)
            if self._item is None:
                return None
            item, self._item = self._item, None
            self._taken += 1
            return item

    def close(self) -> None:
        """Throw away the waiting item and let every present and future `take` return None."""
        with self._condition:
            self._closed = True
            self._discarded += self._item is not None
            self._item = None
            self._condition.notify_all()

    @property
    def counts(self) -> MailboxCounts:
        """All counters, read at one moment."""
        with self._condition:
            pending = int(self._item is not None)
            return MailboxCounts(self._put, self._taken, self._replaced, self._discarded, pending)
