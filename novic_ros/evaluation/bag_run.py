"""Labels the frames of one bag, one frame after another, as the node would: a frame and its crops are one batch.

So the labels do not depend on how frames fall together, and are the same to the byte each time on the same device. What
is said about a frame is a `FrameLabels`, plain data that travels between processes and through a journal. Nothing is
scored here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from novic_ros import images
from novic_ros.evaluation.bag_frames import Frame, FrameWishes, frames
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.labels import Label, Labels, Region

__all__ = ["BagJob", "FrameLabels", "Labelling", "label_bag", "label_frames"]


@dataclass(frozen=True)
class Labelling:
    """What to label with: the arguments of `ImageLabeller`, and the entries of a site vocabulary."""

    model: str = "novic_mini"
    embedder: str | None = None
    gencfg: str | None = None
    views: int | None = None
    device: str = "auto"
    top_k: int = 5
    min_score: float = 0.0
    on_unsure: str = "best"
    guide: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    remap: tuple[str, ...] = ()

    def load(self) -> tuple[Any, list[str]]:
        """An ImageLabeller, warmed up, and warnings about the vocabulary.

        Raises LabellerError or VocabularyError.
        """
        from novic_ros.labeller import ImageLabeller
        from novic_ros.vocabulary import SiteVocabulary

        site = SiteVocabulary.read(self.guide, self.allow, self.deny, self.remap)
        labeller = ImageLabeller(self.model, embedder=self.embedder, top_k=self.top_k, min_score=self.min_score,
                                 gencfg=self.gencfg, device=self.device, on_unsure=self.on_unsure, views=self.views)
        warnings = labeller.set_vocabulary(site)
        labeller.warm_up()
        return labeller, warnings


@dataclass(frozen=True)
class BagJob:
    """One bag to label: where it is, what it is called in the results, and which frames are wished."""

    path: str
    name: str
    wishes: FrameWishes = field(default_factory=FrameWishes)


@dataclass(frozen=True)
class FrameLabels:
    """What was said about one frame.

    index: the frame's place in its topic. stamp: its header's, ns, 0 if it has none; recorded: ns. labels: of the whole
    frame if that was looked at, then of its regions in order. skipped: boxes that were left out, by cause. cause: why
    there are no labels, in a word, and reason, in a sentence; empty if all went well. seconds: stage -> time it took.
    """

    topic: str
    index: int
    stamp: int
    recorded: int
    labels: tuple[Labels, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    cause: str = ""
    reason: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def time(self) -> int:
        """The stamp, or for cameras that do not stamp, the time of recording; ns."""
        return self.stamp or self.recorded

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        plain = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        return plain | {"labels": [labels.to_dict() for labels in self.labels], "skipped": dict(self.skipped),
                        "seconds": dict(self.seconds)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FrameLabels:
        """From what `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        labels = tuple(
            Labels(tuple(Label(**label) for label in one["labels"]), one["evidence"],
                   Region(**one["region"]) if "region" in one else None) for one in data["labels"])
        return cls(**{**data, "labels": labels})


def label_bag(job: BagJob, labeller: Any, done: int = 0,
              problems: list[str] | None = None) -> Iterator[FrameLabels]:
    """Label the frames of a bag in the order of recording, without the first `done`.

    What of the bag could not be read is added to `problems` at the end. Raises BagError.
    """
    with Bag(job.path) as bag:
        yield from label_frames(frames(bag, job.wishes, skip=done), labeller, job.wishes.include_frame)
        if problems is not None:
            problems += bag.problems


def label_frames(source: Iterable[Frame], labeller: Any, include_frame: bool = True) -> Iterator[FrameLabels]:
    """Label each frame with its regions in one call of an `ImageLabeller`; one that fails harms only itself."""
    for frame in source:
        said = FrameLabels(frame.topic, frame.index, frame.stamp, frame.recorded, skipped=frame.skipped,
                           cause=frame.cause, reason=frame.reason, seconds={"read": frame.seconds})
        if frame.image is None:
            yield said
            continue
        regions = [None, *frame.regions] if include_frame else list(frame.regions)
        pictures = [frame.image if region is None else images.crop(frame.image, region) for region in regions]
        try:
            timed = labeller.label_timed(pictures) if pictures else None
        except Exception as error:  # a model may raise anything; the other frames must not suffer
            yield dataclasses.replace(said, cause="labeller", reason=f"{type(error).__name__}: {error}")
            continue
        if timed is not None:
            labels = tuple(dataclasses.replace(one, region=region) for one, region in zip(timed.labels, regions))
            said = dataclasses.replace(said, labels=labels, seconds={**said.seconds, **timed.stages})
        yield said

