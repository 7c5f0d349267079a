"""What the tests of this folder share: a toy training, and one thread."""

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
