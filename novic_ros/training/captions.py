"""Captions for nouns: short templates with the right article. Not a language model: a noun goes in, a phrase comes out.

A template holds one of `{noun}` (as it is) and `{article_noun}` ("a cat", "an apple"); NOVIC, section 3.2.
"""

from __future__ import annotations

import re

__all__ = ["TEMPLATES", "caption", "with_article"]

# The first template is the bare noun; the others say what a photo of it might be captioned.
TEMPLATES = (
    "{noun}",
    "{article_noun}",
    "the {noun}",
    "a photo of {article_noun}",
    "a picture of {article_noun}",
    "an image of the {noun}",
    "a close-up photo of {article_noun}",
    "a blurry photo of {article_noun}",
    "a photo of the large {noun}",
    "a photo of one small {noun}",
    "a bright photo of {article_noun} outdoors",
    "a dark photo of the {noun}",
    "a low-resolution photo of {article_noun}",
    "this is {article_noun}",
    "there is {article_noun} in the picture",
    "{article_noun} in the scene",
    "{article_noun} on a table",
    "{article_noun} seen from the side",
    "a camera frame that shows {article_noun}",
    "a robot looks at {article_noun}",
    "a drawing of {article_noun}",
    "my old {noun}",
    "a clean {noun}",
    "a cropped photo of the {noun}",
)

# Spelling decides by the first letters; these sound otherwise.
_SOUNDS_CONSONANT = re.compile(
    r"^(eu|ew|one(s|\b)|once\b|ouija|uni(?!n|m|den)|u[bcfhjkqrst][aeiou]|ukr|ugand|u[ksv]?\b|usb\b)", re.I)
_SOUNDS_VOWEL = re.compile(
    r"^(hour|honest|honou?r\b|heir|hors d|[fhlmnrsx]\b|"
    r"(?!mrs?\b|st\b)[fhlmnrsx][b-df-hj-np-tv-xz]+\b|(led|mri|rna|suv)\b)", re.I)  # spelled out, letter by letter


def with_article(noun: str) -> str:
    """The noun with its indefinite article: "cat" -> "a cat", "hour hand" -> "an hour hand"."""
    vowel = noun[:1].lower() in "aeiou" and noun[:1]
    if _SOUNDS_CONSONANT.search(noun):
        vowel = False
    elif _SOUNDS_VOWEL.search(noun):
        vowel = True
    return f"an {noun}" if vowel else f"a {noun}"


def caption(template: str, noun: str) -> str:
    """Fill one template. Raises ValueError if it holds neither `{noun}` nor `{article_noun}`, or anything else."""
    fields = re.findall(r"{(.*?)}", template)
    if not fields or set(fields) - {"noun", "article_noun"}:
        raise ValueError(f"caption template {template!r}: expected {{noun}} or {{article_noun}}, found {fields}")
    return template.format(noun=noun, article_noun=with_article(noun))
