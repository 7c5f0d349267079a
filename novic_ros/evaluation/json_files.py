"""Reads the JSON files that people give to commands. What must stand in them is each reader's own business."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["JsonFileError", "read_json"]


class JsonFileError(ValueError):
    """A file that cannot be read as asked; the message names it, what was expected and what was found."""


def read_json(path: Path, kind: type | tuple[type, ...]) -> list | dict:
    """The content of a file that holds a JSON list or object (kind: list, dict or both). Raises JsonFileError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise JsonFileError(f"{path}: expected a JSON file: {error}") from None
    if not isinstance(content, kind):
        expected = {list: "list", dict: "object"}.get(kind, "list or object")
        raise JsonFileError(f"{path}: expected a JSON {expected}, found {type(content).__name__}")
    return content
