"""What every test shares: ROS kept to this machine, and tests that need a GPU skipped elsewhere.

It is NOT a place for fixtures of one folder; those have a conftest.py of their own.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Set before anything imports rclpy. Nodes of this run see neither other machines nor another run on this one.
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(30 + os.getpid() % 60))
os.environ.setdefault("ROS_LOG_DIR", os.path.join(tempfile.gettempdir(), f"novic_ros_test_log_{os.getpid()}"))

# A shell starts what it runs in the background with interrupts ignored, and children inherit that. Programs under test
# are interrupted on purpose, so they must not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Skip what is marked `gpu`, with the reason, where torch finds no GPU."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU, and torch finds none"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def reference(root) -> Path:
    """The folder of a small checkpoint of the authors' with outputs of their code, or a skip where there is none."""
    given = os.environ.get("NOVIC_REFERENCE")
    folder = Path(given) if given else root.parent / "shared" / "data" / "novic_reference"
    if not (folder / "small" / "small.train").is_file():
        pytest.skip("the authors' reference outputs are not here; set NOVIC_REFERENCE to their folder")
    return folder / "small"


sys.path.append(str(Path(__file__).parent))  # for tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A model folder with random weights, to read from only: see tiny_model.py."""
    from tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
