"""Small random decoders and vocabularies for the tests of this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for reference_search, which the tests of this folder share
