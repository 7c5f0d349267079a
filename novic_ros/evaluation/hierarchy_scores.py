"""Scores of single labels against hierarchical truth: pure functions on plain data.

The truth of a picture names the words that are right, the words one or more steps above it in WordNet, and those up
to two steps below. A right word scores 1, a word at most two steps off scores 0.5, anything else 0. A label is
*truthful* if it says something true of the picture, however broad; *generic* if all it says is true and nearly empty
("organism"). This file reads no files and knows no intervals (`rates.py` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Truth", "hierarchical_score", "is_generic", "is_over_generic", "is_truthful"]

GENERIC_STEPS = 6  # hypernyms[6] is seven steps up


@dataclass(frozen=True)
class Truth:
    """What a picture shows: its words, hypernyms[d] the words d + 1 steps above, hyponyms up to two steps below."""

    synonyms: frozenset[str]
    hypernyms: tuple[frozenset[str], ...]
    hyponyms: frozenset[str]
    name: str = ""  # for people; not scored

    @classmethod
    def of(cls, record: Mapping) -> Truth:
        """From a JSON record with `synonyms`, `hypernyms` and `hyponyms`. Raises ValueError if one cannot be used."""
        missing = {"synonyms", "hypernyms", "hyponyms"} - set(record)
        if missing:
            raise ValueError(f"truth record {record.get('file', '?')}: expected {', '.join(sorted(missing))} too")
        steps = record["hypernyms"]
        if not isinstance(steps, (list, tuple)) \
                or not all(map(_are_words, (record["synonyms"], record["hyponyms"], *steps))):
            raise ValueError(f"truth record {record.get('file', '?')}: expected synonyms and hyponyms as lists of "
                             "words, hypernyms as a list of such lists")
        return cls(frozenset(map(_folded, record["synonyms"])),
                   tuple(frozenset(map(_folded, step)) for step in record["hypernyms"]),
                   frozenset(map(_folded, record["hyponyms"])), str(record.get("name") or ""))

    def to_dict(self) -> dict[str, Any]:
        """For JSON, as `of` reads it; words in alphabetical order."""
        return {"name": self.name, "synonyms": sorted(self.synonyms), "hyponyms": sorted(self.hyponyms),
                "hypernyms": [sorted(step) for step in self.hypernyms]}


def hierarchical_score(label: str, truth: Truth) -> float:
    """1 for a right word, 0.5 for one at most two steps above or below, else 0. The empty label scores 0."""
    word = _folded(label)
    if word in truth.synonyms:
        return 1.0
    near = word in truth.hyponyms or any(word in step for step in truth.hypernyms[:2])
    return 0.5 if near else 0.0


def is_over_generic(label: str, truth: Truth) -> bool:
    """Whether the label is a true but much broader word: three or more steps above, and nothing nearer."""
    return hierarchical_score(label, truth) == 0 and any(_folded(label) in step for step in truth.hypernyms[2:])


def is_truthful(label: str, truth: Truth) -> bool:
    """Whether the label is true: a right word, a word anywhere above it, or one at most two steps below."""
    word = _folded(label)
    return bool(word) and (hierarchical_score(word, truth) > 0 or any(word in step for step in truth.hypernyms))


def is_generic(label: str, truth: Truth) -> bool:
    """Whether the label is true, but only from seven or more steps above ("artifact", "organism")."""
    return is_truthful(label, truth) and hierarchical_score(label, truth) == 0 \
        and not any(_folded(label) in step for step in truth.hypernyms[:GENERIC_STEPS])


def _are_words(value) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)


def _folded(text: str) -> str:
    return " ".join(text.lower().split())
