"""The word lists: readable, in order, and not at odds with each other."""

import json
import re
from pathlib import Path

import pytest

from novic_ros.vocabulary import canonical
from novic_ros.vocabulary.word_lists import word_list

NAMES = ("spellings", "number", "stop_terms", "more_nouns")


@pytest.fixture(params=NAMES)
def content(request, root):
    return json.loads((root / "novic_ros/vocabulary/word_lists" / f"{request.param}.json").read_text())


def test_the_lists_are_those_in_the_folder(root):
    folder = root / "novic_ros/vocabulary/word_lists"
    assert sorted(path.stem for path in folder.glob("*.json")) == sorted(NAMES)
    assert Path(folder / "__init__.py").is_file()  # a package, so that setup.py installs the files


def test_each_says_what_it_is_and_holds_no_word_twice(content):
    assert len(content.pop("about")) > 40
    for name, words in content.items():
        assert words, name
        assert list(words) == sorted(set(words)) or name.endswith("endings"), name


def test_words_are_plain():
    parts = [part for name in ("spellings", "number", "stop_terms") for part in word_list(name).values()]
    words = [word for part in parts for word in part]
    assert [word for word in words if not re.fullmatch(r"[a-z][a-z '\-]*", word)] == []


def test_american_spellings_are_settled():
    american = word_list("spellings")["american"]
    assert [word for word in american.values() if word in american] == []
    assert [word for word, other in american.items() if word == other or " " in word + other] == []


def test_a_word_is_counted_in_one_way():
    number = word_list("number")
    ways = {name: set(number[name]) for name in ("mass", "invariant", "plural", "pairs")}
    ways["irregular"] = {word for word, plurals in number["irregular"].items() if plurals[0] != word} - {"rhinoceros"}
    names = sorted(ways)
    for i, one in enumerate(names):
        for other in names[i + 1:]:
            assert ways[one] & ways[other] == set(), (one, other)


def test_stop_terms_are_canonical():
    lists = word_list("stop_terms")
    assert [term for term in (*lists["terms"], *lists["words"]) if canonical(term) != term] == []
    assert [word for word in lists["words"] if " " in word] == []


def test_more_nouns_are_distinct_spellings():
    nouns = [noun for part in word_list("more_nouns").values() for noun in part]
    assert len({canonical(noun) for noun in nouns}) == len(nouns)
