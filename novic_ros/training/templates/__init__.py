"""Caption templates: a sentence with one place for a noun, kept in collections as JSON files beside this one.

The format is that of `prompts.json` of NOVIC's authors: {"prompts": {collection: [[frequency, template], ...]}}, which
can be read too. Which nouns go in, and how often, is decided in `noun_multisets.py`. `grammar.json` is another thing
(`caption_grammar.py`).
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from novic_ros.training.articles import with_article

__all__ = ["CaptionError", "Template", "choose_templates", "parse_template", "read_collections", "with_full_stop"]

SINGULAR_FIELDS = ("noun", "article_noun", "singular", "article_singular")
PLURAL_FIELDS = ("noun", "article_noun", "plural")
FIELDS = (*SINGULAR_FIELDS, "plural")
JOINT = " and "  # between the nouns of one caption


class CaptionError(ValueError):
    """Templates, captions or what they are made from cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True)
class Template:
    """One sentence around one noun, for singular nouns, plural ones or both (NOVIC, section 3.2).

    frequency: how many captions it makes for each that a template of frequency 1 makes.
    article: whether a singular noun gets its indefinite article; a plural never gets one.
    """

    text: str
    frequency: int
    before: str
    after: str
    singular: bool
    plural: bool
    article: bool

    def fill(self, forms: Sequence[str], plural: bool = False) -> str:
        """The caption with one or more nouns in place: "a photo of a dog and an ox."."""
        if self.article and not plural:
            forms = [with_article(form) for form in forms]
        return f"{self.before}{JOINT.join(forms)}{self.after}"


def with_full_stop(text: str) -> str:
    """The text, white space tidied, with a full stop at its end; one that has it keeps it."""
    text = " ".join(text.split())
    return text if text.endswith(".") else text + "."


def parse_template(text: str, frequency: int = 1) -> Template:
    """A template from its text with one of {noun}, {article_noun}, {singular}, {article_singular}, {plural}.

    Raises CaptionError for any other text, and for a frequency below 1.
    """
    if type(frequency) is not int or frequency < 1:
        raise CaptionError(f"caption template {text!r}: expected a whole number from 1 as frequency, got {frequency!r}")
    expected = f"caption template {text!r}: expected one of {', '.join(f'{{{field}}}' for field in FIELDS)}"
    try:
        parts = list(string.Formatter().parse(with_full_stop(text)))
    except ValueError as error:
        raise CaptionError(f"{expected}; {error}") from None
    fields = [field for _, field, _, _ in parts if field is not None]
    if len(fields) != 1 or fields[0] not in FIELDS or any(spec or conversion for _, _, spec, conversion in parts):
        raise CaptionError(f"{expected}, once and without format, found {fields}")
    if any(sign in literal for literal, *_ in parts for sign in "{}"):
        raise CaptionError(f"{expected}, and no other braces")
    place = next(i for i, (_, field, _, _) in enumerate(parts) if field is not None)
    before = "".join(literal for literal, _, _, _ in parts[:place + 1])
    after = "".join(literal for literal, _, _, _ in parts[place + 1:])
    return Template(with_full_stop(text), frequency, before, after, fields[0] in SINGULAR_FIELDS,
                    fields[0] in PLURAL_FIELDS, fields[0].startswith("article_"))


def read_collections(path: str | Path | None = None) -> dict[str, tuple[Template, ...]]:
    """Collections by name: ours, or those of a file in the same format. A frequency of 0 leaves a template out.

    Raises CaptionError that names everything that is wrong with a file.
    """
    if path is None:
        files = sorted(file for file in Path(__file__).parent.glob("*.json") if file.name != "grammar.json")
    else:
        files = [Path(path)]
    collections: dict[str, tuple[Template, ...]] = {}
    for file in files:
        collections |= _read_file(file)
    return collections


def choose_templates(collections: Mapping[str, Sequence[Template]], names: str = "") -> list[Template]:
    """The templates of the collections called `names`, joined by "|" ("" = all), each text once.

    The frequencies of a template that is in several of them add up. Raises CaptionError for a name that is unknown.
    """
    wanted = [name.strip() for name in names.split("|")] if names.strip() else list(collections)
    unknown = [name for name in wanted if name not in collections]
    if unknown:
        raise CaptionError(f"collection {unknown[0]!r}: expected one of {', '.join(collections)}, or several, joined "
                           "by |")
    frequency: dict[str, int] = {}
    for name in dict.fromkeys(wanted):
        for template in collections[name]:
            frequency[template.text] = frequency.get(template.text, 0) + template.frequency
    return [parse_template(text, times) for text, times in frequency.items()]


def _read_file(path: Path) -> dict[str, tuple[Template, ...]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CaptionError(f"{path}: expected a JSON file with caption templates: {error}") from None
    prompts = content.get("prompts") if isinstance(content, dict) else None
    if not isinstance(prompts, dict) or not prompts:
        raise CaptionError(f'{path}: expected {{"prompts": {{collection: [[frequency, template], ...]}}}}, found '
                           f"{content!r:.80}")
    complaints: list[str] = []
    found = {name: tuple(_parse_rows(name, rows, complaints)) for name, rows in prompts.items()}
    if complaints:
        shown = "; ".join(complaints[:10]) + (f"; and {len(complaints) - 10} more" if len(complaints) > 10 else "")
        raise CaptionError(f"{path}: {shown}")
    return found


def _parse_rows(name: str, rows: object, complaints: list[str]) -> Iterator[Template]:
    """The templates of one collection; what is wrong goes into `complaints`."""
    if not isinstance(rows, list):
        complaints.append(f"collection {name!r}: expected a list of [frequency, template], found {rows!r:.80}")
        return
    for place, row in enumerate(rows, start=1):
        where = f"collection {name!r}, template {place}"
        if not isinstance(row, list) or len(row) != 2 or type(row[0]) is not int or row[0] < 0 \
                or not isinstance(row[1], str):
            complaints.append(f"{where}: expected [whole number from 0, text], found {row!r:.80}")
        elif row[0] > 0:
            try:
                yield parse_template(row[1], row[0])
            except CaptionError as error:
                complaints.append(f"{where}: {error}")
