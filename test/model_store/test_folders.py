"""folders: which of several folders wins, what a name may be, and what the error says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from novic_ros.model_store import (
    ModelNotFound,
    cache_folder,
    find_model,
    folders,
    installed_models,
    search_places,
)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Every place that is searched, empty, and a current folder of our own: name -> folder of models."""
    for name in ("here", "env_a", "env_b", "checkout/novic_ros", "robot", "overlay", "prefix", "cache"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "checkout" / "package.xml").write_text("<package/>")
    monkeypatch.chdir(tmp_path / "here")
    package = tmp_path / "checkout" / "novic_ros"
    monkeypatch.setattr(folders, "__file__", str(package / "model_store" / "folders.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("NOVIC_MODELS", f"{tmp_path / 'env_a'}{os.pathsep}{tmp_path / 'env_b'}")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'overlay'}{os.pathsep}{tmp_path / 'robot'}")
    monkeypatch.setenv("NOVIC_CACHE", str(tmp_path / "cache"))
    share = Path("share", "novic_ros", "models")
    return {
        "here": tmp_path / "here",
        "env_a": tmp_path / "env_a",
        "env_b": tmp_path / "env_b",
        "checkout": tmp_path / "checkout" / "models",
        "overlay": tmp_path / "overlay" / share,
        "robot": tmp_path / "robot" / share,
        "prefix": tmp_path / "prefix" / share,
        "cache": tmp_path / "cache",
    }


def put(place: Path, name: str = "tiny") -> Path:
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "decoder.json").write_text("{}")
    return folder


def test_each_place_is_searched_in_the_documented_order(places):
    for place in reversed(list(places.values())):  # the last one wins alone; each earlier one then hides it
        folder = put(place)
        assert find_model("tiny") == folder
    assert search_places() == tuple(list(places.values())[1:])


def test_installed_package_finds_its_own_prefix(places, tmp_path, monkeypatch):
    home = tmp_path / "opt" / "lib" / "python3.12" / "site-packages" / "novic_ros"
    home.mkdir(parents=True)
    monkeypatch.setattr(folders, "__file__", str(home / "model_store" / "folders.py"))
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    folder = put(tmp_path / "opt" / "share" / "novic_ros" / "models")
    assert find_model("tiny") == folder
    assert places["checkout"] not in search_places()


def test_without_any_variable_the_home_cache_is_searched(places, tmp_path, monkeypatch):
    for name in ("NOVIC_MODELS", "AMENT_PREFIX_PATH", "NOVIC_CACHE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = put(tmp_path / "home" / ".cache" / "novic_ros" / "models")
    assert find_model("tiny") == folder


def test_a_path_is_taken_as_it_is(places, tmp_path, monkeypatch):
    folder = put(tmp_path / "somewhere")
    put(places["env_a"], "somewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_model(folder) == folder
    assert find_model(str(folder)) == folder
    assert find_model("~/somewhere/tiny") == folder
    assert find_model(Path("..", "somewhere", "tiny")).samefile(folder)


def test_symlink_keeps_its_name(places):
    put(places["env_a"], "tiny_v2")
    (places["env_a"] / "tiny").symlink_to("tiny_v2")
    assert find_model("tiny").name == "tiny"


@pytest.mark.parametrize(
    "name", ["../secret", "a/b", "/nowhere/tiny", ".hidden", "-x", "tiny\n", "a b", "~nobody/x"]
)
def test_a_name_leads_nowhere_else(places, name, monkeypatch):
    monkeypatch.chdir("/")
    put(places["env_a"].parent, "secret")
    put(places["env_a"], ".hidden")
    put(places["env_a"], "-x")
    with pytest.raises(ModelNotFound, match=r"no folder .*; give one that exists, or a model's name"):
        find_model(name)


@pytest.mark.parametrize("name", ["", "  ", "tiny\0"])
def test_nothing_is_no_model(places, name):
    with pytest.raises(ModelNotFound, match="expected a model's name or folder"):
        find_model(name)


def test_a_file_is_answered_with_its_folder(places, tmp_path):
    folder = put(tmp_path / "somewhere")
    with pytest.raises(ModelNotFound, match=f"is a file; give the folder that holds the model: {folder}"):
        find_model(folder / "decoder.json")


def test_the_error_lists_every_place_what_there_is_and_what_to_do(places):
    put(places["cache"], "novic_mini")
    with pytest.raises(ModelNotFound) as caught:
        find_model("novic_mimi")
    text = str(caught.value)
    assert "no model named 'novic_mimi'; models found: novic_mini." in text
    assert "set NOVIC_MODELS" in text
    assert text.splitlines()[1:] == [f"  {place}" for place in list(places.values())[1:]]
    assert isinstance(caught.value, FileNotFoundError)


def test_a_known_model_that_is_not_here_is_answered_with_the_command_that_fetches_it(places):
    (places["robot"] / "registry").mkdir(parents=True)
    (places["robot"] / "registry" / "ta4.json").write_text("{}")
    with pytest.raises(ModelNotFound) as caught:
        find_model("ta4")
    assert "run `novic models get ta4`" in str(caught.value)
    assert f"copy its folder from another machine to {places['cache'] / 'ta4'}" in str(caught.value)
    put(places["cache"], "ta4")
    assert find_model("ta4") == places["cache"] / "ta4"


def test_the_cache_is_the_last_place(places, monkeypatch):
    assert cache_folder() == places["cache"] == search_places()[-1]
    monkeypatch.setenv("NOVIC_CACHE", "~/robot models")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/robot models")


def test_installed_models_are_those_find_model_gives(places):
    wanted = {"tiny": put(places["env_b"]), "novic_mini": put(places["checkout"], "novic_mini")}
    put(places["cache"], "tiny")  # hidden by env_b
    (places["cache"] / "half").mkdir()  # no decoder.json: not listed
    assert installed_models() == wanted
    assert all(find_model(name) == folder for name, folder in wanted.items())


def test_unreadable_place_is_passed_over(places, monkeypatch):
    put(places["env_a"])
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != places["env_a"])
    folder = put(places["cache"], "other")
    assert installed_models() == {"other": folder}


def test_the_door_loads_no_network_code(root):
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from novic_ros import model_store; "
            "print({'urllib.request', 'http.client', 'ssl'} & set(sys.modules))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr
