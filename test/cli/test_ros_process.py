import os
import queue
import signal
import sys
import time
from pathlib import Path

import pytest

from novic_ros.cli.ros_process import RosProcess, last_lines, ros_environment, stop_all
from novic_ros.cli.shared_files import shared_file

ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path, code, events=None):
    return RosProcess(
        "child", [sys.executable, "-u", "-c", code], dict(os.environ), tmp_path / "child.log", events
    )


@pytest.fixture
def nothing_sourced(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("ROS_", "AMENT_", "FASTDDS_", "FASTRTPS_", "PYTHONPATH")):
            monkeypatch.delenv(name)
    return monkeypatch


def test_environment_is_private_and_complete_though_nothing_was_sourced(nothing_sourced, tmp_path):
    environment = ros_environment(57, tmp_path)
    assert environment["ROS_DOMAIN_ID"] == "57"
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert environment["ROS_LOG_DIR"] == str(tmp_path)
    assert environment["FASTDDS_DEFAULT_PROFILES_FILE"] == str(ROOT / "config" / "fastdds_large_images.xml")
    assert str(ROOT) in environment["PYTHONPATH"].split(os.pathsep)
    wheels = Path(sys.prefix, "share", "ament_index").is_dir()
    assert (sys.prefix in environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep)) is wheels


def test_what_the_caller_chose_is_kept(nothing_sourced, tmp_path):
    nothing_sourced.setenv("AMENT_PREFIX_PATH", "/opt/ros/jazzy")
    nothing_sourced.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "/mine.xml")
    nothing_sourced.setenv("PYTHONPATH", "/mine")
    environment = ros_environment(57, tmp_path)
    assert "/opt/ros/jazzy" in environment["AMENT_PREFIX_PATH"].split(os.pathsep)
    assert environment["FASTRTPS_DEFAULT_PROFILES_FILE"] == "/mine.xml"
    assert "FASTDDS_DEFAULT_PROFILES_FILE" not in environment
    assert "/mine" in environment["PYTHONPATH"].split(os.pathsep)


@pytest.mark.parametrize("distribution", ["humble", "jazzy", "kilted"])
def test_older_distributions_get_the_names_that_they_read(nothing_sourced, tmp_path, distribution):
    nothing_sourced.setenv("ROS_DISTRO", distribution)
    environment = ros_environment(57, tmp_path)
    assert ("FASTRTPS_DEFAULT_PROFILES_FILE" in environment) is (distribution != "kilted")
    assert ("FASTDDS_DEFAULT_PROFILES_FILE" in environment) is (distribution == "kilted")
    assert ("ROS_LOCALHOST_ONLY" in environment) is (distribution == "humble")


def test_json_lines_are_events_and_the_rest_is_log(tmp_path):
    events = queue.SimpleQueue()
    code = """import sys
print('hello'); print('{"event": "sent", "index": 1}'); print('{not json'); print('oh', file=sys.stderr)"""
    process = start(tmp_path, code, events)
    assert process.wait(20) == 0
    process.close()
    assert events.get_nowait() == ("child", {"event": "sent", "index": 1})
    assert events.empty()
    assert sorted(process.log_text().split("\n")) == ["", "hello", "oh", "{not json"]


def test_without_events_everything_is_log(tmp_path):
    process = start(tmp_path, "import sys; print('{}'); print('oh', file=sys.stderr); sys.exit(4)")
    assert process.wait(20) == process.exit_code == 4
    assert process.log_text() == "{}\noh\n"


def test_stop_asks_first_and_kills_what_does_not_listen(tmp_path):
    polite = "import time\ntry:\n    print('up'); time.sleep(60)\nexcept KeyboardInterrupt:\n    print('bye')"
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up'); time.sleep(60)"
    processes = []
    for name, code in (("polite", polite), ("deaf", deaf)):
        log = tmp_path / f"{name}.log"
        processes.append(RosProcess(name, [sys.executable, "-u", "-c", code], dict(os.environ), log))
    deadline = time.monotonic() + 20
    while not all("up" in process.log_text() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stop_all(processes, grace=2) == ["deaf"]
    assert "bye" in processes[0].log_text()
    assert processes[1].exit_code == -signal.SIGKILL
    assert stop_all(processes) == [], "stopping twice does no harm"


def test_last_lines_skips_blank_ones():
    assert last_lines("a\n\nb  \n \nc\n", 2) == ["b", "c"]


def test_shared_file_says_where_it_looked():
    assert shared_file("demo_photos/CREDITS.md") == ROOT / "demo_photos" / "CREDITS.md"
    with pytest.raises(FileNotFoundError, match="no/such/file is missing"):
        shared_file("no/such/file")


def test_shared_file_of_an_installed_package(monkeypatch, tmp_path):
    (tmp_path / "share" / "novic_ros" / "config").mkdir(parents=True)
    (tmp_path / "share" / "novic_ros" / "config" / "only_there.yaml").write_text("")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere{os.pathsep}{tmp_path}")
    expected = tmp_path / "share" / "novic_ros" / "config" / "only_there.yaml"
    assert shared_file("config/only_there.yaml") == expected
