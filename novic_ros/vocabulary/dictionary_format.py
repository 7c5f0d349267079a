"""Records of the object noun dictionary: one noun, its JSON object, and every rule that a file has to follow.

Reading and writing files is in `dictionary.py`. Rules are those that the authors' training code relies on; `synset` and
`kind` are ours, optional, and not looked at by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from novic_ros.vocabulary.nouns import canonical

__all__ = ["ObjectNoun", "parse_records", "record_of"]


@dataclass(frozen=True)
class ObjectNoun:
    """One noun of the dictionary.

    target_noun: canonical spelling, what a decoder learns to say. pretty_noun: the same with capitals and hyphens.
    singulars, plurals: surface forms for captions; *_freq: how common each is, 1 = rare, 12 and more = frequent.
    hypernyms: ids of the nearest nouns that mean something broader. synset: WordNet 3.0 offset, eight digits, or "".
    kind: "animal", "artifact", ... or "".
    """

    id: int
    target_noun: str
    pretty_noun: str
    singulars: tuple[str, ...]
    plurals: tuple[str, ...]
    singulars_freq: tuple[int, ...]
    plurals_freq: tuple[int, ...]
    hypernyms: tuple[int, ...] = ()
    synset: str = ""
    kind: str = ""

    @property
    def frequency(self) -> int:
        """Sum over all surface forms, which frequency thresholds look at."""
        return sum(self.singulars_freq) + sum(self.plurals_freq)


REQUIRED = ("id", "target_noun", "pretty_noun", "singulars", "plurals", "singulars_freq", "plurals_freq", "hypernyms")
OPTIONAL = ("synset", "kind")


def record_of(noun: ObjectNoun) -> dict:
    """The JSON object of a noun; our own fields are left out where they say nothing."""
    record = asdict(noun)
    return {name: value for name, value in record.items() if name not in OPTIONAL or value}


def parse_records(content: object) -> tuple[list[ObjectNoun], list[str]]:
    """Nouns of a parsed JSON file, and a complaint for every broken rule; nouns are complete if there is none."""
    if not isinstance(content, list):
        return [], [f"expected a list of nouns, found {_kind(content)}"]
    if not content:
        return [], ["the list is empty"]
    nouns, complaints = [], []
    for place, record in enumerate(content):
        found = list(_record_faults(record))
        complaints += [f"{_name(place, record)}: {fault}" for fault in found]
        if not found:
            nouns.append(ObjectNoun(**{
                field: tuple(record[field]) if isinstance(record[field], list) else record[field]
                for field in (*REQUIRED, *OPTIONAL) if field in record}))
    return nouns, complaints + list(_shared_faults(content))


def _record_faults(record: object) -> Iterator[str]:
    """Rules that a record breaks by itself."""
    if not isinstance(record, dict):
        yield f"expected an object, found {_kind(record)}"
        return
    missing = [field for field in REQUIRED if field not in record]
    if missing:
        yield f"missing field{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    if "id" in record and not _is_id(record["id"]):
        yield f"id: expected a whole number from 0, found {record['id']!r:.50}"
    target, pretty = record.get("target_noun"), record.get("pretty_noun")
    for field, text in (("target_noun", target), ("pretty_noun", pretty)):
        if field in record:
            yield from _text_faults(field, text)
    if isinstance(target, str) and target and canonical(target) != target:
        yield f"target_noun: expected the canonical spelling {canonical(target)!r:.80}, found {target!r:.80}"
    if isinstance(target, str) and isinstance(pretty, str) and canonical(pretty) != canonical(target):
        yield f"pretty_noun: expected a spelling of target noun {target!r:.80}, found {pretty!r:.80}"
    forms = 0
    for number in ("singulars", "plurals"):
        texts, counts = record.get(number), record.get(f"{number}_freq")
        if number in record and not isinstance(texts, list):
            yield f"{number}: expected a list, found {_kind(texts)}"
        elif number in record:
            forms += len(texts)
            for text in texts:
                yield from _text_faults(number, text)
        if f"{number}_freq" in record and not isinstance(counts, list):
            yield f"{number}_freq: expected a list, found {_kind(counts)}"
        elif f"{number}_freq" in record:
            wrong = [count for count in counts if type(count) is not int or count < 1]
            if wrong:
                yield f"{number}_freq: expected whole numbers from 1, found {wrong[0]!r:.50}"
            if isinstance(texts, list) and len(texts) != len(counts):
                yield f"{number}_freq: expected {len(texts)} numbers, one for each of {number}, found {len(counts)}"
    if not forms and isinstance(record.get("singulars"), list) and isinstance(record.get("plurals"), list):
        yield "expected at least one singular or plural, found none"
    hypernyms = record.get("hypernyms")
    if "hypernyms" in record and not isinstance(hypernyms, list):
        yield f"hypernyms: expected a list of ids, found {_kind(hypernyms)}"
    elif "hypernyms" in record:
        wrong = [number for number in hypernyms if not _is_id(number)]
        if wrong:
            yield f"hypernyms: expected whole numbers from 0, found {wrong[0]!r:.50}"
        elif len(set(hypernyms)) < len(hypernyms):
            yield "hypernyms: expected every id once, found one twice"
    for field in OPTIONAL:
        if field in record and not isinstance(record[field], str):
            yield f"{field}: expected text, found {_kind(record[field])}"


def _shared_faults(content: list) -> Iterator[str]:
    """Rules that records break together: unique ids and targets, hypernyms that exist."""
    records = [(place, record) for place, record in enumerate(content) if isinstance(record, dict)]
    ids = [record["id"] for _, record in records if _is_id(record.get("id"))]
    for number, times in Counter(ids).items():
        if times > 1:
            yield f"id {number}: expected every id once, found it {times} times"
    targets = [record["target_noun"] for _, record in records if isinstance(record.get("target_noun"), str)]
    for target, times in Counter(targets).items():
        if times > 1:
            yield f"target_noun {target!r:.80}: expected every target noun once, found it {times} times"
    known = set(ids)
    for place, record in records:
        hypernyms = record.get("hypernyms")
        for number in hypernyms if isinstance(hypernyms, list) else ():
            if _is_id(number) and number not in known:
                yield f"{_name(place, record)}: hypernyms: expected ids of this file, found {number}"
            elif _is_id(number) and number == record.get("id"):
                yield f"{_name(place, record)}: hypernyms: expected other nouns, found its own id {number}"


def _text_faults(field: str, text: object) -> Iterator[str]:
    if not isinstance(text, str):
        yield f"{field}: expected text, found {_kind(text)}"
    elif not text.strip():
        yield f"{field}: expected a noun, found {text!r}"
    elif text != " ".join(text.split()):
        yield f"{field}: expected no extra white space, found {text!r:.80}"


def _is_id(number: object) -> bool:
    return type(number) is int and number >= 0


def _name(place: int, record: object) -> str:
    """How a complaint calls a record: its place from 1, and its target noun where it has one."""
    target = record.get("target_noun") if isinstance(record, dict) else None
    return f"noun {place + 1} ({target!r:.60})" if isinstance(target, str) else f"noun {place + 1}"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number",
             float: "a number", type(None): "null"}
    return names[type(value)]
