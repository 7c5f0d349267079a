"""The object noun dictionary: which nouns there are, in which spellings, how common, and what lies above each.

The JSON file is the one that NOVIC's authors train with (Allgeuer, Ahrens, Wermter, WACV 2025, section 3.2), with two
fields of our own. How a record is checked is in `dictionary_format.py`; how a dictionary is made, in
`dictionary_build.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from novic_ros.vocabulary.dictionary_format import ObjectNoun, parse_records, record_of
from novic_ros.vocabulary.nouns import VocabularyError, canonical

__all__ = ["DictionaryError", "NounDictionary", "ObjectNoun"]

SHOWN = 20  # complaints in the message; all of them are in `DictionaryError.complaints`


class DictionaryError(VocabularyError):
    """A file is no object noun dictionary; `complaints` holds every broken rule with its place."""

    def __init__(self, path: object, complaints: Iterable[str]):
        self.complaints = tuple(complaints)
        more = f"; and {len(self.complaints) - SHOWN} more" if len(self.complaints) > SHOWN else ""
        super().__init__(f"{path}: expected an object noun dictionary, but {'; '.join(self.complaints[:SHOWN])}{more}")


@dataclass(frozen=True)
class NounDictionary:
    """Object nouns in the order of their file; ids and target nouns are unique."""

    nouns: tuple[ObjectNoun, ...]

    @classmethod
    def read(cls, path: str | Path) -> NounDictionary:
        """Read a dictionary of ours or of NOVIC's authors.

        Raises DictionaryError, which names every broken rule at once. Fields that are not known are left out.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DictionaryError(path, ["there is no such file"]) from None
        except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
            raise DictionaryError(path, [f"it cannot be read as JSON: {error}"]) from None
        nouns, complaints = parse_records(content)
        if complaints:
            raise DictionaryError(path, complaints)
        return cls(tuple(nouns))

    def write(self, path: str | Path) -> None:
        """Write the JSON file, one noun per line; it replaces an older one only when it is complete.

        Raises DictionaryError for what could not be read again, and writes nothing then.
        """
        path = Path(path)
        lines = [json.dumps(record_of(noun), ensure_ascii=False) for noun in self.nouns]
        _, complaints = parse_records([json.loads(line) for line in lines])
        if complaints:
            raise DictionaryError(path, complaints)
        text = ",\n".join(lines)
        part = path.with_name(path.name + ".part")
        part.write_text(f"[\n{text}\n]\n", encoding="utf-8")
        os.replace(part, path)

    def threshold(self, frequency: int) -> NounDictionary:
        """The dictionary without nouns whose frequencies sum up to at most `frequency`: the authors' FT<frequency>.

        Ids stay. A hypernym that is dropped is replaced by what lies above it.
        """
        kept = {noun.id for noun in self.nouns if noun.frequency > frequency}
        above = {noun.id: noun.hypernyms for noun in self.nouns}

        def nearest_kept(ids: Iterable[int]) -> tuple[int, ...]:
            found: dict[int, None] = {}
            seen: set[int] = set()
            waiting = list(ids)
            while waiting:
                hypernym = waiting.pop(0)
                if hypernym in seen:
                    continue
                seen.add(hypernym)
                if hypernym in kept:
                    found[hypernym] = None
                else:
                    waiting += above[hypernym]
            return tuple(found)

        return NounDictionary(tuple(
            replace(noun, hypernyms=tuple(i for i in nearest_kept(noun.hypernyms) if i != noun.id))
            for noun in self.nouns if noun.id in kept))

    def find(self, text: str) -> tuple[ObjectNoun, ...]:
        """The nouns that have this spelling, singular or plural; capitals, hyphens and apostrophes do not matter."""
        return self._by_form.get(canonical(text), ())

    def __len__(self) -> int:
        return len(self.nouns)

    def __iter__(self) -> Iterator[ObjectNoun]:
        return iter(self.nouns)

    @cached_property
    def _by_form(self) -> dict[str, tuple[ObjectNoun, ...]]:
        forms: dict[str, tuple[ObjectNoun, ...]] = {}
        for noun in self.nouns:
            for form in dict.fromkeys(map(canonical, (noun.target_noun, *noun.singulars, *noun.plurals))):
                forms[form] = (*forms.get(form, ()), noun)
        return forms
