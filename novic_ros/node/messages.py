"""Labels to messages: the only place that fills vision_msgs.

Every message carries the header object of the source image, so stamp and frame id come out byte for byte. The text of
a label stands in `class_id`, readable without any list. Nothing is published from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from std_msgs.msg import Header, String
from vision_msgs.msg import (
    Classification,
    Detection2D,
    Detection2DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
)

from novic_ros.labels import Label, Labels, Region


@dataclass(frozen=True)
class LabelMessages:
    """The three messages that one frame gives."""

    labels: Detection2DArray
    classification: Classification
    label: String


def chosen(labels: Labels, top_k: int, min_score: float) -> Sequence[Label]:
    """The labels to be said aloud: the first `top_k` whose score is at least `min_score`, best first."""
    return [label for label in labels.labels if label.score >= min_score][:top_k]


def hypothesis(label: Label) -> ObjectHypothesis:
    """Text in `class_id`, score in [0, 1]."""
    return ObjectHypothesis(class_id=label.text, score=float(label.score))


def detection(header: Header, region: Region, labels: Sequence[Label]) -> Detection2D:
    """One region as a box in pixels, with one result per label; poses stay at their default."""
    message = Detection2D(header=header, id=region.id)
    message.bbox.center.position.x = region.x + region.width / 2
    message.bbox.center.position.y = region.y + region.height / 2
    message.bbox.size_x = float(region.width)
    message.bbox.size_y = float(region.height)
    message.results = [ObjectHypothesisWithPose(hypothesis=hypothesis(label)) for label in labels]
    return message


def whole_frame(
    header: Header, labels: Labels, width: int, height: int, top_k: int, min_score: float
) -> LabelMessages:
    """The messages of one frame of `width` x `height` pixels.

    If no label reaches `min_score`, they are sent all the same: `labels` with no detection (so that whoever reads
    `detections[i].results[0]` is safe), `classification` with no result, and `label` with an empty string.
    """
    said = chosen(labels, top_k, min_score)
    region = Region(x=0, y=0, width=width, height=height)
    return LabelMessages(
        labels=Detection2DArray(header=header, detections=[detection(header, region, said)] if said else []),
        classification=Classification(header=header, results=[hypothesis(label) for label in said]),
        label=String(data=said[0].text if said else ""),
    )
