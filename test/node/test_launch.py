"""launch/novic.launch.py: its arguments, and the command line that comes of them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))  # for launch_standin
import launch_standin

REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCH_FILE = REPOSITORY / "launch" / "novic.launch.py"
ARGUMENTS = {
    "namespace", "use_sim_time", "params_file", "autostart", "log_level", "image",
    "model", "device", "image_transport", "image_qos",
}  # fmt: skip


def command(tmp_path, **arguments):
    (words,) = launch_standin.command_lines(LAUNCH_FILE, tmp_path, **arguments)
    return words


def overrides(words) -> dict:
    """The parameters that the launch file sets itself; always in the last parameter file, which wins."""
    files = [words[i + 1] for i, word in enumerate(words) if word == "--params-file"]
    return yaml.safe_load(Path(files[-1]).read_text(encoding="utf-8"))["/**"]["ros__parameters"]


def test_every_argument_has_a_default_and_a_sentence():
    declared = {
        entity.name: entity
        for entity in launch_standin.load(LAUNCH_FILE).entities
        if isinstance(entity, launch_standin.DeclareLaunchArgument)
    }
    assert declared.keys() == ARGUMENTS
    for argument in declared.values():
        assert argument.default_value is not None and argument.description.endswith(".")


def test_defaults_leave_everything_to_the_parameter_file(tmp_path):
    words = command(tmp_path)
    assert words[1:6] == ["-m", "novic_ros.node", "--ros-args", "-r", "__node:=novic"]
    assert not any(word.startswith("__ns:=") for word in words)
    assert words[words.index("--params-file") + 1] == str(REPOSITORY / "config" / "novic_mini.yaml")
    assert overrides(words) == {"use_sim_time": False}
    assert "image:=image" in words
    assert words[-2:] == ["--log-level", "info"]


def test_arguments_reach_the_command_line_with_their_types(tmp_path):
    words = command(
        tmp_path, namespace="front", use_sim_time="true", params_file="/my.yaml", autostart="false", log_level="debug",
        image="/head/image_raw", model="/models/mine", device="cuda", image_transport="compressed",
    )  # fmt: skip
    assert "__ns:=/front" in words and "image:=/head/image_raw" in words
    assert words[words.index("--params-file") + 1] == "/my.yaml"
    assert overrides(words) == {
        "use_sim_time": True,
        "autostart": False,
        "model": "/models/mine",
        "device": "cuda",
        "image_transport": "compressed",
    }
    assert words[-1] == "debug"


@pytest.mark.parametrize("name", ["use_sim_time", "autostart"])
def test_a_switch_is_not_guessed(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name}: expected true or false, got 'yes please'"):
        command(tmp_path, **{name: "yes please"})


def test_nothing_is_evaluated_installed_or_fetched():
    tree = ast.parse(LAUNCH_FILE.read_text(encoding="utf-8"))
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "compile", "open", "__import__", "ExecuteProcess"}
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"launch", "launch_ros"}


def test_the_real_launch_accepts_the_file():
    """Where launch_ros is installed: the description is built by the real classes, with the same arguments."""
    pytest.importorskip(
        "launch_ros", reason="the real launch is only on machines with a full ROS 2 installation"
    )
    spec = importlib.util.spec_from_file_location("novic_launch", LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    declared = module.generate_launch_description().get_launch_arguments()
    assert {argument.name for argument in declared} == ARGUMENTS
