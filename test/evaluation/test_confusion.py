"""Confusion by hypernym: which kinds are chosen, and where labels are counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_evaluations import TRUTHS, item

from novic_ros.evaluation.confusion import ELSEWHERE, NOTHING, Hypernyms, confusion_by_hypernym
from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.results import Item
from novic_ros.model_store import ModelNotFound


@pytest.fixture(scope="module")
def hypernyms():
    return Hypernyms.embedded()


def plain(name):
    """A truth that knows only its words, as a folder per class has."""
    return Truth(frozenset({name}), (), frozenset(), name)


def cell(found, row, column):
    return found.counts[found.rows.index(row)][found.columns.index(column)]


def test_what_lies_above_a_noun_nearest_first(hypernyms):
    above = hypernyms.above("beagle")
    assert list(dict.fromkeys(word for word in above if word in ("dog", "canine", "mammal", "animal"))) \
        == ["dog", "canine", "mammal", "animal"]
    assert "placental" not in above
    assert hypernyms.above("no such noun at all") == ()


MIXED = ("teapot", "sofa", "banjo", "castle", "lemon", "hammer", "rose", "pillow", "broom", "wig")


def silent(names):
    """Pictures of these things about which nothing was said."""
    return [Item(f"no {name}", truth=plain(name), score=0.0) for name in names]


def test_labels_are_counted_under_the_kind_that_they_fall_under(hypernyms):
    items = [item("a", ("dog", 0.9), truth="dog"), item("b", ("animal", 0.5), truth="dog"),
             item("c", ("dump truck", 0.4), truth="cat"), item("f", ("zzz", 0.1), truth="cat"),
             item("d", ("sports car", 0.7), truth="truck"), item("e", truth="truck"),
             item("not counted, as it has no truth", ("dog", 1.0))]
    found = confusion_by_hypernym(items + silent(MIXED * 2), hypernyms)
    assert cell(found, "carnivore", "carnivore") == 2  # a true label is of its picture's kind, however broad
    assert cell(found, "carnivore", "motor vehicle") == 1
    assert cell(found, "carnivore", ELSEWHERE) == 1
    assert cell(found, "motor vehicle", "motor vehicle") == 1
    assert cell(found, "motor vehicle", NOTHING) == 1
    assert found.same_kind == 3
    assert sum(map(sum, found.counts)) == 26


def test_truths_that_know_only_their_names_are_looked_up(hypernyms):
    names = ["beagle", "poodle", "sparrow", "robin", "teapot", "sofa", "banjo", "castle", "lemon", "rocket"]
    found = confusion_by_hypernym(silent(names), hypernyms)
    assert found.rows == ("bird", "dog", ELSEWHERE)


def test_a_kind_that_holds_an_earlier_one_says_so(hypernyms):
    names = ["beagle", "poodle", "collie", "sparrow", "trout", "frog", "teapot", "sofa", "banjo", "castle", "lemon",
             "rocket", "hammer", "rose", "wig", "pillow"]
    rows = confusion_by_hypernym(silent(names), hypernyms).rows
    assert "other animal" in rows and "animal" not in rows


def test_nothing_to_tell_apart_is_none(hypernyms):
    assert confusion_by_hypernym([], hypernyms) is None
    assert confusion_by_hypernym([item("a", ("dog", 1.0))], hypernyms) is None  # no truth
    assert confusion_by_hypernym([item("a", ("dog", 1.0), truth="dog")], hypernyms) is None  # one kind


WORDS = st.sampled_from(["dog", "tabby", "van", "animal", "zzz", ""])


@given(st.lists(st.tuples(st.sampled_from(sorted(TRUTHS)), WORDS), max_size=40))
def test_every_picture_is_counted_once(pairs):
    items = [item(str(number), *([(said, 0.5)] if said else []), truth=truth)
             for number, (truth, said) in enumerate(pairs)]
    found = confusion_by_hypernym(items, Hypernyms.embedded())
    if found is not None:
        assert sum(map(sum, found.counts)) == len(items)
        assert found.same_kind <= found.sorted_into_kinds <= len(items)
        assert len(set(found.rows)) == len(found.rows) >= 2
        assert all(len(row) == len(found.columns) for row in found.counts)


def test_a_missing_table_is_a_warning_and_no_groups(monkeypatch, caplog):
    def missing(name):
        raise ModelNotFound(f"no {name}")

    monkeypatch.setattr("novic_ros.evaluation.confusion.find_model", missing)
    Hypernyms.embedded.cache_clear()
    try:
        assert Hypernyms.embedded() is None
        assert "not grouped by hypernym: no novic_mini" in caplog.text
    finally:
        Hypernyms.embedded.cache_clear()
