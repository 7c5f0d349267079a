"""Workers on a Ray cluster: two of them on this machine, one of which is killed in the middle of its bag."""

import dataclasses
import os
import shutil
import signal
import tempfile
import threading

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")
pytest.importorskip("ray", reason="the cluster needs the package ray (requirements-dev.txt)")

import bag_makers as makers
import ray

from novic_ros.cli.main import main
from novic_ros.evaluation.bag_jobs import Journal, run_jobs
from novic_ros.evaluation.bag_ray import RayWorker, connect
from novic_ros.evaluation.bag_reader import BagError
from novic_ros.evaluation.bag_run import BagJob, Labelling
from novic_ros.evaluation.bag_workers import HereWorker, WorkerError
from novic_ros.evaluation.results import Evaluation

COUNT = 300  # enough for an actor to be still at it when it is killed after some five frames


@pytest.fixture(autouse=True)
def one_thread():
    """As in the other processes: sums of several threads differ from those of one in their last bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cluster():
    """A Ray of two processors on this machine."""
    if ray.is_initialized():
        pytest.fail("another test has left a Ray running")
    folder = tempfile.mkdtemp(prefix="ray_")  # its sockets need a short path
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error",
             object_store_memory=100 * 2**20, _temp_dir=folder)
    yield connect("local")
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def labelling(tiny_model):
    return Labelling(model=str(tiny_model), device="cpu")


def jobs_of(tmp_path, counts):
    found = []
    for number, count in enumerate(counts):
        path = makers.write_bag(tmp_path / f"bag{number}", makers.camera(count))
        found.append((BagJob(str(path), path.name), Journal(tmp_path / f"{number}.jsonl", {})))
    return found


def timeless(frames):
    return [dataclasses.replace(one, seconds={}) for one in frames]


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed(cluster, labelling, tmp_path):
    assert cluster == 2
    jobs, lock, seen, killed, workers = jobs_of(tmp_path, (COUNT, COUNT)), threading.Lock(), 0, [], []

    class Watched(RayWorker):
        def load(self):
            warnings = super().load()
            with lock:
                workers.append(self)
            return warnings

    def advance(count):
        nonlocal seen
        seen += count
        if len(jobs[0][1].frames) >= 5 and len(jobs[1][1].frames) >= 5 and not killed:  # both are in the middle
            killed.append(workers[0].process_id)
            os.kill(killed[0], signal.SIGKILL)

    run_jobs(jobs, lambda: Watched(labelling), cluster, advance)
    assert killed
    assert len(workers) == 3
    assert workers[2].process_id not in killed
    assert seen == 2 * COUNT
    here = HereWorker(labelling)
    here.load()
    for job, journal in jobs:
        assert journal.finished
        assert journal.problems == []
        assert [one.index for one in journal.frames] == list(range(COUNT))  # each frame once
        assert timeless(journal.frames) == timeless(here.label(job, 0, []))


@pytest.mark.slow
def test_the_command_uses_the_cluster(cluster, tiny_model, tmp_path):
    paths = [str(makers.write_bag(tmp_path / f"run{n}", makers.camera(4))) for n in range(2)]
    assert main(["evaluate", "bag", *paths, "--ray", "auto", "--output", str(tmp_path / "out"),
                 "--model", str(tiny_model), "--device", "cpu"]) == 0
    assert Evaluation.load(tmp_path / "out").counts["frames labelled"] == 8


@pytest.mark.slow
def test_a_worker_far_away_raises_what_one_here_raises(cluster, labelling, tmp_path):
    worker = RayWorker(labelling)
    assert worker.load() == []
    with pytest.raises(BagError, match="no such file or folder"):
        list(worker.label(BagJob(str(tmp_path / "nowhere"), "nowhere"), 0, []))
    worker.close()
    worker.close()  # again does no harm
    nobody = RayWorker(Labelling(model="no such model"))
    with pytest.raises(WorkerError, match="no such model"):
        nobody.load()
    nobody.close()


def test_no_cluster_is_one_sentence(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**options):
        raise ConnectionError(f"nobody at {options['address']}")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(WorkerError, match="no Ray cluster at 'nowhere:1' .ConnectionError: nobody at nowhere:1."):
        connect("nowhere:1")
