"""Captions that a language model wrote, in the `captions_dataset.json` of NOVIC's authors, and samples of them.

A caption is a sentence with {singular} or {plural} where the noun stands. How often each is used follows the noun's
frequencies in the dictionary, not the file (NOVIC, section 3.2 and its supplement). This file asks no language model.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from novic_ros.training.caption_stream import Block, CaptionRecord, block_random, one_noun_record
from novic_ros.training.templates import CaptionError, with_full_stop
from novic_ros.vocabulary import NounDictionary, canonical

__all__ = ["CAPTION_TIMES", "SAMPLE_MULTIPLIER", "TEMPLATE_MULTIPLIER", "NounCaptions", "dataset_blocks",
           "read_caption_dataset"]

TEMPLATE_MULTIPLIER = 10  # captions used of a noun per unit of its frequency, singular and plural apart
SAMPLE_MULTIPLIER = 20  # samples of a form per unit of its frequency
CAPTION_TIMES = 4  # how often all samples are made; the released NOVIC decoders were trained on this
SHOWN = 10


@dataclass(frozen=True)
class NounCaptions:
    """The captions of one noun, each with its field and a full stop."""

    target: str
    singular: tuple[str, ...]
    plural: tuple[str, ...]


def read_caption_dataset(path: str | Path) -> list[NounCaptions]:
    """Read the file. Raises CaptionError that names everything that is wrong with it; other fields are ignored."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CaptionError(f"{path}: expected a JSON file with captions: {error}") from None
    if not isinstance(content, list) or not content:
        raise CaptionError(f"{path}: expected a list of {{target_noun, singular_captions, plural_captions}}, found "
                           f"{content!r:.80}")
    complaints: list[str] = []
    found, seen = [], set()
    for place, entry in enumerate(content, start=1):
        target = entry.get("target_noun") if isinstance(entry, dict) else None
        if not isinstance(target, str) or not target or canonical(target) != target:
            complaints.append(f"entry {place}: expected an object with a canonical target_noun, found {entry!r:.80}")
            continue
        if target in seen:
            complaints.append(f"{target!r}: expected every target noun once, found it again in entry {place}")
        seen.add(target)
        captions = {field: _captions(target, field, entry.get(f"{field}_captions"), complaints)
                    for field in ("singular", "plural")}
        found.append(NounCaptions(target, **captions))
    if complaints:
        shown = "; ".join(complaints[:SHOWN]) + (f"; and {len(complaints) - SHOWN} more" * (len(complaints) > SHOWN))
        raise CaptionError(f"{path}: {shown}")
    return found


def dataset_blocks(dictionary: NounDictionary, captions: Sequence[NounCaptions], seed: int = 0,
                   times: int = CAPTION_TIMES, template_multiplier: int = TEMPLATE_MULTIPLIER,
                   sample_multiplier: int = SAMPLE_MULTIPLIER) -> Iterator[Block]:
    """One block per repetition, noun and number, for nouns that both the dictionary and the captions have.

    Of a noun's captions at most template_multiplier x the sum of its forms' frequencies are drawn; every form then gets
    sample_multiplier x its frequency samples, going round those captions. Each repetition draws anew.
    """
    nouns = {noun.target_noun: noun for noun in dictionary}
    for repetition in range(times):
        for entry in captions:
            noun = nouns.get(entry.target)
            if noun is None:
                continue
            for field, texts, forms, freqs in (("singular", entry.singular, noun.singulars, noun.singulars_freq),
                                               ("plural", entry.plural, noun.plurals, noun.plurals_freq)):
                drawn = min(len(texts), template_multiplier * sum(freqs))
                if drawn:
                    spelled = [form for form, freq in zip(forms, freqs) for _ in range(freq * sample_multiplier)]
                    random = (seed, "captions", entry.target, field, repetition)
                    yield Block("captions", len(spelled),
                                partial(_open, texts, drawn, f"{{{field}}}", spelled, entry.target, random))


def _open(texts: Sequence[str], drawn: int, field: str, spelled: Sequence[str], target: str,
          random: tuple) -> Callable[[int], CaptionRecord]:
    chosen = block_random(*random).permutation(len(texts))[:drawn].tolist()

    def caption_at(place: int) -> CaptionRecord:
        text = texts[chosen[place % drawn]]
        return one_noun_record(text.replace(field, spelled[place]), target)

    return caption_at


def _captions(target: str, field: str, texts: object, complaints: list[str]) -> tuple[str, ...]:
    """A noun's captions with full stops; what is wrong with them goes into `complaints`."""
    if not isinstance(texts, list):
        complaints.append(f"{target!r}: expected a list of {field}_captions, found {texts!r:.80}")
        return ()
    found: dict[str, None] = {}
    for text in texts:
        if not isinstance(text, str) or not _has_only(text, field):
            complaints.append(f"{target!r}: expected {field}_captions with {{{field}}} and no other field, found "
                              f"{text!r:.80}")
        elif with_full_stop(text) in found:
            complaints.append(f"{target!r}: expected every one of its {field}_captions once, found {text!r:.80} twice")
        else:
            found[with_full_stop(text)] = None
    return tuple(found)


def _has_only(text: str, field: str) -> bool:
    """Whether a text has this field, as often as it likes, and no other, no format and no other braces."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return False
    fields = {name for _, name, _, _ in parts if name is not None}
    return fields == {field} and not any(spec or conversion for _, _, spec, conversion in parts) \
        and not any(sign in literal for literal, *_ in parts for sign in "{}")
