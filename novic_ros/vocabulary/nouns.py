"""Noun lists: the canonical spelling that decoders are trained on, and reading lists from text files.

This is not a dictionary: which nouns exist is decided in `selection.py`, how they relate in `hierarchy.py`.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

__all__ = ["VocabularyError", "canonical", "read_nouns"]

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


def read_nouns(path: str | Path) -> list[str]:
    """Nouns from a UTF-8 text file, one per line; what follows a ``#`` is a comment, blank lines are skipped.

    Spelling is kept as written. Raises VocabularyError for a missing, empty or undecodable file, and one
    error that lists every line that holds no usable noun or repeats an earlier one.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise VocabularyError(f"{path}: expected a text file with one noun per line, found no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError(f"{path}: expected UTF-8 text with one noun per line: {error}") from None

    nouns: list[str] = []
    first_line: dict[str, int] = {}
    complaints: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        noun = " ".join(line.partition("#")[0].split())
        if not noun:
            continue
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
