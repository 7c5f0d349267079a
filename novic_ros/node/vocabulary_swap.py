"""Changes the site vocabulary while frames are labelled: compiled on a thread of its own, the newest request wins.

`VocabularySwap` runs the changes, `Announcer` says each new version at the right moment: after the last labels of the
older one and before the first of the newer. No ROS here; what a change does is the caller's.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

from novic_ros.vocabulary import SiteVocabulary


@dataclass(frozen=True)
class Swapped:
    """How a change ended, in words for whoever asked for it."""

    done: bool
    text: str


class VocabularySwap:
    """One thread that applies requests, one at a time. A request that came later replaces one that still waits."""

    def __init__(self, change: Callable[[SiteVocabulary], Swapped]) -> None:
        """`change` compiles and swaps; it may take seconds, and raises nothing."""
        self._change = change
        self._condition = threading.Condition()
        self._site: SiteVocabulary | None = None
        self._asking: list[Future[Swapped]] = []  # for what waits
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="novic_vocabulary", daemon=True)
        self._thread.start()

    def request(self, site: SiteVocabulary) -> "Future[Swapped]":
        """Ask for a change. The future tells how it, or the later one that replaced it, ended."""
        asked: Future[Swapped] = Future()
        with self._condition:
            if self._closed:
                asked.set_result(Swapped(False, "the node is being cleaned up"))
                return asked
            self._site = site
            self._asking.append(asked)
            self._condition.notify()
        return asked

    def close(self) -> None:
        """Refuse what waits and what comes. A change in work goes on; `join` waits for it."""
        with self._condition:
            self._closed = True
            self._site, asking, self._asking = None, self._asking, []
            self._condition.notify()
        for asked in asking:
            asked.set_result(Swapped(False, "the node is being cleaned up"))

    def join(self) -> None:
        """Wait until the change in work, if any, is done. `close` has to be called before."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._site is not None or self._closed)
                site, asking = self._site, self._asking
                self._site, self._asking = None, []
            if site is None:
                return
            swapped = self._change(site)
            for asked in asking:
                asked.set_result(swapped)


class Announcer:
    """Says versions in rising order, each once, and none while somebody may still speak by an older one."""

    def __init__(self, publish: Callable[[int], None]) -> None:
        self._publish = publish
        self._turn = threading.Lock()  # held by who labels and publishes
        self._newest = self._said = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside, labels are made and published, and nobody else says a version."""
        with self._turn:
            yield
            self._say(self._newest)
        self._say_if_idle()  # a change that came in between found the turn taken

    def before_labels_of(self, version: int) -> None:
        """Within a turn: labels of this version are published next."""
        self._say(version)

    def changed(self, version: int) -> None:
        """The labels of the next turn will be of this version. Never waits for a turn."""
        self._newest = max(self._newest, version)
        self._say_if_idle()

    def _say_if_idle(self) -> None:
        while self._said < self._newest and self._turn.acquire(blocking=False):
            try:
                self._say(self._newest)
            finally:
                self._turn.release()

    def _say(self, version: int) -> None:
        if version > self._said:
            self._said = version
            self._publish(version)
