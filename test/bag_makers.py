"""Makes small bags for tests: cameras with numbered colours, boxes and labels, in any storage, and damage to them.

A plan of a bag is a list of (topic, message type, time of recording in ns, message), written as given. Not a test.
"""

import shutil

import cv2
import numpy as np

from novic_ros.evaluation.bag_types import label_types

BEGIN = 1_700_000_000 * 10**9
STEP = 100_000_000  # ns between two frames
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
DETECTIONS, CLASSIFICATION = "vision_msgs/msg/Detection2DArray", "vision_msgs/msg/Classification"
STRING = "std_msgs/msg/String"
TYPES = label_types()


def make(kind, *values):
    """A message of `kind` with its fields in order."""
    return TYPES.types[kind](*values)


def header(stamp, frame_id="camera"):
    seconds, nanoseconds = divmod(stamp, 10**9)
    return make("std_msgs/msg/Header", make("builtin_interfaces/msg/Time", seconds, nanoseconds), frame_id)


def colour(number):
    """RGB of picture `number`: the red channel is the number."""
    return np.full((48, 64, 3), (number % 256, 100, 200), np.uint8)


def raw(stamp, number, encoding="rgb8", data=None):
    pixels = colour(number)
    return make(IMAGE, header(stamp), 48, 64, encoding, 0, 192, pixels.reshape(-1) if data is None else data)


def noise(count):
    """A camera whose pictures no compression makes smaller."""
    random = np.random.default_rng(0)
    return [(topic, kind, recorded, raw(recorded, number, data=random.integers(0, 256, 9216).astype(np.uint8)))
            for number, (topic, kind, recorded, _) in enumerate(camera(count))]


def jpeg(stamp, number):
    done, data = cv2.imencode(".png", cv2.cvtColor(colour(number), cv2.COLOR_RGB2BGR))  # lossless: numbers survive
    assert done
    return make(COMPRESSED, header(stamp), "png", data.reshape(-1))


def hypotheses(words):
    return [make("vision_msgs/msg/ObjectHypothesis", word, score) for word, score in words]


def classification(stamp, **words):
    return make(CLASSIFICATION, header(stamp), hypotheses(words.items()))


def detection(stamp, box, track="", **words):
    """box: centre x, centre y, width, height."""
    point = make("vision_msgs/msg/Point2D", float(box[0]), float(box[1]))
    pose = make("vision_msgs/msg/Pose2D", point, 0.0)
    bbox = make("vision_msgs/msg/BoundingBox2D", pose, float(box[2]), float(box[3]))
    nowhere = make("geometry_msgs/msg/PoseWithCovariance",
                   make("geometry_msgs/msg/Pose", make("geometry_msgs/msg/Point", 0.0, 0.0, 0.0),
                        make("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0)), np.zeros(36))
    results = [make("vision_msgs/msg/ObjectHypothesisWithPose", one, nowhere) for one in hypotheses(words.items())]
    return make("vision_msgs/msg/Detection2D", header(stamp), results, bbox, track)


def detections(stamp, *found):
    return make(DETECTIONS, header(stamp), list(found))


def string(text):
    return make(STRING, text)


def camera(count, topic="/camera/image", kind=IMAGE, begin=BEGIN, first=0):
    """A camera's messages: picture `first + n` at begin + n * STEP, recorded a millisecond later."""
    maker = raw if kind == IMAGE else jpeg
    return [(topic, kind, begin + n * STEP + 1_000_000, maker(begin + n * STEP, first + n)) for n in range(count)]


def write_bag(path, plan, storage="mcap", compress=None, version=9):
    """Write the messages in order; compress: None, "file", "message" or "storage". Returns the path."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    writer = Writer(path, version=version, storage_plugin=StoragePlugin[storage.upper()])
    if compress:
        writer.set_compression(CompressionMode[compress.upper()], CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, kind, recorded, message in plan:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            data = message if isinstance(message, bytes) else TYPES.serialize_cdr(message, kind)
            writer.write(connections[topic], recorded, data)
    return path


def write_split_bag(path, plans, storage="mcap"):
    """One recording in several files, as a recorder that splits by size leaves it."""
    import yaml

    path.mkdir()
    listed, metadata = [], {}
    for number, plan in enumerate(plans):
        part = write_bag(path.with_name(f"part{number}"), plan, storage)
        (file,) = [one for one in part.iterdir() if one.name != "metadata.yaml"]
        listed.append(f"{path.name}_{number}{file.suffix}")
        shutil.move(file, path / listed[-1])
        latest = yaml.safe_load((part / "metadata.yaml").read_text())
        metadata = metadata if number else latest
        shutil.rmtree(part)
    metadata["rosbag2_bagfile_information"]["relative_file_paths"] = listed
    (path / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return path


def storage_file(bag):
    """The one file of a bag that holds the messages."""
    (file,) = [one for one in bag.iterdir() if one.name != "metadata.yaml"]
    return file


def add_checksums(file):
    """Give every chunk of an mcap file its checksum, as rosbag2 writes them; where the chunks begin."""
    import struct
    import zlib

    from novic_ros.evaluation.mcap_salvage import decompressor

    data, at, found = bytearray(file.read_bytes()), 8, []
    while at + 9 < len(data):
        kind, length = struct.unpack_from("<BQ", data, at)
        if kind == 0x06:
            found.append(at + 9)
            (named,) = struct.unpack_from("<L", data, at + 9 + 28)
            name = data[at + 41:at + 41 + named].decode()
            records = decompressor(name)(bytes(data[at + 49 + named:at + 9 + length]))
            struct.pack_into("<L", data, at + 9 + 24, zlib.crc32(records))
        at += 9 + length
    file.write_bytes(data)
    return found


def without_definitions(bag):
    """Make a sqlite3 bag what Humble's recorder writes: no message definitions."""
    import sqlite3

    connection = sqlite3.connect(storage_file(bag))
    connection.executescript("DROP TABLE message_definitions; DROP TABLE schema; DROP TABLE metadata;")
    connection.commit()
    connection.close()
    return bag


class ColourLabeller:
    """Stands for an ImageLabeller: says the red value of the middle pixel, and remembers how often it was asked."""

    model_name, calibrated = "colours", False

    def __init__(self, fail_on=()):
        self.asked, self.fail_on = [], fail_on

    def label_timed(self, images):
        from novic_ros.labeller import Timed
        from novic_ros.labels import Label, Labels

        reds = [int(image[image.shape[0] // 2, image.shape[1] // 2, 0]) for image in images]
        if set(reds) & set(self.fail_on):
            raise RuntimeError(f"no colour is called {reds[0]}")
        self.asked += reds
        labels = [Labels((Label(f"red {red}", 0.9), Label("colour", 0.05)), 0.5) for red in reds]
        return Timed(labels, {"preprocess": 0.001, "embed": 0.002, "decode": 0.003}, 0)
