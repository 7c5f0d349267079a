"""What the benchmarks on a running node share: a robot without pytest, the machine in words, numbers in short.

The robot itself (camera processes, listener, remote control) is test/system/robot_harness.py. This folder measures
nothing; benchmarks/node.py and benchmarks/soak.py do.
"""

import contextlib
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "demo_photos"
NODE = [sys.executable, "-m", "novic_ros.node"]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
VERSIONS = ("numpy", "opencv-python-headless", "torch", "ros-rclpy", "ros-fastdds")


class Ignored:
    """Stands for a list of heard messages that nobody will read."""

    def append(self, message: Any) -> None:
        """Forget it."""


def harness() -> Any:
    """The module robot_harness, or one line and exit code 2 where ROS is missing."""
    for module in ("rclpy", "vision_msgs", "pytest"):
        if importlib.util.find_spec(module) is None:
            raise SystemExit(f"this benchmark needs the Python module {module}; run it through make")
    sys.path.insert(0, str(ROOT / "test" / "system"))
    import robot_harness

    return robot_harness


@contextlib.contextmanager
def robot(heard: dict[str, Any]) -> Iterator[Any]:
    """A Robot in a domain of its own, with the shipped Fast DDS profile; `heard` as in Robot."""
    import pytest

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="novic_rig_") as folder:
        harness().system_environment(patch, Path(folder))
        made = harness().Robot(Path(folder), heard)
        try:
            yield made
        except BaseException:
            for node in made.nodes:
                print(node.output, file=sys.stderr)
            raise
        finally:
            made.close()


def machine() -> dict[str, Any]:
    """Processor, cores, system and versions; nothing that names the machine."""
    cpu = Path("/proc/cpuinfo")
    names = [line for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.exists() else []
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    versions = {}
    for package in VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": names[0].split(":", 1)[1].strip() if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9),
        "os": release.get("PRETTY_NAME", platform.system()),
        "linux": ".".join(platform.release().split(".")[:2]),
        "ros": os.environ.get("ROS_DISTRO", "wheels"),
        "python": platform.python_version(),
        **versions,
    }


def percentiles(values: Sequence[float], digits: int = 2) -> dict[str, float]:
    """p50, p95, p99 and max by nearest rank. Raises ValueError without values."""
    if not values:
        raise ValueError("expected values to take percentiles of, got none")
    ordered = sorted(values)
    ranks = {f"p{p}": ordered[-(-len(ordered) * p // 100) - 1] for p in (50, 95, 99)}
    return {name: round(value, digits) for name, value in {**ranks, "max": ordered[-1]}.items()}
