"""Captions from a small grammar: places, looks, actions and other things around a noun, drawn at random.

It stands in for captions of a language model where there is none (NOVIC, section 3.2, asks one for them). Sentences and
phrases are in `templates/grammar.json`; a noun's kind in the dictionary decides which fit. Only the noun is a target.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from novic_ros.training.articles import with_article
from novic_ros.training.caption_stream import Block, CaptionRecord, block_random, one_noun_record
from novic_ros.training.templates import with_full_stop
from novic_ros.vocabulary import NounDictionary, ObjectNoun, canonical

__all__ = ["Grammar", "grammar_blocks"]

GRAMMAR = Path(__file__).parent / "templates" / "grammar.json"
FIELD = re.compile(r"{(\w+)}")
DRAWS = 8  # random numbers per caption: pattern, determiner, adjective or none, adjective, action, place, view, other


@dataclass(frozen=True)
class Grammar:
    """patterns: (text, kinds it is for, or none for all), as often as their frequency says.

    determiners: number -> words before a noun; "a" is the indefinite article. slots: name -> kind -> phrases.
    """

    patterns: tuple[tuple[str, tuple[str, ...]], ...]
    determiners: Mapping[str, Sequence[str]]
    slots: Mapping[str, Mapping[str, Sequence[str]]]

    @classmethod
    @cache
    def read(cls) -> Grammar:
        """The grammar that comes with the package."""
        content = json.loads(GRAMMAR.read_text(encoding="utf-8"))
        patterns = tuple((text, tuple(kinds[0]) if kinds else ()) for frequency, text, *kinds in content["patterns"]
                         for _ in range(frequency))
        return cls(patterns, content["determiners"], content["slots"])

    def patterns_for(self, kind: str) -> list[str]:
        """The sentences that fit a kind of noun ("" = not known)."""
        return [text for text, kinds in self.patterns if not kinds or kind in kinds]

    def phrases(self, slot: str, kind: str) -> list[str]:
        """What may stand in a slot: phrases for any noun and those for its kind."""
        return [*self.slots[slot].get("any", ()), *self.slots[slot].get(kind, ())]


def grammar_blocks(dictionary: NounDictionary, captions: int, seed: int = 0) -> Iterator[Block]:
    """One block per noun and number: `captions` x its frequency captions of every form."""
    for noun in dictionary:
        for number, forms, freqs in (("singular", noun.singulars, noun.singulars_freq),
                                     ("plural", noun.plurals, noun.plurals_freq)):
            spelled = [form for form, freq in zip(forms, freqs) for _ in range(freq * captions)]
            random = (seed, "grammar", noun.target_noun, number)
            yield Block("grammar", len(spelled), partial(_open, noun, number, spelled, random))


def _open(noun: ObjectNoun, number: str, spelled: Sequence[str], random: tuple) -> Callable[[int], CaptionRecord]:
    grammar = Grammar.read()
    draws = block_random(*random).integers(0, 2**31, (len(spelled), DRAWS)).tolist()
    patterns, determiners = grammar.patterns_for(noun.kind), grammar.determiners[number]
    phrases = {slot: grammar.phrases(slot, noun.kind) for slot in grammar.slots}
    own = set(noun.target_noun.split())
    phrases["other"] = [phrase for phrase in phrases["other"] if not own & set(canonical(phrase).split())]

    def caption_at(place: int) -> CaptionRecord:
        pattern, determiner, described, adjective, *rest = draws[place]
        words = spelled[place]
        if described % 2:
            words = f"{_pick(phrases['adjective'], adjective)} {words}"
        chosen = _pick(determiners, determiner)
        thing = with_article(words) if chosen == "a" else f"{chosen} {words}".strip()
        filled = {slot: _pick(phrases[slot], draw) for slot, draw in zip(("action", "place", "view", "other"), rest)}
        filled |= {"thing": thing, "the_thing": f"the {words}", "is": "is" if number == "singular" else "are"}
        text = FIELD.sub(lambda field: filled[field[1]], _pick(patterns, pattern))
        return one_noun_record(with_full_stop(text), noun.target_noun)

    return caption_at


def _pick(choices: Sequence[str], draw: int) -> str:
    return choices[draw % len(choices)]
