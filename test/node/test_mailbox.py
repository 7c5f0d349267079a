"""The mailbox: newest wins, every item is accounted for, nobody waits for nothing."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.node.mailbox import Mailbox, MailboxCounts


def balanced(counts: MailboxCounts) -> bool:
    return counts.put == counts.taken + counts.replaced + counts.discarded + counts.pending


@given(st.lists(st.sampled_from(["put", "put", "take", "close"]), max_size=60))
def test_any_sequence_is_accounted_for_and_gives_the_newest(steps):
    mailbox, waiting, closed = Mailbox(), None, False
    for number, step in enumerate(steps, start=1):
        if step == "put":
            assert mailbox.put(number) == (waiting is not None and not closed)
            waiting = None if closed else number
        elif step == "take":
            assert mailbox.take(timeout=0) == waiting
            waiting = None
        else:
            mailbox.close()
            waiting, closed = None, True
        counts = mailbox.counts
        assert balanced(counts) and counts.pending == (waiting is not None)
    assert mailbox.counts.put == steps.count("put")


def test_two_producers_and_two_consumers_lose_no_count():
    mailbox, taken = Mailbox(), []

    def produce(first):
        for number in range(first, first + 3000):
            mailbox.put(number)

    def consume():
        while (item := mailbox.take()) is not None:
            taken.append(item)

    consumers = [threading.Thread(target=consume) for _ in range(2)]
    producers = [threading.Thread(target=produce, args=(first,)) for first in (1, 10_001)]
    for thread in consumers + producers:
        thread.start()
    for thread in producers:
        thread.join(30)
    deadline = time.monotonic() + 30
    while mailbox.counts.pending and time.monotonic() < deadline:
        time.sleep(0.001)
    mailbox.close()
    for thread in consumers:
        thread.join(30)
        assert not thread.is_alive()
    counts = mailbox.counts
    assert counts.put == 6000 and balanced(counts)
    assert counts.taken == len(taken) == len(set(taken)) and counts.discarded == 0
    assert max(taken) == 13_000 or 3000 in taken  # the last item of all is never lost


def test_take_waits_for_an_item_and_close_wakes_it():
    mailbox, got = Mailbox(), []
    thread = threading.Thread(target=lambda: got.extend([mailbox.take(), mailbox.take()]))
    thread.start()
    mailbox.put("frame")
    deadline = time.monotonic() + 10
    while mailbox.counts.taken == 0 and time.monotonic() < deadline:
        time.sleep(0.001)
    mailbox.close()
    thread.join(10)
    assert got == ["frame", None]


def test_take_gives_up_after_its_timeout():
    start = time.monotonic()
    assert Mailbox().take(timeout=0.05) is None
    assert 0.04 <= time.monotonic() - start < 5


def test_none_is_not_an_item():
    with pytest.raises(ValueError, match="any object but None"):
        Mailbox().put(None)
