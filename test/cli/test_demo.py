"""The demo command. The runs use test/cli/fake_node.py in place of the node, and real processes over real DDS."""

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from novic_ros.cli.demo import add_parser, run_demo
from novic_ros.cli.demo_report import DemoFrame, DemoReport
from novic_ros.cli.demo_run import DemoOptions
from novic_ros.cli.demo_screen import Screen, score_bar
from novic_ros.cli.main import main as novic
from novic_ros.cli.shared_files import shared_file
from novic_ros.labels import Label, Labels

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = sorted((ROOT / "demo_photos").glob("*.jpg"))
FAKE_NODE = (sys.executable, str(Path(__file__).with_name("fake_node.py")))


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["demo", *arguments])


def screen():
    out, errors = io.StringIO(), io.StringIO()
    return Screen(Console(file=out, width=100), Console(file=errors, width=200)), out, errors


def one_label(score=0.75):
    return Labels((Label("thing", score),))


# ---- the photos ----------------------------------------------------------------------------------------------------


def test_photos_are_small_camera_frames():
    from PIL import Image

    assert 12 <= len(PHOTOS) <= 16
    assert sum(photo.stat().st_size for photo in PHOTOS) < 1_500_000
    for photo in PHOTOS:
        with Image.open(photo) as image:
            assert (image.size, image.mode, image.format) == ((640, 480), "RGB", "JPEG"), photo.name


def test_every_photo_is_credited_under_a_free_licence():
    credits = (ROOT / "demo_photos" / "CREDITS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| .+? \| (.+?) \| (.+?) \| (.+?) \|$", credits, re.M)
    assert [row[0] for row in rows] == [photo.name for photo in PHOTOS]
    assert {row[2] for row in rows} <= {"public domain", "CC0 1.0"}
    assert all(author.strip() and re.search(r"\(\d\)$", title) for _, author, _, title in rows)


# ---- the report ----------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60), st.integers(1, 100))
def test_percentile_is_nearest_rank(latencies, percent):
    frames = tuple(DemoFrame(n + 1, "p", Labels(), latency) for n, latency in enumerate(latencies))
    expected = np.percentile(latencies, percent, method="inverted_cdf")
    assert DemoReport("m", 5, frames).latency_ms(percent) == expected


def test_report_counts_answers_labels_and_drops():
    frames = (
        DemoFrame(1, "cat"),
        DemoFrame(2, "cat", one_label(), 10.0),
        DemoFrame(3, "cat", one_label(0.5), 30.0),
        DemoFrame(4, "dog", Labels(), 20.0),
        DemoFrame(5, "hen"),
    )
    report = DemoReport("novic_mini", 5, frames).to_dict()
    assert report["frames"] == {"sent": 5, "answered": 3, "labelled": 2, "dropped": 2}
    assert report["latency_ms"] == {"p50": 20.0, "p95": 30.0}
    assert report["photos"] == {"cat": [{"text": "thing", "score": 0.75}], "dog": [], "hen": None}


def test_report_without_answers_has_no_latency():
    report = DemoReport("m", 5, (DemoFrame(1, "cat"),))
    assert report.latency_ms(50) is None
    with pytest.raises(ValueError, match="percentile"):
        report.latency_ms(0)


# ---- what is printed -----------------------------------------------------------------------------------------------


def test_a_frame_is_one_line_with_all_that_matters():
    shown, out, _ = screen()
    shown.frame(DemoFrame(7, "suspension_bridge_at_night", one_label(0.61), 48.4))
    shown.frame(DemoFrame(8, "dog", Labels(), 5.0))
    lines = out.getvalue().splitlines()[-2:]
    assert re.fullmatch(r"    7  suspension_bri\.\.\.  thing +\S{10}  61 %     48 ms", lines[0]), lines[0]
    assert re.fullmatch(r"    8  dog +\(no label\) +5 ms", lines[1])
    assert len(lines[0]) == len(lines[1]) < 80


@given(st.floats(0, 1), st.booleans())
def test_score_bar_has_ten_cells(score, ascii_only):
    full, empty = score_bar(score, ascii_only)
    assert len(full + empty) == 10
    assert abs(len(full) / 10 - score) <= 0.05 + 1e-9
    assert (full + empty).isascii() is ascii_only


# ---- arguments -----------------------------------------------------------------------------------------------------


def test_defaults():
    args = parse()
    assert (args.output, args.rate, args.model, args.keep) == (Path("demo"), 5.0, "novic_mini", False)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "fast", "1e9"])
def test_a_senseless_rate_is_refused(rate, capsys):
    with pytest.raises(SystemExit) as end:
        parse(f"--rate={rate}")
    assert end.value.code == 2
    assert "between 0.1 and 100" in capsys.readouterr().err


def test_a_missing_model_is_said_before_anything_is_started(tmp_path, capsys):
    args = parse("--model", "no_such_model", "--output", str(tmp_path / "out"))
    assert args.run(args) == 2
    assert "no_such_model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ---- the bag -------------------------------------------------------------------------------------------------------


@pytest.fixture
def demo_bag():
    pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")
    from novic_ros.cli import demo_bag

    return demo_bag


def test_bag_holds_every_photo_three_times_at_5_hz(demo_bag, tmp_path):
    from rosbags.highlevel import AnyReader

    names = demo_bag.write_bag(PHOTOS[:3], tmp_path / "demo_bag")
    assert names == [photo.stem for photo in PHOTOS[:3] for _ in range(3)]
    with AnyReader([tmp_path / "demo_bag"]) as reader:
        (camera,) = reader.connections
        assert (camera.topic, camera.msgtype) == (
            "/camera/image/compressed",
            "sensor_msgs/msg/CompressedImage",
        )
        frames = [(time, reader.deserialize(data, camera.msgtype)) for _, time, data in reader.messages()]
    assert [time - demo_bag.START_NS for time, _ in frames] == [n * 200_000_000 for n in range(9)]
    for index, (recorded, message) in enumerate(frames):
        assert message.data.tobytes() == PHOTOS[index // 3].read_bytes()
        assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == recorded
        assert (message.format, message.header.frame_id) == ("jpeg", "camera")


def test_bag_is_repeatable_to_the_byte_and_replaced_in_place(demo_bag, tmp_path):
    bag = tmp_path / "demo_bag"
    written = []
    for photos in (PHOTOS[:4], PHOTOS[:1], PHOTOS[:4]):
        demo_bag.write_bag(photos, bag)
        written.append({path.name: path.read_bytes() for path in bag.iterdir()})
    assert set(written[0]) == {"metadata.yaml", "demo_bag.mcap"}
    assert written[0] == written[2] != written[1]


def test_what_is_not_a_demo_bag_is_never_removed(demo_bag, tmp_path):
    bag = tmp_path / "demo_bag"
    bag.mkdir()
    (bag / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="choose another --output"):
        demo_bag.write_bag(PHOTOS[:1], bag)
    assert (bag / "thesis.txt").read_text() == "years of work"


def test_a_folder_without_photos_is_an_error(demo_bag, tmp_path):
    with pytest.raises(FileNotFoundError, match="no .jpg file"):
        demo_bag.find_photos(tmp_path)


# ---- whole runs ----------------------------------------------------------------------------------------------------


def ros_or_skip():
    for module in ("rclpy", "vision_msgs", "rosbags"):
        pytest.importorskip(module, reason=f"a run needs {module}")


def fake_run(tmp_path, behaviour, **options):
    ros_or_skip()
    shown, out, errors = screen()
    chosen = DemoOptions(tmp_path, rate_hz=20, model=behaviour, node_command=FAKE_NODE, **options)
    start = time.monotonic()
    code = run_demo(chosen, shown)
    return code, out.getvalue(), errors.getvalue(), time.monotonic() - start


def test_a_run_labels_every_frame(tmp_path):
    code, out, errors, _ = fake_run(tmp_path, "good")
    assert (code, errors) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"demo_bag", "contact_sheet.png", "summary.json"}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frames"]["sent"] == 3 * len(PHOTOS)
    assert summary["frames"]["labelled"] >= 3 * len(PHOTOS) - 3, "the camera should wait for its subscriber"
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"] < 5000
    assert list(summary["photos"]) == [photo.stem for photo in PHOTOS]
    assert summary["photos"]["cat"] == [{"text": "thing", "score": 0.75}, {"text": "other", "score": 0.125}]
    numbers = [int(line[:5]) for line in out.splitlines() if re.match(r" +\d+  ", line)]
    assert len(set(numbers)) == len(numbers) == summary["frames"]["labelled"]


def test_frames_without_an_answer_are_counted_as_dropped(tmp_path):
    code, out, _, _ = fake_run(tmp_path, "every_other", keep=True)
    assert code == 0
    frames = json.loads((tmp_path / "summary.json").read_text())["frames"]
    assert frames["sent"] == frames["answered"] + frames["dropped"]
    assert abs(frames["answered"] - frames["dropped"]) <= 3
    assert f"{frames['dropped']} dropped" in out
    assert (tmp_path / "logs" / "node.log").exists()


def test_messages_without_labels_are_not_enough(tmp_path):
    code, out, errors, _ = fake_run(tmp_path, "empty")
    assert code == 1
    assert "(no label)" in out
    assert "0 of 48 frames were labelled, at least 12 should be" in errors


@pytest.mark.parametrize(
    ("behaviour", "reason", "log"),
    [
        ("crash", "the node ended early, with exit code 3", "fake: out of memory"),
        ("unloadable", "the node could not load its model", "ModelNotFound"),
    ],
)
def test_a_node_that_fails_is_said_at_once_with_its_last_words(tmp_path, behaviour, reason, log):
    code, _, errors, seconds = fake_run(tmp_path, behaviour)
    assert code == 1
    assert errors.splitlines()[-1] == f"novic demo: {reason}"
    assert log in errors
    assert seconds < 45, "it should not wait for the model any longer"


def test_a_model_that_takes_too_long_is_not_waited_for(tmp_path):
    ros_or_skip()
    shown, _, errors = screen()
    command = (sys.executable, "-c", "import time; print('still thinking', flush=True); time.sleep(600)")
    assert run_demo(DemoOptions(tmp_path, load_seconds=4, node_command=command), shown) == 1
    assert "novic demo: the node published no labels topic within 4 s" in errors.getvalue()
    assert "still thinking" in errors.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_behind(tmp_path, number):
    ros_or_skip()
    code = (
        "import sys; from pathlib import Path; from novic_ros.cli.demo import run_demo; "
        "from novic_ros.cli.demo_run import DemoOptions; "
        f"sys.exit(run_demo(DemoOptions(Path({str(tmp_path)!r}), model='good', node_command={FAKE_NODE!r})))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    demo = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in demo.stdout:
        if line.startswith("    3  "):
            break
    children = children_of(demo.pid)
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=60)
    assert len(children) == 3, "node, camera and listener"
    assert demo.returncode == 130
    assert "Traceback" not in errors
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def children_of(pid):
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue  # it ended in between
        if re.search(rf"^PPid:\t{pid}$", text, re.M):
            found.append(int(status.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.flaky(reruns=2)  # a busy machine may drop one of its frames
def test_the_real_demo_says_what_the_command_line_says(tmp_path):
    ros_or_skip()
    if not (ROOT / "models" / "novic_mini" / "decoder.safetensors").is_file():
        pytest.skip(
            "models/novic_mini/decoder.safetensors is not there: train it, or get it with the model files"
        )
    args = parse("--output", str(tmp_path))
    assert args.run(args) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frames"]["labelled"] >= 12
    assert len({labels[0]["text"] for labels in summary["photos"].values() if labels}) >= 6, (
        "not one noun for all"
    )
    photos = sorted(shared_file("demo_photos").glob("*.jpg"))
    assert novic(["label", *map(str, photos), "--json", str(tmp_path / "labels.json"), "--quiet"]) == 0
    for file, result in json.loads((tmp_path / "labels.json").read_text()).items():
        published = summary["photos"][Path(file).stem]
        assert [label["text"] for label in published] == [label["text"] for label in result["labels"]][: len(published)]
        for one, other in zip(published, result["labels"]):
            assert one["score"] == pytest.approx(other["score"], abs=1e-4)

