"""Vocabularies changed in the background: the newest request wins, all are answered, versions are said in order."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.node.vocabulary_swap import Announcer, Swapped, VocabularySwap
from novic_ros.vocabulary import SiteVocabulary


def site(word: str) -> SiteVocabulary:
    return SiteVocabulary(guide=(word,))


class SlowChange:
    """A change that takes until `go` is set."""

    def __init__(self) -> None:
        self.started, self.go, self.seen = threading.Semaphore(0), threading.Semaphore(0), []

    def __call__(self, wanted: SiteVocabulary) -> Swapped:
        self.started.release()
        assert self.go.acquire(timeout=10)
        self.seen.append(wanted.guide[0])
        return Swapped(wanted.guide[0] != "bad", wanted.guide[0])


def test_a_request_is_answered_with_how_it_ended():
    change = SlowChange()
    swap = VocabularySwap(change)
    change.go.release(2)
    assert swap.request(site("cup")).result(timeout=10) == Swapped(True, "cup")
    assert swap.request(site("bad")).result(timeout=10) == Swapped(False, "bad")
    swap.close()
    swap.join()
    assert "novic_vocabulary" not in [thread.name for thread in threading.enumerate()]


def test_what_waits_is_replaced_by_what_comes_later_and_both_hear_of_that():
    change = SlowChange()
    swap = VocabularySwap(change)
    first = swap.request(site("one"))
    assert change.started.acquire(timeout=10)
    later = [swap.request(site(word)) for word in ("two", "three", "four")]
    change.go.release(2)
    assert first.result(timeout=10).text == "one"
    assert [asked.result(timeout=10).text for asked in later] == ["four"] * 3
    assert change.seen == ["one", "four"]
    swap.close()
    swap.join()


def test_close_refuses_what_waits_and_what_comes_but_not_what_is_in_work():
    change = SlowChange()
    swap = VocabularySwap(change)
    in_work = swap.request(site("one"))
    assert change.started.acquire(timeout=10)
    waits = swap.request(site("two"))
    swap.close()
    for asked in (waits, swap.request(site("three"))):
        assert asked.result(timeout=10) == Swapped(False, "the node is being cleaned up")
    assert not in_work.done()
    change.go.release()
    swap.join()
    assert in_work.result(timeout=10).done and change.seen == ["one"]


# ---- announcements -------------------------------------------------------------------------------------------------


def test_a_change_is_said_at_once_while_nobody_labels():
    said = []
    announcer = Announcer(said.append)
    announcer.changed(1)
    announcer.changed(2)
    announcer.changed(2)
    assert said == [1, 2]


def test_in_a_turn_a_version_is_said_before_its_labels_or_after_those_of_the_older_one():
    heard = []
    announcer = Announcer(lambda version: heard.append(f"version {version}"))
    announcer.changed(1)
    with announcer.turn():
        announcer.before_labels_of(1)
        announcer.changed(2)  # by the other thread
        heard.append("labels of 1")
    with announcer.turn():
        announcer.before_labels_of(2)
        heard.append("labels of 2")
        announcer.changed(3)
        announcer.before_labels_of(3)
        heard.append("labels of 3")
    assert heard == ["version 1", "labels of 1", "version 2", "labels of 2", "version 3", "labels of 3"]


def test_a_turn_that_raises_does_not_block_the_next_one():
    said = []
    announcer = Announcer(said.append)
    with pytest.raises(RuntimeError), announcer.turn():
        raise RuntimeError("broken")
    announcer.changed(1)
    assert said == [1]


@given(st.integers(1, 30), st.integers(0, 30))
def test_two_threads_say_every_last_version_in_order(changes, turns):
    heard, current = [], [0]
    announcer = Announcer(lambda version: heard.append(("version", version)))

    def change() -> None:
        for version in range(1, changes + 1):
            current[0] = version
            announcer.changed(version)

    changer = threading.Thread(target=change)
    changer.start()
    for _ in range(turns):
        with announcer.turn():
            version = current[0]
            if version:
                announcer.before_labels_of(version)
                heard.append(("labels", version))
    changer.join(10)
    versions = [version for what, version in heard if what == "version"]
    assert versions == sorted(set(versions)) and versions[-1] == changes
    newest = 0
    for what, version in heard:
        newest = version if what == "version" else newest
        assert version == newest, "labels are of the version that was said last"
