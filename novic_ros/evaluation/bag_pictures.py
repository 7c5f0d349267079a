"""Finds the pixels of single frames of labelled bags again, for the few pictures that a report shows.

Frames are looked up by the time of recording, through the index that bags have, so that a bag is not read as a whole.
It reads bags and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from novic_ros import images
from novic_ros.evaluation.bag_evaluation import LabelledBag, frame_of
from novic_ros.evaluation.bag_frames import IMAGE_TYPES, header_stamp
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.evaluation.bag_run import FrameLabels
from novic_ros.evaluation.bag_types import BagError
from novic_ros.evaluation.results import Item
from novic_ros.evaluation.thumbnails import ReadPictures

__all__ = ["bag_pictures"]


def bag_pictures(paths: Mapping[str, str], bags: Sequence[LabelledBag]) -> ReadPictures:
    """Reads the frames that items of `evaluate_bags` are about. paths: bag's name -> where it is."""
    frames: dict[tuple[str, str, int], tuple[FrameLabels, int]] = {}
    seen: Counter[tuple[str, str, int]] = Counter()
    for bag in bags:
        for frame in bag.frames:
            moment = (bag.name, frame.topic, frame.recorded)
            frames[bag.name, frame.topic, frame.index] = (frame, seen[moment])
            seen[moment] += 1

    def read(items: Sequence[Item]) -> Iterator[tuple[Item, np.ndarray]]:
        by_bag: dict[str, list[Item]] = {}
        for item in items:
            by_bag.setdefault(frame_of(item)[0], []).append(item)
        for name, wanted in by_bag.items():
            try:
                with Bag(paths[name]) as bag:
                    for item in wanted:
                        picture = _picture(bag, *frames[frame_of(item)])
                        if picture is not None:
                            yield item, picture
            except BagError:
                continue  # it was there a moment ago; the page lacks its pictures and nothing else

    return read


def _picture(bag: Bag, frame: FrameLabels, place: int) -> np.ndarray | None:
    """RGB uint8 [H, W, 3] of a frame, the `place`-th of its moment; None if it is not where it was."""
    together = [message for message in bag.messages([frame.topic], frame.recorded, frame.recorded + 1)
                if message.channel.kind in IMAGE_TYPES]
    if place >= len(together) or header_stamp(together[place].data) != frame.stamp:
        return None
    try:
        return images.from_message(bag.decode(together[place]))
    except (BagError, images.ImageError):
        return None
