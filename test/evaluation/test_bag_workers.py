"""Workers in processes of their own: the same labels as here, and a killed one is noticed and replaced."""

import dataclasses
import os
import signal

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers

from novic_ros.evaluation.bag_jobs import Journal, run_jobs
from novic_ros.evaluation.bag_reader import BagError
from novic_ros.evaluation.bag_run import BagJob, Labelling
from novic_ros.evaluation.bag_workers import HereWorker, ProcessWorker, WorkerError, WorkerLost

COUNT = 40


@pytest.fixture(autouse=True)
def one_thread():
    """As in the other processes: sums of several threads differ from those of one in their last bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def labelling(tiny_model, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Labelling(model=str(tiny_model), device="cpu")


@pytest.fixture
def job(tmp_path):
    return BagJob(str(makers.write_bag(tmp_path / "bag", makers.camera(COUNT))), "bag")


def timeless(frames):
    return [dataclasses.replace(one, seconds={}) for one in frames]


@pytest.fixture
def worker(labelling):
    made = ProcessWorker(labelling, 1)
    yield made
    made.close()


def test_a_process_says_what_this_one_says(labelling, job, worker):
    here = HereWorker(labelling)
    assert here.load() == worker.load() == []
    assert worker.environment["model"] == here.environment["model"]
    assert worker.environment["threads"] == 1
    problems = []
    expected = list(here.label(job, 0, []))
    assert len(expected) == COUNT
    assert timeless(worker.label(job, 0, problems)) == timeless(expected)
    assert timeless(worker.label(job, 35, problems)) == timeless(expected[35:])
    assert problems == []
    with pytest.raises(BagError, match="no such file or folder"):
        list(worker.label(dataclasses.replace(job, path=job.path + "x"), 0, problems))
    os.remove(os.path.join(job.path, "metadata.yaml"))
    assert len(list(worker.label(job, 30, problems))) == 10  # it outlives a bag that cannot be read
    assert problems == ["bag: has no metadata.yaml; its files are read all the same"]


def test_a_killed_process_is_noticed(job, worker):
    worker.load()
    frames = worker.label(job, 0, [])
    next(frames)
    os.kill(worker.process_id, signal.SIGKILL)
    with pytest.raises(WorkerLost, match="process ended with code -9"):
        list(frames)
    with pytest.raises(WorkerLost):
        list(worker.label(job, 0, []))
    worker.close()
    worker.close()  # again does no harm


def test_a_run_outlives_a_killed_process(labelling, job, tmp_path):
    made = []

    def make():
        made.append(ProcessWorker(labelling, 1))
        return made[-1]

    def advance(count):
        nonlocal seen
        seen += count
        if seen == 5:
            os.kill(made[0].process_id, signal.SIGKILL)

    seen, journal = 0, Journal(tmp_path / "bag.jsonl", {})
    run_jobs([(job, journal)], make, 1, advance)
    assert len(made) == 2
    assert [one.index for one in journal.frames] == list(range(COUNT))
    here = HereWorker(labelling)
    here.load()
    assert timeless(journal.frames) == timeless(here.label(job, 0, []))


def test_a_model_that_is_not_there_is_told_by_the_process_too(job):
    for worker in (HereWorker(Labelling(model="no such model")), ProcessWorker(Labelling(model="no such model"), 1)):
        with pytest.raises(WorkerError, match="no such model"):
            worker.load()
        worker.close()
