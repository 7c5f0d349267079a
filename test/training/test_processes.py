"""Two processes train what one does: torchrun on the CPU, beside one process with the same micro-batches, and with the
doubled batch.

This file is also the program that torchrun starts.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from toy_training import CPU, EVEN_NOUNS, largest_difference, toy_cache, toy_data, toy_recipe, weights_of

from novic_ros.training.processes import Processes, joined_processes
from novic_ros.training.train_run import TrainRun

QUIET = {"noise_scheme": "none", "dropout": 0.0}


def data():
    """Rows in order and nouns of one length, so that batches can be doubled."""
    return toy_data(toy_cache(EVEN_NOUNS), in_order=True)


def torchrun(folder, changes, processes=2, **options):
    """Start this file in several processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
               __file__, str(folder), json.dumps(changes)]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo",
                   "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            **options)


def alone(folder, **changes):
    """The same in this process."""
    TrainRun(toy_recipe(**changes), data(), folder, Processes(CPU)).run()
    return weights_of(folder)


def losses(folder):
    lines = (folder / "log.csv").read_text().splitlines()
    place = lines[0].split(",").index("loss")
    return [float(line.split(",")[place]) for line in lines[1:]]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A training by two processes, with noise and dropout in the first and without in the second."""
    folders = [tmp_path_factory.mktemp("two") for _ in range(2)]
    started = [torchrun(folder, changes) for folder, changes in zip(folders, ({}, QUIET))]
    for process in started:
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output
        assert output.count("trained by 2 processes") == 1, output
    return folders


def test_two_processes_are_one(two, tmp_path, one_thread):
    """Noise and dropout too: they go by the micro-batch, whoever takes it."""
    expected = alone(tmp_path)
    assert losses(two[0]) == pytest.approx(losses(tmp_path), rel=1e-6)
    assert largest_difference(weights_of(two[0]), expected) < 1e-5
    assert (two[0] / "probe.csv").read_text() == (tmp_path / "probe.csv").read_text()


def test_two_processes_are_one_with_the_doubled_batch(two, tmp_path, one_thread):
    expected = alone(tmp_path, **QUIET, batch_size=16, accumulation=1)
    assert losses(two[1]) == pytest.approx(losses(tmp_path), rel=1e-4)
    assert largest_difference(weights_of(two[1]), expected) < 1e-3


def test_a_signal_stops_all_of_them(tmp_path, one_thread):
    """And what they saved goes on, alone: the same as if nothing had happened."""
    process = torchrun(tmp_path / "run", {"epochs": 2000})
    log = tmp_path / "run" / "log.csv"
    while not (log.exists() and len(log.read_text().splitlines()) > 5):
        time.sleep(0.1)
        assert process.poll() is None, process.stdout.read()
    process.send_signal(signal.SIGTERM)  # torchrun passes it on
    output, _ = process.communicate(timeout=120)
    assert output.count("stopped") == 1, output
    done = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["done"]
    assert done >= 5
    assert not list((tmp_path / "run").glob("*.part"))
    run = TrainRun(toy_recipe(epochs=2000), data(), tmp_path / "run", Processes(CPU))
    seen = []

    def stop():
        return len(seen) >= 2

    assert run.run(seen.append, stop) is None
    assert seen[0].step == done + 1


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "gpu", ""])
def test_unknown_devices(name):
    with pytest.raises(ValueError, match="device: expected auto, cpu, cuda or cuda:N, got "):
        with joined_processes(name):
            pass


def test_alone_by_default(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with joined_processes("cpu") as processes:
        assert (processes.rank, processes.count, processes.is_first, processes.device.type) == (0, 1, True, "cpu")
        module = torch.nn.Linear(1, 1)
        assert processes.wrapped(module) is module
        assert processes.summed([1.0, 2.0]) == [1.0, 2.0]
        processes.wait()


def main():
    """What each of the processes does."""
    from novic_ros.training.stopping import stop_on_signals

    torch.set_num_threads(1)
    folder, changes = sys.argv[1:]
    with joined_processes("cpu") as processes, stop_on_signals() as stop:
        result = TrainRun(toy_recipe(**json.loads(changes)), data(), folder, processes).run(stop=stop)
        if processes.is_first:
            print("stopped" if result is None else f"trained by {processes.count} processes", flush=True)


if __name__ == "__main__":
    main()
