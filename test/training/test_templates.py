"""Caption templates: how one is read and filled, files that cannot be used, and the collections of the package."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training.articles import with_article
from novic_ros.training.captions import TEMPLATES
from novic_ros.training.templates import (
    CaptionError,
    choose_templates,
    parse_template,
    read_collections,
    with_full_stop,
)

FIELDS = ("noun", "article_noun", "singular", "article_singular", "plural")
OURS = choose_templates(read_collections())
WORDS = st.text(string.ascii_letters + " '-", min_size=1, max_size=12)


@pytest.mark.parametrize(("field", "singular", "plural", "text", "plural_text"), [
    ("noun", True, True, "see hour hand and dog here.", "see hour hands and dogs here."),
    ("article_noun", True, True, "see an hour hand and a dog here.", "see hour hands and dogs here."),
    ("singular", True, False, "see hour hand and dog here.", None),
    ("article_singular", True, False, "see an hour hand and a dog here.", None),
    ("plural", False, True, None, "see hour hands and dogs here."),
])
def test_fields(field, singular, plural, text, plural_text):
    template = parse_template(f"see {{{field}}} here")
    assert (template.singular, template.plural) == (singular, plural)
    assert text is None or template.fill(["hour hand", "dog"]) == text
    assert plural_text is None or template.fill(["hour hands", "dogs"], plural=True) == plural_text


@settings(deadline=None)
@given(st.sampled_from(FIELDS), st.lists(WORDS, min_size=1, max_size=4), st.booleans())
def test_a_filled_template_holds_its_nouns_and_no_brace(field, nouns, plural):
    template = parse_template(f"  a \t photo of {{{field}}} ")
    filled = template.fill(nouns, plural)
    named = [with_article(noun) for noun in nouns] if field.startswith("article") and not plural else nouns
    assert filled == f"a photo of {' and '.join(named)}."


@pytest.mark.parametrize(("text", "expected"), [
    ("a dog", "a dog."), ("a dog.", "a dog."), (" a  dog ", "a dog."), ("a dog!", "a dog!."), ("a dog .", "a dog .")])
def test_a_full_stop_is_added_where_there_is_none(text, expected):
    assert with_full_stop(text) == expected


@pytest.mark.parametrize("text", [
    "", "a photo", "{nouns}", "{noun} and {noun}", "{noun} {plural}", "{}", "{0}", "{noun!r}", "{noun:>5}", "{noun",
    "noun}", "{{noun}}", "{{x}} {noun}", "{noun.x}", "{noun[0]}"])
def test_other_texts_are_refused(text):
    with pytest.raises(CaptionError, match="caption template .*: expected one of {noun}"):
        parse_template(text)


@pytest.mark.parametrize("frequency", [0, -1, True, 1.5, "1"])
def test_other_frequencies_are_refused(frequency):
    with pytest.raises(CaptionError, match="expected a whole number from 1"):
        parse_template("{noun}", frequency)


def test_the_packages_own_collections_are_large_and_distinct():
    assert sum(template.singular for template in OURS) >= 80
    assert sum(template.plural for template in OURS) >= 60
    assert len({template.text for template in OURS}) == len(OURS)
    filled = [template.fill(["x-ray film"], not template.singular) for template in OURS]
    assert len(set(filled)) == len(OURS)
    assert [text for text in filled if " a x-ray" in f" {text}" or set("{}") & set(text)] == []
    assert [text for text in filled if not text.endswith(".")] == []


def test_words_before_a_bare_singular_have_the_right_article():
    wrong = []
    for template in OURS:
        words = template.before.split()
        for article, following in zip(words, words[1:]):
            if article in ("a", "an") and with_article(following).split()[0] != article:
                wrong.append(template.text)
        if words and words[-1] in ("a", "an"):  # would be wrong for half of all nouns
            wrong.append(template.text)
    assert wrong == []


def test_the_short_templates_of_the_embedded_model_are_unchanged():
    assert len(TEMPLATES) == 24
    assert TEMPLATES[:4] == ("{noun}", "{article_noun}", "the {noun}", "a photo of {article_noun}")
    assert all(parse_template(text).singular for text in TEMPLATES)


def test_choosing_collections():
    collections = read_collections()
    assert list(collections) == ["drawings", "photos", "places", "robot", "states", "views"]
    photos = choose_templates(collections, "photos")
    assert photos == list(collections["photos"])
    assert choose_templates(collections, " photos | robot ") == [*photos, *collections["robot"]]
    assert choose_templates(collections, "photos|photos") == photos
    with pytest.raises(CaptionError, match="collection 'fotos': expected one of drawings, photos"):
        choose_templates(collections, "photos|fotos")


@pytest.fixture
def written(tmp_path):
    """Write a JSON value, or text, to a file."""
    def write(content):
        path = tmp_path / "prompts.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def test_reads_the_authors_format_and_adds_frequencies_up(written):
    one = [[1, "a photo of {article_noun}"], [2, "the {noun}."], [0, "{plural}"]]
    two = [[3, "the  {noun}"], [1, "one {singular}"]]
    path = written({"prompts": {"One": one, "Two": two}, "hypernyms": {"None": [[1, None]]}})
    chosen = choose_templates(read_collections(path), "One|Two")
    assert {template.text: template.frequency for template in chosen} == {
        "a photo of {article_noun}.": 1, "the {noun}.": 5, "one {singular}.": 1}


def test_everything_that_is_wrong_is_named_at_once(written):
    one = [[1, "no field"], [1], [-1, "{noun}"], [True, "{noun}"], [1, 2]]
    path = written({"prompts": {"One": one, "Two": "{noun}"}})
    with pytest.raises(CaptionError) as error:
        read_collections(path)
    for part in (str(path), "'One', template 1: caption template 'no field'", "'One', template 2: expected [whole",
                 "'One', template 3", "'One', template 4", "'One', template 5", "collection 'Two': expected a list"):
        assert part in str(error.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"prompts": []}', '{"prompts": {}}', "[" * 100_000])
def test_what_is_no_file_of_templates(written, content):
    with pytest.raises(CaptionError, match="expected"):
        read_collections(written(content))


def test_missing_file(tmp_path):
    with pytest.raises(CaptionError, match="expected a JSON file with caption templates"):
        read_collections(tmp_path / "absent.json")


def test_the_folder_is_installed_with_its_data(root):
    assert (root / "novic_ros/training/templates/__init__.py").is_file()  # a package: setup.py takes its JSON files
