"""The site vocabulary: what this robot may say, must never say, and what it calls things, as four lists of words.

* guide: the only nouns that the search may find; empty for the decoder's whole vocabulary.
* remap: (from, to) pairs; a word that was found is called by another name, and words with one name are one.
* deny: words that are never said, under neither name. It hides words, not things: a broader word may be said instead.
* allow: where it is not empty, only these words are said, by their new names.

A word is compared by its canonical spelling. The guide makes the search look elsewhere; the other three only change
what is done with what it found. This file holds the lists and their files; it knows no decoder and no scores
(`calibration/unsure.py` joins and filters guesses by it).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from novic_ros.vocabulary.nouns import VocabularyError, canonical, text_lines

__all__ = ["SiteVocabulary"]

LISTS = ("guide", "allow", "deny", "remap")
SHOWN = 20  # faults in one message


class _Faults(VocabularyError):
    """What is wrong with a site vocabulary's entries: (list, index of the entry, what is wrong with it)."""

    def __init__(self, faults: Sequence[tuple[str, int, str]]):
        self.faults = tuple(faults)
        super().__init__(_message(f"{name}: {what}" for name, _, what in faults))


@dataclass(frozen=True)
class SiteVocabulary:
    """The four lists; with none of them everything may be said. Equal ones mean the same.

    Raises one VocabularyError that names every entry that is no word, is there twice in its list, or is renamed twice
    over.
    """

    guide: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    remap: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in LISTS:
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise VocabularyError(f"site vocabulary: expected {name} as a list, got {value!r:.100}")
        faults = [(name, *fault) for name in LISTS[:3] for fault in _word_faults(getattr(self, name))]
        faults += [("remap", *fault) for fault in _remap_faults(self.remap)]
        if faults:
            raise _Faults(faults)
        for name in LISTS[:3]:
            object.__setattr__(self, name, tuple(map(_tidy, getattr(self, name))))
        object.__setattr__(self, "remap", tuple((_tidy(old), _tidy(new)) for old, new in self.remap))

    @classmethod
    def read(cls, guide: Sequence[str] = (), allow: Sequence[str] = (), deny: Sequence[str] = (),
             remap: Sequence[str] = ()) -> SiteVocabulary:
        """From lists of text: words, "from=to" in `remap`, and "@PATH" for the lines of a UTF-8 file.

        In a file, what follows a # is a comment. Blank entries are passed over, as ROS cannot give an empty list.
        Raises one VocabularyError that names every fault with its list, and its file and line.
        """
        given = dict(zip(LISTS, (guide, allow, deny, remap)))
        entries: dict[str, list] = {}
        places: dict[str, list[str]] = {}
        complaints: list[str] = []
        for name, values in given.items():
            entries[name], places[name] = [], []
            for text, place in _opened(name, values, complaints):
                if name == "remap":
                    sides = text.split("=")
                    if len(sides) != 2:
                        complaints.append(f"{place}: expected FROM=TO, got {text!r}")
                        continue
                    entries[name].append(tuple(sides))
                else:
                    entries[name].append(text)
                places[name].append(place)
        try:
            site = cls(**{name: tuple(values) for name, values in entries.items()})
        except _Faults as error:
            complaints += [f"{places[name][index]}: {what}" for name, index, what in error.faults]
        if complaints:
            raise VocabularyError(_message(complaints))
        return site

    def renamed(self, word: str) -> str:
        """What this site calls a word. A denied word keeps its name, so that it cannot come back under another."""
        if not self.remap:
            return word
        key = canonical(word)
        return word if key in self._deny else self._remap.get(key, word)

    def may_say(self, word: str) -> bool:
        """Whether a word, renamed already, may be said."""
        if not self.allow and not self.deny:
            return True
        key = canonical(word)
        return key not in self._deny and (not self.allow or key in self._allow)

    def may_broaden_to(self, word: str) -> bool:
        """Whether a broader word, not yet renamed, may stand for a guess: it is in the guide, if one is, or allowed.

        `may_say` has to hold for its new name as well.
        """
        if not self.guide:
            return True
        return canonical(word) in self._guide or canonical(self.renamed(word)) in self._allow

    def doubts(self, nouns: Sequence[str], broader: Iterable[str], knows: Callable[[str], bool]) -> list[str]:
        """What is probably not meant, one line for each kind of doubt, given what a model can say.

        nouns: what the search finds without a guide; broader: the words it may climb to; knows: whether a word, in any
        spelling, is one of `nouns`. Raises VocabularyError where nothing is left to say.
        """
        broader = list(broader)
        found = self.guide or nouns
        sayable = chain(found, filter(self.may_broaden_to, broader))
        if not any(self.may_say(self.renamed(word)) for word in sayable):
            raise VocabularyError("site vocabulary: expected at least one word that may be said, but allow and deny "
                                  f"leave none of the {len(found)} nouns that may be found")
        known = frozenset(map(canonical, (*self.guide, *broader)))
        new_names = frozenset(canonical(new) for _, new in self.remap)

        def unheard(words: Iterable[str]) -> list[str]:
            return [word for word in words if canonical(word) not in known and not knows(word)]

        found_by = {
            "in the guide, but outside the decoder's vocabulary, so it may be named less well":
                [word for word in self.guide if not knows(word)],
            "in the guide, but may not be said": [word for word in self.guide if not self.may_say(self.renamed(word))],
            "both allowed and denied, so not said": [word for word in self.allow if canonical(word) in self._deny],
            "allowed by a name that remap replaces": [
                word for word in self.allow if canonical(self._remap.get(canonical(word), word)) != canonical(word)],
            "nothing that the model can find, so naming it has no effect": unheard(
                [*(word for word in (*self.allow, *self.deny) if canonical(word) not in new_names),
                 *(old for old, _ in self.remap)]),
        }
        return [f"site vocabulary: {what}: {', '.join(words[:SHOWN])}"
                + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")
                for what, words in found_by.items() if words]

    @cached_property
    def _guide(self) -> frozenset[str]:
        return frozenset(map(canonical, self.guide))

    @cached_property
    def _allow(self) -> frozenset[str]:
        return frozenset(map(canonical, self.allow))

    @cached_property
    def _deny(self) -> frozenset[str]:
        return frozenset(map(canonical, self.deny))

    @cached_property
    def _remap(self) -> dict[str, str]:
        return {canonical(old): new for old, new in self.remap}


def _opened(name: str, values: Sequence[str], complaints: list[str]) -> list[tuple[str, str]]:
    """(entry, where it stands) of one list, files read; what cannot be read goes to `complaints`."""
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        complaints.append(f"{name}: expected a list of text, got {values!r:.100}")
        return []
    found: list[tuple[str, str]] = []
    for value in map(str.strip, values):
        if not value.startswith("@"):
            found += [(value, name)] if value else []
            continue
        path = Path(os.path.expanduser(value[1:]))
        if value == "@":
            complaints.append(f"{name}: expected a file's path after @")
            continue
        try:
            lines = text_lines(path, "entry")
        except VocabularyError as error:
            complaints.append(f"{name}: {error}")
            continue
        if not lines and name in ("guide", "allow"):  # where none means all
            complaints.append(f"{name}: {path}: expected at least one entry, found none")
        for number, line in lines:
            place = f"{name}: {path}:{number}"
            if line.startswith("@"):
                complaints.append(f"{place}: expected an entry, got {line!r}: a file cannot name another file")
            else:
                found.append((line, place))
    return found


def _word_faults(words: Sequence[str]) -> list[tuple[int, str]]:
    """(index, what is wrong) for each word that is none, or is there for the second time."""
    faults, seen = [], set()
    for index, word in enumerate(words):
        key = canonical(word) if isinstance(word, str) else ""
        fault = _fault(word, key) or (f"{word!r} is there twice" if key in seen else "")
        if fault:
            faults.append((index, fault))
        seen.add(key)
    return faults


def _remap_faults(pairs: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
    """(index, what is wrong) for each pair that is none, and for renaming that contradicts itself."""
    faults: list[tuple[int, str]] = []
    target: dict[str, str] = {}
    usable = []
    for index, pair in enumerate(pairs):
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            faults.append((index, f"expected a pair (from, to), got {pair!r:.100}"))
            continue
        old, new = (canonical(word) if isinstance(word, str) else "" for word in pair)
        fault = _fault(pair[0], old) or _fault(pair[1], new) \
            or (f"{pair[0]!r} is there twice" if old in target else "")
        if fault:
            faults.append((index, fault))
        else:
            target[old] = new
            usable.append((index, pair, old, new))
    faults += [(index, f"{pair[0]!r} becomes {pair[1]!r}, which is itself renamed: name the last word here")
               for index, pair, old, new in usable if new != old and new in target]
    return faults


def _fault(word: object, key: str) -> str:
    """What keeps this from being a word, or nothing."""
    if not isinstance(word, str):
        return f"expected text, got {word!r:.100}"
    if not key:
        return f"{word!r} has no letter or digit"
    return "" if _tidy(word).isprintable() else f"{word!r} holds a character that cannot be printed"


def _tidy(word: str) -> str:
    """Without blanks around it, and with one space between words; otherwise as written."""
    return " ".join(word.split())


def _message(complaints: Sequence[str]) -> str:
    complaints = list(complaints)
    more = f"; and {len(complaints) - SHOWN} more" if len(complaints) > SHOWN else ""
    return f"site vocabulary: {'; '.join(complaints[:SHOWN])}{more}"
