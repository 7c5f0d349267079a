"""Models known by name: one JSON file each in `registry/` of the models' folders, and the tiny loader for them.

A registry file says what a model is and where its release lies; it is NOT the model. Nothing here looks at the network
or at a model's folder (`folders` finds models, `download` fetches files). Standard library only.

Besides the files that come with novic_ros (`models/registry/`), a `registry/` folder in any place where models are
searched counts too; the first place that describes a tag wins, so a site can add its own models and mirrors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from novic_ros.model_store.folders import search_places

__all__ = ["KnownModel", "RegistryError", "Release", "known_model", "known_models"]

FOLDER = "registry"
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLAIN_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_RESERVED = (FOLDER, "downloads")


class RegistryError(ValueError):
    """A registry file is wrong, or a tag is not known; the message names the file or the tags there are."""


@dataclass(frozen=True)
class Release:
    """The file that a model comes in: a zip archive that holds one checkpoint."""

    url: str  # http or https; its last part is the archive's name
    member: str  # path of the checkpoint in the archive, with "/" between the parts
    size: int | None  # bytes of the archive; None where the authors publish none
    sha256: str | None  # of the archive, 64 lower-case hexadecimal digits; None where the authors publish none
    remark: str

    def __post_init__(self):
        _check(isinstance(self.url, str) and urlsplit(self.url).scheme in ("http", "https")
               and _PLAIN_FILE.fullmatch(self.archive), "url", "an http(s) address that ends in a file name", self.url)
        parts = PurePosixPath(self.member).parts if isinstance(self.member, str) else ()
        _check(parts and ".." not in parts and parts[0] != "/" and "\\" not in self.member,
               "member", "a relative path without '..'", self.member)
        _check(self.size is None or _is_count(self.size), "size", "a number of bytes or null", self.size)
        _check(self.sha256 is None or isinstance(self.sha256, str) and re.fullmatch("[0-9a-f]{64}", self.sha256),
               "sha256", "64 lower-case hexadecimal digits or null", self.sha256)
        _check(isinstance(self.remark, str), "remark", "a text", self.remark)

    @property
    def archive(self) -> str:
        """The archive's file name."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]


@dataclass(frozen=True)
class KnownModel:
    """What is known about a model without having it."""

    tag: str  # its name: also that of its folder once it is here
    summary: str
    embedder: str  # the embedder's spec, as `embedding.load` takes it
    width: int  # F
    scores: tuple[tuple[str, float], ...]  # (benchmark, percent), as published
    score_source: str
    licence: str  # short
    licence_remark: str  # what it means for a user
    release: Release | None  # None: the model comes with novic_ros

    def __post_init__(self):
        _check(isinstance(self.tag, str) and _TAG.fullmatch(self.tag) and self.tag not in _RESERVED,
               "tag", f"letters, digits, '.', '_', '-', and not {' or '.join(_RESERVED)}", self.tag)
        for name in ("summary", "embedder", "score_source", "licence", "licence_remark"):
            value = getattr(self, name)
            _check(isinstance(value, str) and value.strip(), name, "a text that is not empty", value)
        _check(_is_count(self.width), "width", "a number above 0", self.width)
        for row in self.scores:
            _check(isinstance(row[0], str) and isinstance(row[1], (int, float)) and not isinstance(row[1], bool)
                   and 0 <= row[1] <= 100, "scores", "texts with percentages from 0 to 100", row)

    @property
    def embedded(self) -> bool:
        """Whether the model comes with novic_ros."""
        return self.release is None

    def score(self, benchmark: str) -> float | None:
        """The published score in percent, or None."""
        return dict(self.scores).get(benchmark)


def known_models() -> dict[str, KnownModel]:
    """Tag -> model for every registry file, embedded models first, then by tag. Raises RegistryError."""
    found: dict[str, KnownModel] = {}
    for place in search_places():
        for path in sorted((place / FOLDER).glob("*.json")):
            if path.stem not in found:
                found[path.stem] = _read(path)
    return dict(sorted(found.items(), key=lambda item: (not item[1].embedded, item[0])))


def known_model(tag: str) -> KnownModel:
    """The model with this tag. Raises RegistryError, which lists the tags that are known."""
    models = known_models()
    if tag not in models:
        raise RegistryError(f"there is no known model {tag!r}; known: {', '.join(models) or 'none'}")
    return models[tag]


def _read(path: Path) -> KnownModel:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        model = _built(KnownModel, data)
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # not UTF-8, not JSON, or a RegistryError
        raise RegistryError(f"{path} is no description of a model: {error}; correct or remove the file") from None
    if model.tag != path.stem:
        raise RegistryError(f"{path}: describes the tag {model.tag!r}; the file must be called {model.tag}.json")
    return model


def _built(kind, data):
    """A dataclass from JSON's object, with exactly its fields."""
    names = [field.name for field in fields(kind)]
    if not isinstance(data, Mapping) or set(data) != set(names):
        came = ", ".join(map(str, data)) if isinstance(data, Mapping) else repr(data)
        raise RegistryError(f"expected an object with exactly the fields {', '.join(names)}, came {came}")
    values = dict(data)
    if kind is KnownModel:
        _check(isinstance(values["scores"], Mapping), "scores", "an object: benchmark, percent", values["scores"])
        values["scores"] = tuple(values["scores"].items())
        values["release"] = None if values["release"] is None else _built(Release, values["release"])
    return kind(**values)


def _is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check(good, name: str, expected: str, came) -> None:
    if not good:
        raise RegistryError(f"{name}: expected {expected}, came {came!r}")
