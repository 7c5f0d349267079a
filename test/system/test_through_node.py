"""Bags played into the real node, over DDS, give the labels that this process gives without ROS: frame by frame."""

import dataclasses

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers

from novic_ros.cli.demo_bag import find_photos, write_bag
from novic_ros.cli.node_worker import NodeWorker
from novic_ros.evaluation.bag_frames import FrameWishes
from novic_ros.evaluation.bag_run import BagJob, Labelling
from novic_ros.evaluation.bag_workers import HereWorker, WorkerError
from novic_ros.regions import CropRules

BEGIN, STEP = makers.BEGIN, makers.STEP


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """So that both sides compute in the same order."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def said(worker, job, done=0):
    """What a worker says about a bag, without what the node does not tell and what differs each time."""
    problems = []
    frames = [dataclasses.replace(one, seconds={}, labels=tuple(dataclasses.replace(labels, evidence=None)
                                                                for labels in one.labels))
              for one in worker.label(job, done, problems)]
    return frames, problems


def both(labelling, *jobs):
    """Each worker's answers to each job."""
    found = []
    for worker in (HereWorker(labelling), NodeWorker(labelling)):
        try:
            worker.load()
            found.append([said(worker, job) for job in jobs])
        finally:
            worker.close()
    return found


@pytest.mark.slow
def test_the_demo_bag_is_labelled_the_same(root, tmp_path):
    names = write_bag(find_photos(root / "demo_photos"), tmp_path / "demo_bag")
    job = BagJob(str(tmp_path / "demo_bag"), "demo_bag")
    here, there = both(Labelling(device="cpu"), job)
    assert len(here[0][0]) == len(names) == 48
    assert there == here


@pytest.mark.slow
def test_cameras_crops_and_broken_frames_are_labelled_the_same(tiny_model, tmp_path):
    def boxes(stamp, *found):
        return ("/boxes", makers.DETECTIONS, stamp, makers.detections(stamp, *found))

    stamps = [BEGIN + n * STEP for n in (0, 1, 1, 5, 2, 3)]  # one comes twice, and time goes back
    plan = [("/a", makers.IMAGE, BEGIN + n * STEP, makers.raw(stamp, 40 * n)) for n, stamp in enumerate(stamps)]
    plan[2] = ("/a", makers.IMAGE, BEGIN + 2 * STEP, makers.raw(stamps[2], 1, encoding="32FC1"))
    plan += makers.camera(4, "/b", makers.COMPRESSED, first=100)
    plan += [boxes(BEGIN, makers.detection(BEGIN, (20, 20, 10, 10), "7"), makers.detection(BEGIN, (0, 0, 0, 0), "no"),
                   makers.detection(BEGIN, (32, 24, 64, 48))),
             boxes(BEGIN + 5 * STEP - 1000, makers.detection(BEGIN, (50, 30, 12, 16), "7"))]
    path = makers.write_bag(tmp_path / "bag", sorted(plan, key=lambda one: one[2]))
    wishes = FrameWishes(detections=(("/a", "/boxes"),), crops=CropRules(0.1, 16, 4), slop=0.001)
    alone = FrameWishes(("/a",), (("/a", "/boxes"),), CropRules(0.0, 1, 4), include_frame=False, slop=0.001)
    labelling = Labelling(model=str(tiny_model), device="cpu", top_k=3, min_score=0.05)
    here, there = both(labelling, BagJob(str(path), "bag", wishes), BagJob(str(path), "bag", alone))
    assert there == here
    (frames, problems), (crops, _) = here
    assert problems == []
    assert [(one.topic, one.cause, len(one.labels)) for one in frames if one.topic == "/a"] == [
        ("/a", "", 3), ("/a", "", 1), ("/a", "image", 0), ("/a", "", 2), ("/a", "", 1), ("/a", "", 1)]
    assert sum(one.topic == "/b" for one in frames) == 4
    assert [one.cause for one in crops] == ["", "no boxes", "no boxes", "", "no boxes", "no boxes"]


def test_a_model_that_the_node_cannot_load_is_one_sentence(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(1))
    worker = NodeWorker(Labelling(model="no such model"))
    worker.load()
    try:
        with pytest.raises(WorkerError, match="the node did not start: .*no such model"):
            list(worker.label(BagJob(str(path), "bag"), 0, []))
    finally:
        worker.close()


def test_what_the_node_has_not_is_refused():
    for labelling in (Labelling(embedder="local:here"), Labelling(top_k=11)):
        with pytest.raises(WorkerError, match="expected no --embedder and --top of at most 10"):
            NodeWorker(labelling).load()
