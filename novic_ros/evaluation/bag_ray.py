"""Workers on a Ray cluster (https://www.ray.io): each is an actor with the model, on whatever machine has room.

Every machine needs novic_ros, the model and the bags under the same paths. Labels come back to the driver one by one,
so machines share nothing else, and one that is lost costs the frame in work. Ray is an optional package.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from novic_ros.evaluation.bag_run import BagJob, FrameLabels, Labelling
from novic_ros.evaluation.bag_workers import HereWorker, WorkerError, WorkerLost, answers, understand

__all__ = ["RayWorker", "connect"]

def connect(address: str) -> int:
    """Join the cluster at `address` as ray.init takes it ("auto", "local", "HOST:PORT"); how many CPUs it has.

    Raises WorkerError.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise WorkerError(f"a Ray cluster needs the Python package ray ({error}): pip install ray") from error
    try:
        if not ray.is_initialized():
            ray.init(address=address, include_dashboard=False if address == "local" else None, log_to_driver=False,
                     logging_level="error")
    except Exception as error:  # of a dozen types, by what is wrong
        reason = f"{type(error).__name__}: {error}"
        raise WorkerError(f"no Ray cluster at {address!r} ({reason:.300}); start one with: ray start --head") from error
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


class _Actor:
    """The far end."""

    def __init__(self, labelling: Labelling):
        self._worker = HereWorker(labelling)

    def answer(self, request: tuple[BagJob, int] | None) -> Iterator[tuple[str, Any]]:
        """As `answers`, and after loading the number of this process."""
        yield from answers(self._worker, request)
        if request is None:
            yield "process", os.getpid()


class RayWorker:
    """Labels in an actor with one CPU, and a GPU if asked for `cuda`; `connect` comes first.

    process_id: its number on its machine, once it is loaded.
    """

    def __init__(self, labelling: Labelling):
        import ray

        self.environment: dict[str, Any] = {}
        self.process_id: int | None = None
        gpus = int(labelling.device.startswith("cuda"))
        self._actor = ray.remote(num_cpus=1, num_gpus=gpus)(_Actor).remote(labelling)

    def load(self) -> list[str]:
        """Wait until the actor has loaded its model."""
        answer, (_, self.process_id) = self._ask(None)
        self.environment, warnings = understand(answer)
        return warnings

    def label(self, job: BagJob, done: int, problems: list[str]) -> Iterator[FrameLabels]:
        """Have the actor label a bag."""
        for answer in self._ask((job, done)):
            frame = understand(answer, problems)
            if frame is not None:
                yield frame

    def close(self) -> None:
        """End the actor."""
        import ray

        if ray.is_initialized():
            ray.kill(self._actor)

    def _ask(self, request: tuple[BagJob, int] | None) -> Iterator[tuple[str, Any]]:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            for reference in self._actor.answer.options(num_returns="streaming").remote(request):
                yield ray.get(reference)
        except RayTaskError:
            raise  # a fault of ours, with its trace
        except RayError as error:
            raise WorkerLost(str(error).splitlines()[0]) from error
