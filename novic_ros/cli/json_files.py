"""Reads the JSON files that people give to commands. What must stand in them is each command's own business."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["JsonFileError", "read_json"]


class JsonFileError(ValueError):
    """A file that cannot be read as asked; the message names it, what was expected and what was found."""


def read_json(path: Path, kind: type) -> list | dict:
    """The content of a file that holds a JSON list or object (kind: list or dict). Raises JsonFileError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JsonFileError(f"{path}: expected a JSON file: {error}") from None
    if not isinstance(content, kind):
        expected = "object" if kind is dict else "list"
        raise JsonFileError(f"{path}: expected a JSON {expected}, found {type(content).__name__}")
    return content
