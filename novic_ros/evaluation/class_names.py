"""From the classes of a set to the nouns that a labeller may say for each.

A class has names, of which some have a noun in the decoder's vocabulary; these nouns of all classes together are the
guide list, and a label is right if it is one of its class's nouns (the rule of NOVIC's authors). With an object noun
dictionary, a name in singular or plural stands for all nouns of its entry. Nothing is labelled here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from novic_ros.evaluation.json_files import read_json
from novic_ros.vocabulary import NounDictionary, canonical
from novic_ros.vocabulary.hierarchy import WordNet

__all__ = ["ClassNameError", "ClassNouns", "map_classes", "names_of_classes", "read_class_names"]

WORDNET_ID = re.compile(r"n\d{8}")
NAME_FILES = ("LOC_synset_mapping.txt", "synset_words.txt", "words.txt")  # of ImageNet and Tiny ImageNet


class ClassNameError(ValueError):
    """Names of classes that cannot be used; the message says what was expected, what was found, and what to do."""


@dataclass(frozen=True)
class ClassNouns:
    """nouns: of each class, what may be said for it, none if the vocabulary has no such noun; guide: all of them."""

    nouns: tuple[tuple[str, ...], ...]

    @property
    def guide(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(noun for row in self.nouns for noun in row))

    def class_of(self, label: str, hint: int) -> int | None:
        """The class of a label: `hint`, the true one, if it is a noun of that, else the first that it belongs to."""
        places = self._places.get(canonical(label), ())
        return hint if hint in places else next(iter(places), None)

    @cached_property
    def _places(self) -> dict[str, tuple[int, ...]]:
        """Noun -> the classes that it stands for, in their order."""
        found: dict[str, tuple[int, ...]] = {}
        for place, row in enumerate(self.nouns):
            for noun in dict.fromkeys(map(canonical, row)):
                found[noun] = (*found.get(noun, ()), place)
        return found


def map_classes(names: Sequence[Sequence[str]], vocabulary: Sequence[str],
                dictionary: NounDictionary | None = None) -> ClassNouns:
    """names: of each class, its synonyms. vocabulary: nouns that the decoder can say.

    Without a dictionary, a name stands for the noun that is spelled like it, or is so but for a final "s".
    """
    by_spelling: dict[str, list[str]] = {}
    for noun in vocabulary:
        by_spelling.setdefault(canonical(noun), []).append(noun)
    rows = []
    for synonyms in names:
        forms: list[str] = []
        for name in synonyms:
            forms += _forms(canonical(name))
            for entry in dictionary.find(name) if dictionary is not None else ():
                forms += map(canonical, (entry.target_noun, *entry.singulars, *entry.plurals))
        rows.append(tuple(dict.fromkeys(noun for form in forms for noun in by_spelling.get(form, ()))))
    return ClassNouns(tuple(rows))


def names_of_classes(classes: Sequence[str], folder: Path, wordnet: Path | None = None) -> list[list[str]]:
    """What the classes of a set are called, from their own names, or for WordNet ids from a file beside the set.

    wordnet: folder of WordNet's database files, where no such file lies beside. Raises ClassNameError.
    """
    if not all(WORDNET_ID.fullmatch(name) for name in classes):
        return [[" ".join(name.replace("_", " ").split())] for name in classes]
    beside = next((folder / name for name in NAME_FILES if (folder / name).is_file()), None)
    if beside is not None:
        return read_class_names(beside, classes)
    if wordnet is None:
        raise ClassNameError(f"{folder}: expected {' or '.join(NAME_FILES)} beside the set, as its classes are WordNet "
                             "ids; give a file with --names, or install WordNet (Debian and Ubuntu: apt-get install "
                             "wordnet-base)")
    synsets = WordNet.read(wordnet).synsets
    missing = [name for name in classes if name[1:] not in synsets]
    if missing:
        raise ClassNameError(f"{wordnet}: expected the synset {missing[0]}, WordNet 3.0 has none; give names with "
                             "--names")
    return [list(synsets[name[1:]].words) for name in classes]


def read_class_names(path: str | Path, classes: Sequence[str], key: str = "") -> list[list[str]]:
    """Names of classes from a file, synonyms separated by commas. Raises ClassNameError or JsonFileError.

    JSON: a list in the order of the classes, an object by class, or an object of such lists, of which `key` is taken.
    Text: lines of class and names ("n01440764 tench, Tinca tinca"), or, where none begins with a class, one line of
    names for each class in their order.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        content = read_json(path, (list, dict))
        if isinstance(content, dict) and content and all(isinstance(value, list) for value in content.values()):
            if key not in content:
                raise ClassNameError(f"{path}: expected names for {key or 'the set'}, found lists for "
                                     f"{', '.join(content)}")
            content = content[key]
    else:
        content = _text_names(path, classes)
    if isinstance(content, Mapping):
        missing = [name for name in classes if name not in content]
        if missing:
            raise ClassNameError(f"{path}: expected names for every class, {len(missing)} are missing, the first is "
                                 f"{missing[0]}")
        content = [content[name] for name in classes]
    if len(content) != len(classes):
        raise ClassNameError(f"{path}: expected names for {len(classes)} classes, found {len(content)}")
    rows = [[part.strip() for part in names.split(",")] if isinstance(names, str) else [] for names in content]
    for name, row in zip(classes, rows):
        if not row or not all(map(canonical, row)):
            raise ClassNameError(f"{path}: {name}: expected names separated by commas, found {json.dumps(row)}")
    return rows


def _text_names(path: Path, classes: Sequence[str]) -> dict[str, str] | list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ClassNameError(f"{path}: expected names of classes in UTF-8: {error}") from error
    split = [re.split(r"\s+", line, maxsplit=1) for line in lines]
    known = set(classes)
    if any(parts[0] in known and len(parts) == 2 for parts in split):
        return {parts[0]: parts[1] for parts in split if len(parts) == 2}
    return lines


def _forms(name: str) -> list[str]:
    return [name, f"{name}s", *([name[:-1]] if name.endswith("s") and not name.endswith("ss") else [])]
