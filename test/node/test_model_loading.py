"""Parameters into a labeller, and the layering rule that the node holds no arithmetic."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

from novic_ros.node.model_loading import ModelLoadingError, make_labeller
from novic_ros.node.parameters import PARAMETERS, Settings

NODE = Path(__file__).resolve().parents[2] / "novic_ros" / "node"


DEFAULTS = Settings(*(parameter.default for parameter in PARAMETERS.values()))


def test_parameters_become_arguments_of_the_labeller(monkeypatch):
    library = ModuleType("novic_ros.labeller")
    library.ImageLabeller = lambda *arguments, **keywords: (arguments, keywords)
    monkeypatch.setitem(sys.modules, "novic_ros.labeller", library)
    expected = {"top_k": 10, "min_score": 0.0, "gencfg": None, "device": "auto", "on_unsure": "best", "views": None}
    assert make_labeller(DEFAULTS) == (("novic_mini",), expected)
    settings = DEFAULTS._replace(
        model="m", generation="greedy", device="cpu", top_k=1, on_unsure="hypernym", views=1
    )
    expected = {"top_k": 10, "min_score": 0.0, "gencfg": "greedy", "device": "cpu", "on_unsure": "hypernym", "views": 1}
    assert make_labeller(settings) == (("m",), expected)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        (
            "torch",
            ModelLoadingError,
            "the Python package 'torch' is missing; .*pip install -r requirements.txt",
        ),
        ("open_clip.model", ModelLoadingError, "'open_clip' is missing"),
        ("novic_ros.nothing", ModuleNotFoundError, "novic_ros.nothing"),
    ],
)
def test_a_missing_package_is_named_with_the_pip_command_unless_it_is_ours(monkeypatch, name, error, text):
    def missing(*_arguments, **_keywords):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    library = ModuleType("novic_ros.labeller")
    library.ImageLabeller = missing
    monkeypatch.setitem(sys.modules, "novic_ros.labeller", library)
    with pytest.raises(error, match=text):
        make_labeller(DEFAULTS)


def test_the_node_does_no_arithmetic_on_tensors_nor_on_pixels_but_those_that_it_draws():
    for file in sorted(NODE.glob("*.py")):
        forbidden = {"torch", "torchvision", "open_clip"}
        if file.name != "debug_image.py":
            forbidden |= {"numpy", "cv2"}
        for statement in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
            names += [statement.module or ""] if isinstance(statement, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & forbidden, file
