"""Labels to messages: the only place that fills vision_msgs.

Every message carries the header object of its source, so stamp and frame id come out byte for byte. The text of a
label stands in `class_id`, readable without any list. Nothing is published from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from std_msgs.msg import Header, String
from vision_msgs.msg import (
    BoundingBox2D,
    Classification,
    Detection2D,
    Detection2DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    VisionInfo,
)

from novic_ros.labels import Label, Labels


@dataclass(frozen=True)
class LabelMessages:
    """The three messages that one frame gives."""

    labels: Detection2DArray
    classification: Classification
    label: String


def chosen(labels: Labels | None, top_k: int, min_score: float) -> Sequence[Label]:
    """The labels to be said aloud: the first `top_k` whose score is at least `min_score`, best first."""
    if labels is None:
        return []
    return [label for label in labels.labels if label.score >= min_score][:top_k]


def hypothesis(label: Label) -> ObjectHypothesis:
    """Text in `class_id`, score in [0, 1]."""
    return ObjectHypothesis(class_id=label.text, score=float(label.score))


def detection(source: Detection2D, labels: Sequence[Label]) -> Detection2D:
    """A detection with its own header, id and box, and one result per label; poses stay at their default."""
    results = [ObjectHypothesisWithPose(hypothesis=hypothesis(label)) for label in labels]
    return Detection2D(header=source.header, results=results, bbox=source.bbox, id=source.id)


def whole_frame(header: Header, width: int, height: int) -> Detection2D:
    """The frame itself, in pixels, as a detection without id and without results."""
    box = BoundingBox2D(size_x=float(width), size_y=float(height))
    box.center.position.x, box.center.position.y = width / 2, height / 2
    return Detection2D(header=header, bbox=box)


def label_messages(
    header: Header, said: Sequence[tuple[Detection2D, Sequence[Label]]], of_whole_frame: Sequence[Label]
) -> LabelMessages:
    """The messages of one frame. `said`: what is labelled in it, each with its labels, in order.

    Where there is no label, `labels` has no such detection (so that whoever reads `detections[i].results[0]` is safe);
    `classification` has no result and `label` an empty string if there is none of the whole frame.
    """
    return LabelMessages(
        labels=Detection2DArray(
            header=header, detections=[detection(source, labels) for source, labels in said if labels]
        ),
        classification=Classification(header=header, results=[hypothesis(label) for label in of_whole_frame]),
        label=String(data=of_whole_frame[0].text if of_whole_frame else ""),
    )


def vision_info(header: Header, method: str, location: str, version: int) -> VisionInfo:
    """Who says the labels, where its words are set, and how often they were changed."""
    return VisionInfo(header=header, method=method, database_location=location, database_version=version)
