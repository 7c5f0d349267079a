"""Messages as RGB; encodings that are not ours go to cv_bridge where there is one. A stand-in plays cv_bridge."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from novic_ros.images import MAX_PIXELS, ImageError
from novic_ros.node import conversion
from novic_ros.node.conversion import to_rgb


@pytest.fixture(autouse=True)
def fresh():
    """cv_bridge is looked for once per process; here, once per test."""
    conversion._bridge.cache_clear()
    yield
    conversion._bridge.cache_clear()


def message(encoding="rgb8", width=3, height=2, step=9, data=bytes(range(18))):
    return SimpleNamespace(
        encoding=encoding, width=width, height=height, step=step, is_bigendian=0, data=data
    )


@pytest.fixture
def bridge(monkeypatch):
    """An installed cv_bridge; what it was asked, and what it will answer."""
    answer = SimpleNamespace(asked=[], image=np.full((2, 3, 3), 7, np.uint8), error=None)

    class CvBridge:
        def imgmsg_to_cv2(self, msg, desired_encoding):
            answer.asked.append((msg.encoding, desired_encoding))
            if answer.error:
                raise answer.error
            return answer.image

    module = ModuleType("cv_bridge")
    module.CvBridge = CvBridge
    monkeypatch.setitem(sys.modules, "cv_bridge", module)
    return answer


def test_our_encodings_never_go_through_cv_bridge(bridge):
    assert to_rgb(message()).tolist() == np.arange(18, dtype=np.uint8).reshape(2, 3, 3).tolist()
    for broken in (message(step=7), message("BGR8", data=b""), message("16UC1", step=6), message("")):
        with pytest.raises(ImageError):
            to_rgb(broken)
    with pytest.raises(ImageError, match="damaged|cut short|not a picture|expected"):
        to_rgb(SimpleNamespace(format="jpeg", data=b"hello"))
    assert bridge.asked == []


def test_other_encodings_go_through_cv_bridge(bridge):
    assert to_rgb(message("yuv444")) is bridge.image
    assert bridge.asked == [("yuv444", "rgb8")]


@pytest.mark.parametrize(
    "image", [np.zeros((2, 3), np.uint8), np.zeros((2, 3, 3), np.uint16), np.zeros((0, 3, 3), np.uint8)]
)
def test_what_cv_bridge_makes_is_checked(bridge, image):
    bridge.image = image
    with pytest.raises(ImageError, match=r"'yuv444' is not supported.*; cv_bridge makes .*, not RGB"):
        to_rgb(message("yuv444"))


def test_what_cv_bridge_raises_is_said_beside_our_own_reason(bridge):
    bridge.error = KeyError("yuv444")
    with pytest.raises(ImageError, match=r"'yuv444' is not supported.*; cv_bridge says: 'yuv444'"):
        to_rgb(message("yuv444"))


def test_a_claim_of_too_many_pixels_does_not_reach_it(bridge):
    with pytest.raises(ImageError, match="more than"):
        to_rgb(message("yuv444", width=MAX_PIXELS, height=2))
    assert bridge.asked == []


def test_without_cv_bridge_the_encoding_is_refused_as_before(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(ImageError, match="'yuv444' is not supported.* is not installed"):
        to_rgb(message("yuv444"))


def test_a_cv_bridge_built_for_another_numpy_is_named(monkeypatch):
    class Broken(ModuleType):
        def __getattr__(self, name):
            raise AttributeError("_ARRAY_API not found")

    monkeypatch.setitem(sys.modules, "cv_bridge", Broken("cv_bridge"))
    with pytest.raises(ImageError, match="cannot be loaded"):
        to_rgb(message("yuv444"))
