"""config/fastdds_large_images.xml: well-formed, and large enough for what it promises."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

PROFILE = Path(__file__).resolve().parents[2] / "config" / "fastdds_large_images.xml"
DDS = "{http://www.eprosima.com}"
FULL_HD = 1920 * 1080 * 3  # bytes of one colour image


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
