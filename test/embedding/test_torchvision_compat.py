"""The help for torchvision acts on one failure only, and leaves a working torchvision alone."""

import importlib
import sys

import pytest

from novic_ros.embedding import torchvision_compat


@pytest.fixture
def attempts(monkeypatch):
    """Imports of torchvision as a script of outcomes; counts them and the declarations."""
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(torchvision_compat, "_declared", [])
    calls = {"imports": 0, "declared": 0, "outcomes": []}

    def import_module(name):
        assert name == "torchvision"
        outcome = calls["outcomes"][calls["imports"]]
        calls["imports"] += 1
        if outcome:
            raise outcome

    def declare():
        calls["declared"] += 1
        torchvision_compat._declared.append(object())

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(torchvision_compat, "_declare_operators", declare)
    monkeypatch.setattr(torchvision_compat, "_forget_half_import", lambda: None)
    return calls


def test_real_import_works():
    torchvision_compat.ensure_importable()
    torchvision_compat.ensure_importable()
    from torchvision import transforms

    assert transforms.Resize(3).size == 3


def test_working_torchvision_is_left_alone(attempts):
    attempts["outcomes"] = [None]
    torchvision_compat.ensure_importable()
    assert (attempts["imports"], attempts["declared"]) == (1, 0)


def test_missing_operators_are_declared_once(attempts):
    missing = RuntimeError("operator torchvision::nms does not exist")
    attempts["outcomes"] = [missing, None]
    torchvision_compat.ensure_importable()
    assert (attempts["imports"], attempts["declared"]) == (2, 1)
    attempts["outcomes"] = [None, None, missing]
    with pytest.raises(RuntimeError, match="torchvision::nms"):
        torchvision_compat.ensure_importable()
    assert attempts["declared"] == 1


@pytest.mark.parametrize("error", [RuntimeError("something else"), ImportError("no torchvision")])
def test_other_failures_are_not_hidden(attempts, error):
    attempts["outcomes"] = [error]
    with pytest.raises(type(error), match=str(error)):
        torchvision_compat.ensure_importable()
    assert attempts["declared"] == 0


def test_half_an_import_is_forgotten(monkeypatch):
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "torchvision"}
    try:
        monkeypatch.setitem(sys.modules, "torchvision.half", sys)
        monkeypatch.setitem(sys.modules, "torchvisionary", sys)
        torchvision_compat._forget_half_import()
        assert not any(name.split(".")[0] == "torchvision" for name in sys.modules)
        assert "torchvisionary" in sys.modules
    finally:
        sys.modules.update(kept)
