"""The cache's benchmark runs, leaves nothing behind, and its last line is one JSON object."""

import json
import subprocess
import sys


def test_a_small_run(root, tmp_path):
    done = subprocess.run([sys.executable, "benchmarks/cache.py", "--rows", "20000", "--rounds", "1", "--folder",
                           str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["benchmark"], result["rows"], result["width"]) == ("cache", 20000, 384)
    assert list(result["results"]) == ["write in order", "write a stream", "verify from disk", "verify from memory",
                                       "read shuffled from disk", "read shuffled from memory"]
    for row in result["results"].values():
        assert row["mb_s"] > 0
        assert row["plain_mb_s"] > 0
    assert list(tmp_path.iterdir()) == []
