"""What the tests of this folder share: their helper files, and a tiny checkpoint of the authors' kind."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for reference_search, reference_network, variants


@pytest.fixture
def train_file(tmp_path) -> Path:
    """A checkpoint of a tiny decoder as the authors' code writes them."""
    from tiny_decoders import tiny_checkpoint
    from variants import variant

    from novic_ros.decoding.authors_export import write_authors

    write_authors(tmp_path / "tiny.train", tiny_checkpoint(variant("as released")))
    return tmp_path / "tiny.train"
