"""What the tests of this folder share: a toy training, one thread, and the authors' outputs where they are at hand."""

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # for toy_training


@pytest.fixture
def one_thread():
    """As small networks are faster with one thread, and equal bit for bit with the same number of threads only."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def reference(root) -> Path:
    """The folder of the authors' outputs that test/decoding uses too, or a skip where there is none."""
    given = os.environ.get("NOVIC_REFERENCE")
    folder = Path(given) if given else root.parent / "shared" / "data" / "novic_reference"
    if not (folder / "small" / "small.train").is_file():
        pytest.skip("the authors' reference outputs are not here; set NOVIC_REFERENCE to their folder")
    return folder / "small"
