"""The site vocabulary of a running node: swapped under load without mixing, reloaded from files, refused in words."""

from __future__ import annotations

import sys
import time

import pytest
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from robot_harness import picture, wait_until
from std_srvs.srv import Trigger
from vision_msgs.msg import VisionInfo

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
COMPRESSED = ("-p", "image_transport:=compressed")


def texts(message) -> list[str]:
    """Every label of a Detection2DArray."""
    return [result.hypothesis.class_id for one in message.detections for result in one.results]


def versions(robot) -> list[int]:
    """The list that every vision_info appends its version to, from the latched one on."""
    infos = robot.listen(VisionInfo, "vision_info", LATCHED)
    wait_until(lambda: infos, "the latched vision_info", 60.0)
    return infos


def reload(robot) -> tuple[bool, str]:
    answer = robot.call(Trigger, "reload_vocabulary", Trigger.Request())
    return answer.success, answer.message


def number_in(message) -> int:
    """The number that all labels of a message carry; 0 where they carry none. They carry the same, or this fails."""
    numbers = {int(text.split()[1]) if " " in text else 0 for text in texts(message)}
    assert len(numbers) == 1 and len(texts(message)) == 3, f"mixed: {texts(message)}"
    return numbers.pop()


def test_swaps_under_load_never_mix_two_versions(robot):
    """Twenty vocabularies at full input rate; each calls every colour by its own number."""
    robot.start(*COMPRESSED, NOVIC_TEST_COMPILE="0.15", NOVIC_TEST_DELAY="0.02")
    infos, heard = versions(robot), robot.heard["labels"]
    camera = robot.cameras("image/compressed")
    camera.go()
    wait_until(lambda: len(heard) > 5, "labels")
    swaps, took = 20, []
    for number in range(1, swaps + 1):
        names = [f"{colour}={colour} {number}" for colour in ("red", "green", "blue")]
        began = time.monotonic()
        assert robot.set_parameter("vocabulary.remap", names) == (True, "")
        took.append(time.monotonic() - began)
        wait_until(lambda n=number: number_in(heard[-1]) == n, f"labels of vocabulary {number}")
    assert sorted(took)[len(took) // 2] < 0.1, f"setting the parameter waits for the compilation: {took}"
    assert camera.stop() == 0
    assert [info.database_version for info in infos] == list(range(1, swaps + 2))
    spoken = [number_in(message) for message in heard]
    assert spoken == sorted(spoken) and set(spoken) == set(range(swaps + 1))
    classified = {m.header.frame_id: [one.class_id for one in m.results] for m in robot.heard["classification"]}
    both = [message for message in heard if message.header.frame_id in classified]
    assert len(both) >= swaps
    assert [texts(message) for message in both] == [classified[message.header.frame_id] for message in both]


def test_a_slow_compilation_does_not_hold_up_frames_and_the_newest_wins(robot):
    robot.start(*COMPRESSED, NOVIC_TEST_COMPILE="0.8")
    infos = versions(robot)
    camera = robot.cameras("image/compressed")
    camera.go()
    wait_until(lambda: len(robot.heard["labels"]) > 5, "labels")
    before = len(robot.heard["labels"])
    began = time.monotonic()
    for word in ("green", "blue", "red"):
        assert robot.set_parameter("vocabulary.deny", [word]) == (True, "")
    assert time.monotonic() - began < 0.7, "three sets wait for compilations of 0.8 s each"
    wait_until(lambda: len(infos) >= 2, "the first swap")
    assert len(robot.heard["labels"]) > before + 5, "no frame was labelled during the compilation"
    wait_until(lambda: len(infos) >= 3, "the last swap")
    after = len(robot.heard["labels"])
    wait_until(lambda: len(robot.heard["labels"]) > after + 5, "labels of the last vocabulary")
    assert "red" not in texts(robot.heard["labels"][-1]) and "blue" in texts(robot.heard["labels"][-1])
    assert [info.database_version for info in infos] == [1, 2, 3], "blue was replaced by red before its turn"
    assert camera.stop() == 0


def test_reload_reads_the_file_again_and_a_broken_one_changes_nothing(robot):
    words = robot.tmp_path / "words.txt"
    words.write_text("red\nblue # the alarm\n", encoding="utf-8")
    node = robot.start("-p", f"vocabulary.guide:=['@{words}']")
    infos = versions(robot)

    def answered(second: int) -> list[str]:
        robot.raw(picture("green"), second)
        return [result.class_id for result in robot.answer("classification", second).results]

    assert answered(1) == ["blue", "red"]
    words.write_text("green\n", encoding="utf-8")
    assert answered(2) == ["blue", "red"], "nobody has asked for it yet"
    done, text = reload(robot)
    assert done and "version 2" in text
    assert answered(3) == ["green"]

    words.write_bytes(b"green\nr\xe9d\n")
    done, text = reload(robot)
    assert not done and str(words) in text and "UTF-8" in text and "stays" in text
    words.unlink()
    done, text = reload(robot)
    assert not done and str(words) in text
    words.write_text("elephant\n", encoding="utf-8")
    done, text = reload(robot)
    assert not done and "elephant" in text and "stays" in text
    assert answered(4) == ["green"]
    assert [info.database_version for info in infos] == [1, 2]
    assert "Traceback" not in node.output


def test_a_broken_file_at_start_is_mended_by_the_file_or_the_parameter(robot):
    words = robot.tmp_path / "words.txt"
    words.write_bytes(b"\xff\xfe\x00r")
    robot.start("-p", f"vocabulary.deny:=['@{words}']")
    robot.status(lambda level, m, _v: level == b"\x02" and str(words) in m and "UTF-8" in m, "why it failed")
    assert reload(robot)[0] is False, "nothing to reload before configure"
    assert not robot.change_state("configure")
    words.write_text("red\n", encoding="utf-8")
    assert robot.change_state("configure") and robot.change_state("activate")
    robot.raw(picture("red"), 1)
    assert "red" not in texts(robot.answer("labels", 1))


WRONG = [
    ("remap", ["red"], "expected FROM=TO"),
    ("remap", ["red=a", "red=b"], "red"),
    ("deny", ["red", "@/no/such/file"], "/no/such/file"),
    ("allow", ["red", "red"], "red"),
]


def test_a_wrong_entry_is_refused_with_the_reason_and_the_old_words_stay(robot):
    robot.start()
    for name, value, reason in WRONG:
        before = robot.get_parameters([f"vocabulary.{name}"])
        accepted, why = robot.set_parameter(f"vocabulary.{name}", value)
        assert not accepted and reason in why, (name, value)
        assert robot.get_parameters([f"vocabulary.{name}"]) == before
    robot.raw(picture("red"), 1)
    assert texts(robot.answer("labels", 1)) == ["red", "green", "blue"]


@pytest.mark.slow
def test_the_real_labeller_swaps_its_guide_between_two_frames(robot, tiny_model):
    """Random weights, real search: under load every message keeps to one of two lists that share no word."""
    lists = [["dog", "cat", "chair"], ["teapot", "lion", "bicycle"]]
    node = robot.start(
        *COMPRESSED, "-p", f"model:={tiny_model}", "-p", "device:=cpu", "-p", f"vocabulary.guide:={lists[0]}",
        command=[sys.executable, "-m", "novic_ros.node"], OMP_NUM_THREADS="1",
    )  # fmt: skip
    wait_until(lambda: "labelling /robot" in node.output, "the model", 120.0)
    camera = robot.cameras("image/compressed", "--size", "320", "240")
    camera.go()
    infos = versions(robot)
    heard = robot.heard["labels"]
    for number in range(1, 13):
        before = len(heard)
        wait_until(lambda n=before: len(heard) > n + 2, "labels")
        assert robot.set_parameter("vocabulary.guide", lists[number % 2]) == (True, "")
        wait_until(lambda n=number: infos[-1].database_version == n + 1, "the swap", 60.0)
    assert camera.stop() == 0
    said = [set(texts(message)) for message in heard]
    assert all(words and (words <= set(lists[0]) or words <= set(lists[1])) for words in said)
    changes = sum((a <= set(lists[0])) != (b <= set(lists[0])) for a, b in zip(said, said[1:]))
    assert changes >= 11, f"{changes} changes of the list were heard"
    assert "Traceback" not in node.output
