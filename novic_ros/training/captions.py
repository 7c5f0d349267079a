"""Short captions of one noun, as the embedded model is trained on: a noun goes in, a phrase comes out, no full stop.

A template holds one of `{noun}` (as it is) and `{article_noun}` ("a cat", "an apple"). Captions as NOVIC's authors make
them, of every spelling and of several nouns, come from `caption_stream.py`.
"""

from __future__ import annotations

import re

from novic_ros.training.articles import with_article

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

def caption(template: str, noun: str) -> str:
    """Fill one template. Raises ValueError if it holds neither `{noun}` nor `{article_noun}`, or anything else."""
    fields = re.findall(r"{(.*?)}", template)
    if not fields or set(fields) - {"noun", "article_noun"}:
        raise ValueError(f"caption template {template!r}: expected {{noun}} or {{article_noun}}, found {fields}")
    return template.format(noun=noun, article_noun=with_article(noun))
