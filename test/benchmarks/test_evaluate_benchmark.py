"""The evaluator's benchmark runs, and its last line is one JSON object."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")


def test_a_small_run(root):
    few = ["--frames", "16", "--labelled", "2", "--rounds", "1"]
    done = subprocess.run([sys.executable, "benchmarks/evaluate.py", *few], cwd=root, capture_output=True, text=True,
                          timeout=200)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["benchmark"], result["frames"], result["labelled"]) == ("evaluate", 16, 2)
    assert list(result["reading"]) == ["mcap, evaluator", "mcap, rosbags and cv2", "sqlite3, evaluator",
                                       "sqlite3, rosbags and cv2"]
    for row in result["reading"].values():
        assert row["frames_s"] > 0
    assert result["labelling"]["model"]["ms"] > 0
    assert {"overhead", "cpu_overhead", "outside"} <= set(result["labelling"])
