"""Finds the data files that come with the package: config/, demo_photos/.

Models are looked up elsewhere (``model_store/``, which has more places). This file reads nothing and needs no ROS.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def shared_file(relative: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a file or folder such as ``config/novic_mini.yaml``.

    A source checkout wins, then ``share/novic_ros`` of every prefix in ``$AMENT_PREFIX_PATH``, of the prefix that the
    package is installed under, and of ``sys.prefix``. Raises FileNotFoundError with the places looked in.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package.parent] if (package.parent / "package.xml").is_file() else []
    prefixes = [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    if package.parent.name in ("site-packages", "dist-packages"):  # PREFIX/lib/python3.X/HERE/novic_ros
        prefixes.append(package.parents[3])
    places += [prefix / "share" / "novic_ros" for prefix in (*prefixes, Path(sys.prefix))]
    for place in places:
        if (place / relative).exists():
            return (place / relative).absolute()
    looked = "".join(f"\n  {place}" for place in dict.fromkeys(places))
    raise FileNotFoundError(
        f"{os.fspath(relative)} is missing; run from a source checkout or install the package. Looked in:{looked}"
    )
