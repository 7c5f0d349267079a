"""Noun lists: the canonical spelling that decoders are trained on, and reading lists from text files.

This is not a dictionary: which nouns exist is decided in `selection.py`, how they relate in `hierarchy.py`.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

__all__ = ["VocabularyError", "canonical", "read_nouns", "text_lines"]

MAX_FILE_BYTES = 16 << 20  # ten times the longest list of English nouns

# Letters that are no plain letter with an accent, and how they are written in ASCII.
LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ð": "d", "þ": "th", "ł": "l", "đ": "d", "ħ": "h",
                         "ı": "i", "ŋ": "ng"})


class VocabularyError(ValueError):
    """A noun or a list of nouns cannot be used; the message says which, why and what to do."""


def canonical(noun: str) -> str:
    """The spelling that object decoders are trained on (NOVIC, section 3.1): ``[a-z0-9 ]`` only.

    Lower-case ASCII; apostrophes, full stops and all other signs vanish; hyphens, dashes, slashes and runs of white
    space become one space. Two spellings of one noun ("T-shirt", "t shirt") share their canonical form.
    """
    words = re.sub(r"[\s/_\u2010-\u2015-]+", " ", unicodedata.normalize("NFKD", noun).lower().translate(LETTERS))
    return " ".join(re.sub(r"[^a-z0-9 ]", "", words).split())


def text_lines(path: Path, unit: str) -> list[tuple[int, str]]:
    """(number, text) of each line of a UTF-8 text file that is not blank once its comment, from a ``#`` on, is gone.

    Raises VocabularyError that names the file, and the line of a byte that is no UTF-8. unit: what a line holds.
    """
    expected = f"expected UTF-8 text with one {unit} per line"
    if path.exists() and not path.is_file():  # reading a device might never end
        raise VocabularyError(f"{path}: {expected}, found a folder or a device")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise VocabularyError(f"{path}: expected a text file with one {unit} per line, found no such file") from None
    except (OSError, ValueError) as error:  # a ValueError for a path with a zero byte
        raise VocabularyError(f"{path}: {expected}: {error}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise VocabularyError(f"{path}: {expected}, found more than {MAX_FILE_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise VocabularyError(f"{path}: {expected}, found byte 0x{raw[error.start]:02x} in line {line}: save it as "
                              "UTF-8") from None
    lines = ((number, " ".join(line.partition("#")[0].split())) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line]


def read_nouns(path: str | Path) -> list[str]:
    """Nouns from a UTF-8 text file, one per line; what follows a ``#`` is a comment, blank lines are skipped.

    Spelling is kept as written. Raises VocabularyError for a missing, empty or undecodable file, and one
    error that lists every line that holds no usable noun or repeats an earlier one.
    """
    path = Path(path)
    nouns: list[str] = []
    first_line: dict[str, int] = {}
    complaints: list[str] = []
    for number, noun in text_lines(path, "noun"):
        key = canonical(noun)
        if not key:
            complaints.append(f"line {number}: {noun!r} has no letter or digit")
        elif key in first_line:
            complaints.append(f"line {number}: {noun!r} repeats line {first_line[key]}")
        else:
            first_line[key] = number
            nouns.append(noun)
    if complaints:
        shown = "; ".join(complaints[:10]) + (f"; and {len(complaints) - 10} more" if len(complaints) > 10 else "")
        raise VocabularyError(f"{path}: expected distinct nouns, one per line, but {shown}")
    if not nouns:
        raise VocabularyError(f"{path}: expected at least one noun, found none; write one noun per line")
    return nouns
