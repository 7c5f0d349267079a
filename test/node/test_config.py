"""The files in config/: parameter files that the node takes as they are, and transports that hold large images."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from novic_ros.node.parameters import PARAMETERS

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "config"
FILES = sorted(FOLDER.glob("*.yaml"))
PROFILE = FOLDER / "fastdds_large_images.xml"
DDS = "{http://www.eprosima.com}"
FULL_HD = 1920 * 1080 * 3  # bytes of one colour image


def parameters(file: Path) -> dict:
    """What a parameter file sets: {"crop.margin": 0.1, ...}."""
    sections = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert list(sections) == ["/**"], "a section with a node's name would win over -p and over other names"
    assert list(sections["/**"]) == ["ros__parameters"]

    def flat(values: dict, prefix: str = ""):
        for name, value in values.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", value

    return dict(flat(sections["/**"]["ros__parameters"]))


def test_there_is_a_file_for_each_kind_of_deployment():
    assert {file.stem for file in FILES} == {"novic_mini", "four_cameras", "replay", "siglip", "dfn5b"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_value_is_one_that_the_node_takes(file):
    values = parameters(file)
    assert values.pop("use_sim_time", True) is True, "ROS's own parameter; written only where it is on"
    for name, value in values.items():
        assert PARAMETERS[name].problem(value) == ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_model_is_a_known_one_and_every_file_says_what_it_is_for(file):
    assert (REPOSITORY / "models" / "registry" / f"{parameters(file)['model']}.json").is_file()
    assert file.read_text(encoding="utf-8").startswith("# ")


def test_what_the_files_promise():
    four, replay = parameters(FOLDER / "four_cameras.yaml"), parameters(FOLDER / "replay.yaml")
    assert len(set(four["cameras"])) == 4 and four["image_transport"] == "compressed"
    assert (replay["frame_policy"], replay["image_qos"], replay["use_sim_time"]) == ("all", "reliable", True)
    assert replay["max_age"] == 0.0, "a frame that waited in a replay is no less welcome"
    for name in ("siglip", "dfn5b"):
        assert parameters(FOLDER / f"{name}.yaml")["on_unsure"] == "best", "these models have no calibrator"


def test_transports_hold_full_hd_images_and_replace_the_default_ones():
    root = ElementTree.parse(PROFILE).getroot()
    transports = {
        descriptor.find(f"{DDS}transport_id").text: descriptor
        for descriptor in root.iter(f"{DDS}transport_descriptor")
    }
    types = {name: descriptor.find(f"{DDS}type").text for name, descriptor in transports.items()}
    assert sorted(types.values()) == ["SHM", "UDPv4"]
    (shared_memory,) = (transports[name] for name, kind in types.items() if kind == "SHM")
    assert int(shared_memory.find(f"{DDS}segment_size").text) >= 10 * FULL_HD
    assert int(shared_memory.find(f"{DDS}maxMessageSize").text) >= FULL_HD
    (participant,) = root.iter(f"{DDS}participant")
    assert participant.get("is_default_profile") == "true"
    used = {entry.text for entry in participant.iter(f"{DDS}userTransports") for entry in entry}
    assert used == transports.keys()
    assert participant.find(f".//{DDS}useBuiltinTransports").text == "false"
