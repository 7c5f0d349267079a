"""The launch files: their arguments, and the command line that comes of them."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))  # for launch_standin
import launch_standin

from novic_ros.node.parameters import PARAMETERS

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "launch"
NOVIC, CAMERAS, REPLAY = (FOLDER / f"{name}.launch.py" for name in ("novic", "cameras", "replay"))
EVERY_FILE = sorted(FOLDER.glob("*.py"))
ARGUMENTS = {
    "namespace", "use_sim_time", "params_file", "autostart", "use_respawn", "log_level", "model", "device",
    "cameras", "image", "image_transport", "image_qos", "detections", "frame_policy",
}  # fmt: skip


def command(tmp_path, file=NOVIC, **arguments):
    (words,) = launch_standin.command_lines(file, tmp_path, **arguments)
    return words


def overrides(words) -> dict:
    """The parameters that the launch file sets itself; always in the last parameter file, which wins."""
    files = [words[i + 1] for i, word in enumerate(words) if word == "--params-file"]
    assert len(files) == 2
    ((_, section),) = yaml.safe_load(Path(files[-1]).read_text(encoding="utf-8")).items()
    return section["ros__parameters"]


def remapped(words) -> dict[str, str]:
    """Topic remappings, without the node's name and namespace."""
    pairs = [words[i + 1].split(":=") for i, word in enumerate(words) if word == "-r"]
    return {old: new for old, new in pairs if not old.startswith("__")}


def test_these_are_all_launch_files():
    assert EVERY_FILE == [CAMERAS, NOVIC, REPLAY]


@pytest.mark.parametrize("file", EVERY_FILE, ids=lambda file: file.stem)
def test_every_argument_has_a_default_and_a_sentence(file):
    declared = launch_standin.declared_arguments(file)
    assert declared.keys() == ARGUMENTS
    for argument in declared.values():
        assert argument.default_value is not None and argument.description.endswith(".")


@pytest.mark.parametrize("file", EVERY_FILE, ids=lambda file: file.stem)
def test_every_parameter_that_a_launch_file_sets_exists(file):
    given = dict.fromkeys(ARGUMENTS, "x") | {
        "cameras": "a", "use_sim_time": "true", "autostart": "true", "use_respawn": "true",
    }  # fmt: skip
    (node,) = launch_standin.launched(file, **given)
    _, parameters = node["parameters"]
    assert parameters.keys() - {"use_sim_time"} <= PARAMETERS.keys()
    for name in ("cameras", "autostart", "crop.enabled"):
        assert PARAMETERS[name].problem(parameters[name]) == ""


def test_defaults_leave_everything_to_the_parameter_file(tmp_path):
    words = command(tmp_path)
    assert words[1:6] == ["-m", "novic_ros.node", "--ros-args", "-r", "__node:=novic"]
    assert not any(word.startswith("__ns:=") for word in words)
    assert words[words.index("--params-file") + 1] == str(REPOSITORY / "config" / "novic_mini.yaml")
    assert overrides(words) == {"use_sim_time": False}
    assert remapped(words) == {}
    assert words[-2:] == ["--log-level", "info"]
    (node,) = launch_standin.launched(NOVIC)
    assert node["respawn"] is False and node["output"] == "screen"


def test_arguments_reach_the_command_line_with_their_types(tmp_path):
    words = command(
        tmp_path, namespace="front", use_sim_time="true", params_file="/my.yaml", autostart="false", log_level="debug",
        image="/head/image_raw", model="/models/mine", device="cuda", image_transport="compressed",
        image_qos="reliable", detections="/yolo/detections", frame_policy="all",
    )  # fmt: skip
    assert "__ns:=/front" in words
    assert remapped(words) == {"image": "/head/image_raw", "detections": "/yolo/detections"}
    assert words[words.index("--params-file") + 1] == "/my.yaml"
    assert overrides(words) == {
        "use_sim_time": True,
        "autostart": False,
        "model": "/models/mine",
        "device": "cuda",
        "image_transport": "compressed",
        "image_qos": "reliable",
        "frame_policy": "all",
        "crop.enabled": True,
    }
    assert words[-1] == "debug"


def test_respawn_is_asked_for_with_a_pause():
    (node,) = launch_standin.launched(NOVIC, use_respawn="True")
    assert node["respawn"] is True and node["respawn_delay"] >= 1.0


@pytest.mark.parametrize("name", ["use_sim_time", "autostart", "use_respawn"])
def test_a_switch_is_not_guessed(name):
    for given, meant in (("true", True), ("True", True), ("false", False), ("FALSE", False)):
        (node,) = launch_standin.launched(NOVIC, **{name: given})
        assert (node["respawn"] if name == "use_respawn" else node["parameters"][1][name]) is meant
    with pytest.raises(ValueError, match=f"{name}: expected true or false, got 'yes please'"):
        launch_standin.launched(NOVIC, **{name: "yes please"})


@pytest.mark.parametrize("file", [NOVIC, CAMERAS], ids=lambda file: file.stem)
@pytest.mark.parametrize("argument", ["image", "detections"])
@pytest.mark.parametrize(
    ("cameras", "given", "expected"),
    [
        ("front, rear", "/CAMERA/x", {"front": "/front/x", "rear": "/rear/x"}),
        ("front,rear", "/a , /b", {"front": "/a", "rear": "/b"}),
        ("front,", "/a", {"front": "/a"}),
        ("front,rear", "", {}),
        ("", "/a", {"": "/a"}),
    ],
)
def test_topics_of_several_cameras(tmp_path, file, argument, cameras, given, expected):
    words = command(tmp_path, file, cameras=cameras, **{argument: given})
    assert remapped(words) == {
        f"{camera}/{argument}" if camera else argument: topic for camera, topic in expected.items()
    }
    names = [name.strip() for name in cameras.split(",") if name.strip()]
    assert overrides(words).get("cameras", []) == names


@pytest.mark.parametrize(
    ("cameras", "image", "complaint"),
    [
        ("front,rear", "/a", r"image: expected one topic, or one per camera (front, rear), got /a"),
        ("front", "/a,/b", "expected one topic, or one per camera (front), got /a,/b"),
        ("", "/a,/b", "expected one topic, or one per camera (none named by the argument cameras), got /a,/b"),
        ("", "/CAMERA/x", "image: CAMERA needs the argument cameras, and one topic"),
        ("a,b", "/CAMERA/x,/CAMERA/y", "image: CAMERA needs the argument cameras, and one topic"),
    ],
)
def test_topics_that_do_not_fit_the_cameras_are_refused(cameras, image, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        launch_standin.launched(NOVIC, cameras=cameras, image=image)


def test_cameras_launch_starts_one_node_with_the_file_for_four(tmp_path):
    words = command(tmp_path, CAMERAS)
    assert words[words.index("--params-file") + 1] == str(REPOSITORY / "config" / "four_cameras.yaml")
    assert overrides(words) == {"use_sim_time": False}
    assert overrides(command(tmp_path, CAMERAS, cameras="front,rear", device="cuda")) == {
        "use_sim_time": False,
        "cameras": ["front", "rear"],
        "device": "cuda",
    }


def test_replay_launch_takes_every_frame_reliably_by_the_recordings_clock(tmp_path):
    words = command(tmp_path, REPLAY)
    assert words[words.index("--params-file") + 1] == str(REPOSITORY / "config" / "replay.yaml")
    assert overrides(words) == {"use_sim_time": True, "frame_policy": "all", "image_qos": "reliable"}
    given = command(tmp_path, REPLAY, params_file="/my.yaml", use_sim_time="false", frame_policy="", image="/a")
    assert overrides(given) == {"use_sim_time": False, "image_qos": "reliable"}
    assert remapped(given) == {"image": "/a"}
    assert given[given.index("--params-file") + 1] == "/my.yaml"


@pytest.mark.parametrize("file", EVERY_FILE, ids=lambda file: file.stem)
def test_nothing_is_evaluated_installed_or_fetched(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"eval", "exec", "compile", "open", "__import__", "ExecuteProcess", "PythonExpression"}
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"launch", "launch_ros"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_the_manual_describes_every_argument_and_file():
    manual = (REPOSITORY / "docs" / "launch.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1] for row in manual.splitlines() if row.startswith("| `")}
    assert rows >= ARGUMENTS
    for file in (*EVERY_FILE, *(REPOSITORY / "config").iterdir()):
        assert f"`{file.name}`" in manual


@pytest.mark.parametrize("file", EVERY_FILE, ids=lambda file: file.stem)
def test_the_real_launch_accepts_the_file(file):
    """Where launch_ros is installed: the description is built by the real classes."""
    pytest.importorskip(
        "launch_ros", reason="the real launch is only on machines with a full ROS 2 installation"
    )
    spec = importlib.util.spec_from_file_location("launch_file", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    declared = {argument.name for argument in module.generate_launch_description().get_launch_arguments()}
    assert declared <= ARGUMENTS and "params_file" in declared
