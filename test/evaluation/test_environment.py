"""What a report says about machine, model and command: enough to compare, and nobody's folders."""

import hashlib
import json
import socket
import types

import pytest
import torch

from novic_ros.evaluation.environment import command_text, describe_environment, processor_name, weights_hash


@pytest.mark.parametrize(("arguments", "shown"), [
    (["evaluate", "images", "photos", "--truth", "photos/truth.json"],
     "novic evaluate images photos --truth photos/truth.json"),
    (["evaluate", "images", "/home/bob/photos", "--output", "/tmp/x"], "novic evaluate images photos"),
    (["evaluate", "bag", "a b.mcap", "--output=/tmp/x", "--quiet"], "novic evaluate bag 'a b.mcap'"),
    (["evaluate", "bag", "a", "--json", "--workers", "2", "--image", "/x/y"],
     "novic evaluate bag a --image /x/y"),
    (["evaluate", "bag", "--truth-topic=/x/y", "--no-frame", "/home/bob/a"],
     "novic evaluate bag --truth-topic=/x/y --no-frame a"),
    (["evaluate", "images", "x", "--truth=/srv/secret/truth.json"], "novic evaluate images x --truth=truth.json"),
    (["evaluate", "images", "../shared/x"], "novic evaluate images ../shared/x"),
])
def test_commands(arguments, shown):
    assert command_text(arguments) == shown


def test_paths_below_the_present_folder_become_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command_text(["evaluate", str(tmp_path / "in" / "photos")]) == "novic evaluate in/photos"
    assert command_text(["evaluate", str(tmp_path.parent / "other")]) == "novic evaluate other"


def test_the_hash_is_of_all_weights_in_the_folder_by_name(tmp_path):
    (tmp_path / "decoder.safetensors").write_bytes(b"abc")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"def")
    (tmp_path / "README.md").write_text("does not matter")
    expected = hashlib.sha256(b"decoder.safetensors\0abcopen_clip_model.safetensors\0def").hexdigest()[:16]
    assert weights_hash(tmp_path) == weights_hash(str(tmp_path)) == expected
    (tmp_path / "README.md").write_text("at all")
    assert weights_hash(tmp_path) == expected
    (tmp_path / "decoder.safetensors").write_bytes(b"abd")
    assert weights_hash(tmp_path) != expected
    alone = hashlib.sha256(b"decoder.safetensors\0abd").hexdigest()[:16]
    assert weights_hash(tmp_path / "decoder.safetensors") == alone


def test_no_weights_no_hash(tmp_path):
    (tmp_path / "decoder.json").write_text("{}")
    assert weights_hash(tmp_path) is None
    assert weights_hash("there is no such model") is None


def labeller(model):
    embedder = types.SimpleNamespace(device=torch.device("cpu"), spec=f"local:{model}")
    return types.SimpleNamespace(model_name=str(model), embedder=embedder, search="greedy", calibrated=True,
                                 nouns=("a",))


def test_the_description_names_neither_host_nor_folders(tmp_path):
    (tmp_path / "decoder.safetensors").write_bytes(b"abc")
    found = describe_environment(labeller(tmp_path))
    assert {"package", "python", "torch", "numpy", "system", "cpu", "threads", "model", "embedder", "search",
            "calibrated", "nouns", "device", "weights"} == set(found)
    assert (found["model"], found["embedder"]) == (tmp_path.name, f"local:{tmp_path.name}")
    text = json.dumps(found)
    assert "/" not in text.replace(found["cpu"], "") and socket.gethostname() not in text
    assert describe_environment(labeller(tmp_path)) == found


def test_the_processor_has_a_name():
    assert processor_name().strip()
