"""A process that keeps its memory asks the system for it once: seen in a process of its own, by its page faults."""

import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import numpy as np
from novic_ros.evaluation.memory import keep_freed_memory

if sys.argv[1] == "keep":
    if not keep_freed_memory():
        sys.exit(77)

def churn():
    held = [np.full(3 << 20, number, np.uint8) for number in range(8)]
    return sum(int(one[-1]) for one in held)

churn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    churn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(root, how):
    command = [sys.executable, "-c", COUNT_FAULTS, how]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip("the C library is not glibc")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_freed_memory_is_kept(root):
    assert faults(root, "keep") < 0.1 * faults(root, "leave")
