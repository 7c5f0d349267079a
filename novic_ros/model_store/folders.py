"""Where models lie on this machine: turns a model's name, or a folder, into the folder.

It looks and nothing more: no download, no unpacking, no reading of what is inside (``decoding`` and
``embedding`` do that). Standard library only; works with and without ROS.

The places, first hit wins:

1. the path as given, if it is a folder (so a ``novic_mini`` in the current folder wins);
2. each folder of ``$NOVIC_MODELS`` (separated like ``$PATH``);
3. ``models/`` of a source checkout (the folder with ``package.xml`` that holds ``novic_ros``);
4. ``share/novic_ros/models`` of every prefix in ``$AMENT_PREFIX_PATH``, of the prefix ``novic_ros`` is
   installed under, and of ``sys.prefix``;
5. ``$NOVIC_CACHE``, or ``~/.cache/novic_ros/models`` where that is not set.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_INSTALLED = Path("share") / "novic_ros" / "models"


class ModelNotFound(FileNotFoundError):
    """No folder for this model; the message lists the places looked at and says what to do."""


def find_model(name_or_dir: str | os.PathLike[str]) -> Path:
    """Return the absolute folder (symlinks kept) of a model given by name ("novic_mini") or by path.

    Raises ModelNotFound if there is none, and for what is neither a folder nor a plain name (letters, digits,
    ``.``, ``_``, ``-``): a name never leads out of the folders searched.
    """
    given = os.fspath(name_or_dir)
    if not given.strip() or "\0" in given:
        raise ModelNotFound(f"expected a model's name or folder, came {given!r}; for example 'novic_mini'")
    path = Path(os.path.expanduser(given))
    if os.path.isdir(path):  # unlike Path.is_dir, never raises
        return path.absolute()
    if os.path.isfile(path):
        raise ModelNotFound(
            f"{path} is a file; give the folder that holds the model: {path.absolute().parent}"
        )
    if not _PLAIN_NAME.fullmatch(given):
        raise ModelNotFound(
            f"there is no folder {given!r}; give one that exists, or a model's name such as 'novic_mini'"
        )
    places = search_places()
    for place in places:
        if os.path.isdir(place / given):
            return (place / given).absolute()
    if any(os.path.isfile(place / "registry" / f"{given}.json") for place in places):
        raise ModelNotFound(
            f"the model {given!r} is known, but not on this machine: run `novic models get {given}` where there is a "
            f"network, or copy its folder from another machine to {cache_folder() / given}"
        )
    present = ", ".join(sorted(installed_models())) or "none"
    looked = "".join(f"\n  {place}" for place in places)
    raise ModelNotFound(
        f"there is no model named {given!r}; models found: {present}. Put its folder into one of the places "
        f"below, set NOVIC_MODELS to the folder that holds it, or give its full path. Looked in:{looked}"
    )


def installed_models() -> dict[str, Path]:
    """Map name to folder for every model found by name; a model is a folder with a ``decoder.json`` in it."""
    found: dict[str, Path] = {}
    for place in search_places():
        if os.path.isdir(place) and os.access(place, os.R_OK | os.X_OK):
            for folder in sorted(place.iterdir()):
                if _PLAIN_NAME.fullmatch(folder.name) and os.path.isfile(folder / "decoder.json"):
                    found.setdefault(folder.name, folder.absolute())
    return found


def search_places() -> tuple[Path, ...]:
    """The folders looked in for a model's name, in order, each once, whether or not they exist."""
    places = [Path(os.path.expanduser(entry)) for entry in _entries("NOVIC_MODELS")]
    package = Path(__file__).resolve().parents[1]  # novic_ros
    if (package.parent / "package.xml").is_file():
        places.append(package.parent / "models")
    prefixes = [Path(entry) for entry in _entries("AMENT_PREFIX_PATH")]
    if package.parent.name in ("site-packages", "dist-packages"):  # PREFIX/lib/python3.X/HERE/novic_ros
        prefixes.append(package.parents[3])
    places += [prefix / _INSTALLED for prefix in (*prefixes, Path(sys.prefix))]
    places.append(cache_folder())
    return tuple(dict.fromkeys(places))


def cache_folder() -> Path:
    """The folder that models are put into when they are fetched or imported, whether or not it exists."""
    return Path(os.path.expanduser(os.environ.get("NOVIC_CACHE") or "~/.cache/novic_ros/models"))


def _entries(variable: str) -> list[str]:
    return [entry for entry in os.environ.get(variable, "").split(os.pathsep) if entry]
