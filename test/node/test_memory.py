"""Memory is handed back, and nothing happens where the C library has no such functions."""

from __future__ import annotations

import platform
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from novic_ros.node import memory

REPOSITORY = Path(__file__).resolve().parents[2]

TWO_THREADS = """
import threading
from novic_ros.node import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

def work():
    blocks = []
    for _ in range(2000):
        blocks.append(bytearray(50_000))
        pinned.append(bytearray(1000))  # lies between two blocks, so that the heap cannot shrink by itself

def first():
    work()
    done.set()
    end.wait(60)  # a thread that is gone would leave its heap to the next one

memory.share_one_heap()
pinned, done, end = [], threading.Event(), threading.Event()
before = resident()
threads = [threading.Thread(target=first), threading.Thread(target=work)]
threads[0].start()
done.wait(60)
threads[1].start()
threads[1].join()
print(resident() - before)
memory.give_back()
print(resident() - before)
end.set()
"""


def test_objects_that_refer_to_each_other_are_freed():
    class Part:
        pass

    one, two = Part(), Part()
    one.other, two.other = two, one
    gone = weakref.ref(one)
    del one, two
    memory.give_back()
    assert gone() is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_one_thread_uses_what_another_freed_and_then_it_goes_back_to_the_system():
    done = subprocess.run(
        [sys.executable, "-c", TWO_THREADS], capture_output=True, text=True, timeout=60, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    freed, given_back = map(float, done.stdout.split())
    assert freed < 150, "MB after each of two threads has used and freed 100"
    assert given_back < 50


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _name: object())
    memory.share_one_heap()
    memory.give_back()
