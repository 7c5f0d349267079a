"""Word lists that the noun dictionary is built with, as JSON files to read and review, and the loader for them.

* `spellings.json`: British beside American spellings (used by `spelling.py`).
* `number.json`: what English number does not follow by rule (`surface_forms.py`).
* `stop_terms.json`: terms that no robot should say (`dictionary_rules.py`).
* `more_nouns.json`: everyday things younger than WordNet (`dictionary_build.py`).

Nothing here decides anything.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

__all__ = ["word_list"]


@functools.cache
def word_list(name: str) -> dict:
    """The JSON object of `name`.json in this folder, without its "about" text."""
    content = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    del content["about"]
    return content
