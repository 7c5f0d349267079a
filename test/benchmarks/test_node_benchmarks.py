"""The benchmarks on a running node: each runs in short, ends with one JSON object, and the soak finds what is wrong."""

import copy
import json
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="these benchmarks need ROS 2 (rclpy)")
pytest.importorskip("vision_msgs.msg", reason="these benchmarks need the vision_msgs package")


@pytest.fixture(scope="module")
def soak(root):
    sys.path.insert(0, str(root / "benchmarks"))
    import soak

    yield soak
    sys.path.remove(str(root / "benchmarks"))


def run(root, *arguments: str) -> dict:
    done = subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_node_in_short(root):
    result = run(root, "benchmarks/node.py", "--seconds", "1", "--model", "")
    assert result["benchmark"] == "node" and list(result["results"]) == ["jpeg null", "raw null"]
    for row in (*result["results"].values(), *result["overload"].values()):
        assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p99"] <= row["latency_ms"]["max"]
        assert row["camera_hz"] > row["results_hz"] * 0.9 and row["cpu_percent"] > 0
    slow = result["overload"]["null"]
    assert 300 < slow["service_ms"] < slow["latency_ms"]["p50"] and slow["results_hz"] < 4
    assert slow["bound_ms"] == pytest.approx(2 * slow["service_ms"] + 1000 / 30, abs=0.2)


@pytest.mark.slow
def test_soak_in_short_with_every_fault_once(root, tmp_path, soak):
    short = ("--minutes", "0.5", "--pause", "0.4", "--model", "null", "--results", str(tmp_path))
    result = run(root, "benchmarks/soak.py", *short)
    assert result["wrong"] == []
    assert min(result["faults"].values()) >= 1, result["faults"]
    frames = result["frames"]
    assert frames["received"] == frames["processed"] + frames["replaced by a newer frame"] + frames["dropped"]
    assert frames["heard"] == frames["processed"] > 100 and frames["dropped: image"] > 1
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text()) == result and file.name.startswith("soak_null_")


GOOD = {
    "frames": {"lost results": 0, "invented results": 0, "out of order": 0, "not received": 3},
    "memory": {"interval_mb_per_hour": [-0.5, 1.5]}, "tracebacks": 0, "exit_code": 0, "minutes": 20.0,
}  # fmt: skip
BAD = [
    ("1 lost results", "frames", {"lost results": 1}),
    ("2 invented results", "frames", {"invented results": 2}),
    ("3 out of order", "frames", {"out of order": 3}),
    ("4 frames were received that nobody sent", "frames", {"not received": -4}),
    ("memory grows by more than 1 MB/h", "memory", {"interval_mb_per_hour": [1.1, 9.0]}),
]


@pytest.mark.parametrize(("said", "part", "changes"), BAD, ids=[row[0] for row in BAD])
def test_the_soak_says_what_is_wrong(soak, said, part, changes):
    assert soak.verdict(GOOD) == []
    result = copy.deepcopy(GOOD)
    result[part].update(changes)
    assert soak.verdict(result) == [said]


def test_the_soak_notices_a_crash_and_a_traceback_but_judges_no_slope_of_a_short_run(soak):
    short = {**GOOD, "minutes": 1.0, "memory": {"interval_mb_per_hour": [50.0, 60.0]}}
    assert soak.verdict(short) == []
    assert len(soak.verdict({**short, "exit_code": 1, "tracebacks": 2})) == 2


def test_the_file_is_named_by_device_and_versions(soak):
    about = {"cpu": "Strange(R) CPU @ 3 GHz", "cores": 2, "python": "3.11.7", "ros": "jazzy"}
    name = soak.file_name({"model": "novic_mini", "machine": about})
    assert name == "soak_novic_mini_strange_r_cpu_3_ghz_2_cores_python3.11.7_jazzy.json"
