"""Writes the demo's bag: a few photographs as the recording of a camera, the same bytes every time.

Pictures go in as they are (JPEG bytes, never decoded). Playing a bag is `node/bag_player.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

TOPIC = "/camera/image/compressed"
FRAME_ID = "camera"
REPEATS = 3
BAG_HZ = 5
START_NS = 1_700_000_000 * 10**9
"""Time of the first frame: fixed, so that the bag is repeatable to the byte."""


def find_photos(folder: Path) -> list[Path]:
    """The JPEG files of `folder`, by name. Raises FileNotFoundError if there is none."""
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    if not photos:
        raise FileNotFoundError(f"{folder} holds no .jpg file; the demo needs its photos there")
    return photos


def write_bag(photos: Sequence[Path], bag: Path) -> list[str]:
    """Write an mcap bag of sensor_msgs/CompressedImage on TOPIC; the photo's name of every frame, in order.

    Every photo gives REPEATS frames at BAG_HZ. A bag that was written here before is replaced; anything else at `bag`
    raises FileExistsError. Raises ModuleNotFoundError if the package rosbags is missing.
    """
    import numpy as np
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    if bag.exists():
        _remove_bag(bag)
    types = get_typestore(Stores.ROS2_HUMBLE)
    message = types.types["sensor_msgs/msg/CompressedImage"]
    header = types.types["std_msgs/msg/Header"]
    time = types.types["builtin_interfaces/msg/Time"]
    frames: list[str] = []
    with Writer(bag, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        camera = writer.add_connection(TOPIC, message.__msgtype__, typestore=types)
        for photo in photos:
            data = np.frombuffer(photo.read_bytes(), dtype=np.uint8)
            for _ in range(REPEATS):
                stamp = START_NS + len(frames) * 10**9 // BAG_HZ
                seconds, nanoseconds = divmod(stamp, 10**9)
                image = message(
                    header=header(stamp=time(sec=seconds, nanosec=nanoseconds), frame_id=FRAME_ID),
                    format="jpeg",
                    data=data,
                )
                writer.write(camera, stamp, types.serialize_cdr(image, message.__msgtype__))
                frames.append(photo.stem)
    return frames


def _remove_bag(bag: Path) -> None:
    """Remove a folder that holds what `write_bag` writes and nothing else."""
    ours = {"metadata.yaml", f"{bag.name}.mcap"}
    if not bag.is_dir() or not {path.name for path in bag.iterdir()} <= ours:
        raise FileExistsError(
            f"{bag} exists and is not a bag of the demo; move it away or choose another --output"
        )
    shutil.rmtree(bag)
