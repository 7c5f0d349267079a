"""Captions of templates: every surface form under every template, alone and in twos and threes (NOVIC, section 3.2).

M1 holds each spelling once per template and unit of frequency. Mm zips m independent shuffles of that list and joins
the nouns with "and"; each of its m targets weighs 1/m. Singular and plural forms never stand in one caption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from novic_ros.training.articles import with_article
from novic_ros.training.caption_stream import (
    Block,
    CaptionRecord,
    SurfaceForm,
    block_random,
    repeated,
    surface_forms,
)
from novic_ros.training.templates import JOINT, CaptionError, Template
from novic_ros.vocabulary import NounDictionary

__all__ = ["MULTI", "multiset_blocks"]

MULTI = (1, 1, 1)  # how often M1, M2, M3 are made; the released NOVIC decoders were trained on this


def multiset_blocks(dictionary: NounDictionary, templates: Sequence[Template], multi: Sequence[int] = MULTI,
                    seed: int = 0) -> Iterator[Block]:
    """One block per set size, repetition, template and number; Mm has sum(template x form frequencies) captions.

    multi: multi[m - 1] is how often Mm is made, each time with other shuffles. Two nouns of one caption may be the
    same, as in the authors' code. Raises CaptionError for a negative or fractional number of times.
    """
    if not all(type(times) is int and times >= 0 for times in multi):
        raise CaptionError(f"multisets: expected whole numbers from 0, one per set size, got {list(multi)}")
    for plural in (False, True):
        forms = surface_forms(dictionary, plural)
        fitting = [(template, copy) for template in templates if (template.plural if plural else template.singular)
                   for copy in range(template.frequency)]
        places = repeated(forms)
        for size, times in enumerate(multi, start=1):
            for repetition in range(times):
                for template, copy in fitting:
                    random = (seed, template.text, size, repetition, copy, int(plural))
                    yield Block(f"M{size}", len(places), partial(_open, forms, places, template, size, plural, random))


def _open(forms: Sequence[SurfaceForm], places: np.ndarray, template: Template, size: int, plural: bool,
          random: tuple) -> Callable[[int], CaptionRecord]:
    generator = block_random(*random)
    shuffled = [generator.permutation(places).tolist() for _ in range(size)]
    article = template.article and not plural
    texts = [with_article(form.text) if article else form.text for form in forms]
    targets = [form.target for form in forms]
    weight = 1 / size

    def caption_at(place: int) -> CaptionRecord:
        chosen = [order[place] for order in shuffled]
        return {"text": f"{template.before}{JOINT.join([texts[form] for form in chosen])}{template.after}",
                "nouns": [targets[form] for form in chosen], "weights": [weight] * size}

    return caption_at
