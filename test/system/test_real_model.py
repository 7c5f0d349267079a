"""The node on the embedded model says what ImageLabeller says of the same pixels, also after it was loaded again."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest
from robot_harness import REPOSITORY, wait_until
from vision_msgs.msg import Detection2D, Detection2DArray

from novic_ros import images
from novic_ros.labels import Region

MODEL = REPOSITORY / "models" / "novic_mini"
PHOTOS = sorted((REPOSITORY / "demo_photos").glob("*.jpg"))[:3]


@pytest.mark.slow
@pytest.mark.skipif(
    not (MODEL / "decoder.safetensors").exists(), reason="the embedded model is not in models/novic_mini"
)
def test_published_labels_are_those_of_the_labeller(robot):
    pytest.importorskip("torch", reason="the embedded model needs torch")
    from novic_ros.labeller import ImageLabeller

    node = robot.start(
        "-p", f"model:={MODEL}", "-p", "device:=cpu", command=[sys.executable, "-m", "novic_ros.node"]
    )
    labeller = ImageLabeller(MODEL, device="cpu")
    assert PHOTOS, "the demo pictures are missing"

    def compare(pixels, second):
        (expected,) = labeller.label([pixels])
        (detection,) = robot.answer("labels", second, timeout=60).detections
        said = [(result.hypothesis.class_id, result.hypothesis.score) for result in detection.results]
        assert [text for text, _ in said] == [label.text for label in expected.labels]
        assert [score for _, score in said] == pytest.approx(
            [label.score for label in expected.labels], abs=1e-4
        )
        assert len(said) == 5 and (detection.bbox.size_x, detection.bbox.size_y) == pixels.shape[1::-1]

    for second, photo in enumerate(PHOTOS, start=1):
        pixels = np.ascontiguousarray(images.from_file(photo)[:480, :640])
        robot.raw(pixels, second)
        compare(pixels, second)
    assert robot.change_state("deactivate") and robot.change_state("cleanup")
    assert robot.set_parameter("image_transport", "compressed") == (True, "")
    assert robot.change_state("configure") and robot.change_state("activate")
    for second, photo in enumerate(PHOTOS, start=11):
        robot.compressed(photo.read_bytes(), second)
        compare(images.from_file(photo), second)
    assert node.stop() == 0, node.output
    assert "ERROR" not in node.output


@pytest.mark.slow
@pytest.mark.skipif(
    not (MODEL / "decoder.safetensors").exists(), reason="the embedded model is not in models/novic_mini"
)
def test_crops_of_a_frame_are_labelled_as_the_labeller_labels_them(robot):
    pytest.importorskip("torch", reason="the embedded model needs torch")
    from novic_ros.labeller import ImageLabeller

    robot.start(
        "-p", f"model:={MODEL}", "-p", "device:=cpu", "-p", "crop.enabled:=true", "-p", "crop.margin:=0.0",
        "-p", "crop.wait:=10.0", command=[sys.executable, "-m", "novic_ros.node"],
    )  # fmt: skip
    pixels = np.ascontiguousarray(images.from_file(PHOTOS[0])[:480, :640])
    regions = [Region(20, 30, 200, 150, "left"), Region(300, 100, 101, 233, "right")]
    detector = robot.node.create_publisher(Detection2DArray, "detections", 10)
    wait_until(detector.get_subscription_count, "the node to subscribe to detections", 60.0)
    sent = robot.raw(pixels, 1)
    detector.publish(Detection2DArray(header=sent.header, detections=[boxed(region) for region in regions]))
    _, *crops = robot.answer("labels", 1, timeout=60).detections
    expected = ImageLabeller(MODEL, device="cpu").label([images.crop(pixels, region) for region in regions])
    assert [crop.id for crop in crops] == ["left", "right"]
    for crop, labels in zip(crops, expected):
        said = {result.hypothesis.class_id: result.hypothesis.score for result in crop.results}
        assert said == pytest.approx({label.text: label.score for label in labels.labels}, abs=1e-4)


def boxed(region: Region) -> Detection2D:
    """A detection around a region."""
    detection = Detection2D(id=region.id)
    detection.bbox.center.position.x = region.x + region.width / 2
    detection.bbox.center.position.y = region.y + region.height / 2
    detection.bbox.size_x, detection.bbox.size_y = float(region.width), float(region.height)
    return detection


@pytest.mark.slow
def test_truncated_weights_are_one_line_and_the_node_lives(robot, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(MODEL, broken)
    weights = broken / "decoder.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    node = robot.start(
        "-p", f"model:={broken}", "-p", "device:=cpu", command=[sys.executable, "-m", "novic_ros.node"]
    )
    wait_until(lambda: "configure failed" in node.output, "the failed configure", 60.0)
    _, message, _ = robot.status(lambda level, *_: level == b"\x02", "an error")
    assert "decoder.safetensors" in message and "truncated" in message
    assert "Traceback" not in node.output
    assert node.stop() == 0
