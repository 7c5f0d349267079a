"""What the tests of this folder share: their helper files, and the authors' outputs where they are at hand."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for reference_search, reference_network, variants


@pytest.fixture(scope="session")
def reference(root) -> Path:
    """The folder of a small checkpoint of the authors' with outputs of their code, or a skip where there is none."""
    given = os.environ.get("NOVIC_REFERENCE")
    folder = Path(given) if given else root.parent / "shared" / "data" / "novic_reference"
    if not (folder / "small" / "small.train").is_file():
        pytest.skip("the authors' reference outputs are not here; set NOVIC_REFERENCE to their folder")
    return folder / "small"


@pytest.fixture
def train_file(tmp_path) -> Path:
    """A checkpoint of a tiny decoder as the authors' code writes them."""
    from tiny_decoders import tiny_checkpoint
    from variants import variant

    from novic_ros.decoding.authors_export import write_authors

    write_authors(tmp_path / "tiny.train", tiny_checkpoint(variant("as released")))
    return tmp_path / "tiny.train"
