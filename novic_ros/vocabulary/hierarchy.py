"""WordNet's nouns as a graph: synonym sets, their words and glosses, and what lies above each of them.

Reads the plain database files (`data.noun`, `index.noun`) that WordNet 3.0 ships and Debian installs with
`wordnet-base`. It is not a selection of nouns (`selection.py`) and holds no embeddings.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from novic_ros.vocabulary.nouns import VocabularyError

__all__ = ["Synset", "WordNet"]

# Lexicographer files of nouns by number (WordNet's lexnames(5WN)); only kinds that hold visible things are named here.
LEXICAL_FILES = {5: "animal", 6: "artifact", 8: "body", 10: "communication", 13: "food", 14: "group", 15: "location",
                 17: "object", 18: "person", 19: "phenomenon", 20: "plant", 25: "shape", 27: "substance"}


@dataclass(frozen=True)
class Synset:
    """One meaning: the words that share it, its gloss, and the synsets directly above."""

    offset: str  # eight digits; ImageNet's "n01440764" is "n" + offset
    kind: str  # "animal", "artifact", ...; "" for kinds that are not listed in LEXICAL_FILES
    words: tuple[str, ...]
    hypernyms: tuple[str, ...]
    is_instance: bool  # a named individual ("Eiffel Tower"), not a kind of thing
    gloss: str

    @property
    def definition(self) -> str:
        """The gloss up to its first semicolon or colon, without examples."""
        return re.split(r"[;:]", self.gloss)[0].strip()


class WordNet:
    """All noun synsets by offset, and the senses of each lower-case lemma, most frequent first."""

    def __init__(self, synsets: dict[str, Synset], senses: dict[str, tuple[str, ...]]):
        self.synsets = synsets
        self.senses = senses

    @classmethod
    def read(cls, folder: str | Path = "/usr/share/wordnet") -> WordNet:
        """Parse the database files in `folder`. Raises VocabularyError where they are missing."""
        folder = Path(folder)
        missing = [name for name in ("data.noun", "index.noun") if not (folder / name).is_file()]
        if missing:
            raise VocabularyError(f"{folder}: expected WordNet 3.0's database, {' and '.join(missing)} not found; "
                                  "install it (Debian and Ubuntu: apt-get install wordnet-base)")
        synsets = {}
        for line in _records(folder / "data.noun"):
            synset = _parse_synset(line)
            synsets[synset.offset] = synset
        senses = {}
        for line in _records(folder / "index.noun"):
            fields = line.split()
            senses[fields[0].replace("_", " ")] = tuple(fields[-int(fields[2]):])
        return cls(synsets, senses)

    @functools.cache  # noqa: B019  (one WordNet lives as long as the program that reads it)
    def ancestors(self, offset: str) -> dict[str, int]:
        """Every synset at or above `offset` -> number of steps up (0 for itself), shortest way."""
        distance = {offset: 0}
        frontier = [offset]
        while frontier:
            above = []
            for below in frontier:
                for parent in self.synsets[below].hypernyms:
                    if parent not in distance:
                        distance[parent] = distance[below] + 1
                        above.append(parent)
            frontier = above
        return distance

    def depth(self, offset: str) -> int:
        """Number of steps up to the root ("entity"), shortest way."""
        return max(self.ancestors(offset).values())


def _records(path: Path):
    """Lines of a database file without its licence header (which is indented)."""
    with path.open(encoding="latin-1") as lines:
        yield from (line for line in lines if not line.startswith("  "))


def _parse_synset(line: str) -> Synset:
    fields_text, _, gloss = line.partition(" | ")
    fields = fields_text.split()
    word_count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * i].replace("_", " ") for i in range(word_count))
    pointers = fields[4 + 2 * word_count + 1:]
    hypernyms, is_instance = [], False
    for symbol, target, part_of_speech in zip(pointers[0::4], pointers[1::4], pointers[2::4]):
        if part_of_speech == "n" and symbol in ("@", "@i"):
            hypernyms.append(target)
            is_instance |= symbol == "@i"
    return Synset(fields[0], LEXICAL_FILES.get(int(fields[1]), ""), words, tuple(hypernyms), is_instance, gloss.strip())
