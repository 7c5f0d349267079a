"""Which pictures a report shows, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_evaluations import TRUTHS, item, region, stream

from novic_ros.evaluation.report_sheets import VERDICTS, choose_sheets, frequent_mistakes, true_name, verdict
from novic_ros.evaluation.results import Item
from novic_ros.labels import Label


@pytest.mark.parametrize(("made", "expected"), [
    (item("a", ("dog", 0.9), truth="dog"), "right"),
    (item("a", ("poodle", 0.9), truth="dog"), "close"),
    (item("a", ("animal", 0.9), truth="dog"), "broader"),
    (item("a", ("cat", 0.9), truth="dog"), "wrong"),
    (item("a", truth="dog"), "silent"),
    (item("a"), "silent"),
    (item("a", ("cat", 0.9)), "unjudged"),
    (item("a", ("cat", 0.9), truth="dog", judged=False), "unjudged"),
    (Item("a", labels=(Label("cat", 0.9),), score=0.8), "close"),  # rated by people, without a truth
])  # fmt: skip
def test_verdict(made, expected):
    assert verdict(made) == expected
    assert expected in VERDICTS


def test_the_page_and_its_script_know_the_same_verdicts(root):
    script = (root / "novic_ros/evaluation/pages/report.js").read_text()
    assert f"const NAMES = {list(VERDICTS)};".replace("'", '"') in script


def test_the_name_of_a_truth_without_a_name_is_its_shortest_word():
    truth = type(TRUTHS["dog"])(frozenset({"domestic dog", "dog", "cur"}), (), frozenset())
    assert true_name(Item("a", truth=truth)) == "cur"
    assert true_name(Item("a")) == ""


def test_confident_mistakes_come_first_and_the_worst_of_the_others_after_them():
    items = [item("right", ("dog", 1.0), truth="dog"), item("sure", ("cat", 0.9), truth="dog"),
             item("unsure", ("cat", 0.2), truth="dog"), item("second", ("cat", 0.5), ("dog", 0.4), truth="dog"),
             item("silent", truth="dog"), item("broad", ("animal", 0.6), truth="dog")]
    confident, others = choose_sheets(items, 2)
    assert [card.item.id for card in confident.cards] == ["sure", "second"]
    assert confident.left_out == 1
    assert [card.item.id for card in others.cards] == ["silent", "broad"]  # then "unsure", which is not that bad
    assert others.left_out == 1
    assert [card.verdict for card in others.cards] == ["silent", "broader"]
    [everything, rest] = choose_sheets(items, 10)
    assert [card.item.id for card in everything.cards] == ["sure", "second", "unsure"]
    assert [card.item.id for card in rest.cards] == ["silent", "broad"]


def test_the_right_word_further_down_the_list_is_less_bad():
    items = [item("late", ("cat", 0.5), ("truck", 0.3), ("dog", 0.1), truth="dog"),
             item("second", ("cat", 0.5), ("dog", 0.4), truth="dog"), item("never", ("cat", 0.3), truth="dog")]
    decoys = [item(f"sure{number}", ("cat", 0.9), truth="truck") for number in range(3)]
    _, others = choose_sheets(decoys + items, 3)
    assert [card.item.id for card in others.cards] == ["never", "late", "second"]


def test_frames_of_one_thing_with_one_label_are_one_card():
    frames = stream(["cat"] * 5 + ["truck"] * 2, truth="dog") + stream(["cat"] * 3, source="rear", truth="dog")
    [sheet] = choose_sheets(frames, 10)
    assert [(card.item.source, card.item.best.text, card.like_it) for card in sheet.cards] \
        == [("bag /front", "cat", 5), ("bag /front", "truck", 2), ("rear", "cat", 3)]
    boxes = [item(str(number), ("cat", 0.5), truth="dog", stamp=float(number), region=region(1, f"track {number % 2}"))
             for number in range(4)]
    assert [card.like_it for card in choose_sheets(boxes, 10)[0].cards] == [2, 2]


def test_pictures_of_a_folder_are_never_put_together():
    [sheet] = choose_sheets([item("a", ("cat", 0.5), truth="dog"), item("b", ("cat", 0.5), truth="dog")], 10)
    assert [card.like_it for card in sheet.cards] == [1, 1]


def test_without_truth_the_surest_and_the_least_sure_are_shown():
    items = [item("a", ("cat", 0.5)), item("b", ("cat", 0.9)), item("c", ("cat", 0.1)), item("d")]
    surest, least = choose_sheets(items, 2)
    assert [card.item.id for card in surest.cards] == ["b", "a"]
    assert [card.item.id for card in least.cards] == ["c"]
    [only] = choose_sheets(items[:1], 2)
    assert only.title == "Surest labels"


@pytest.mark.parametrize("items", [[], [item("a")], [item("a", ("dog", 1.0), truth="dog")]])
def test_nothing_to_show_is_no_sheet(items):
    assert choose_sheets(items, 5) == []


def test_frequent_mistakes():
    items = [item(str(number), (said, 0.5), truth=truth) for number, (said, truth) in enumerate(
        [("cat", "dog")] * 3 + [("dog", "cat")] * 2 + [("truck", "cat"), ("dog", "dog"), ("animal", "dog")])]
    assert frequent_mistakes(items) == [("dog", "cat", 3), ("cat", "dog", 2)]
    assert frequent_mistakes(items, most=1) == [("dog", "cat", 3)]


WORDS = st.sampled_from(["dog", "cat", "animal", "poodle", "van", ""])


@given(st.lists(st.tuples(WORDS, st.floats(0, 1), st.sampled_from([None, *TRUTHS]), st.sampled_from([None, 1.0, 2.0])),
                max_size=30), st.integers(1, 8))
def test_no_picture_is_shown_twice_and_none_is_lost(rows, most):
    items = [item(str(number), *([(said, score)] if said else []), truth=truth, stamp=stamp)
             for number, (said, score, truth, stamp) in enumerate(rows)]
    sheets = choose_sheets(items, most)
    for sheet in sheets:
        assert 0 < len(sheet.cards) <= most
        assert sheet.left_out == 0 or len(sheet.cards) == most
    shown = [card.item.id for sheet in sheets for card in sheet.cards]
    assert len(set(shown)) == len(shown)
    if any(made.score is not None for made in items if made.labels):
        wrong = {verdict(made) for made in items if made.score is not None} & {"wrong", "broader", "silent"}
        assert bool(sheets) == bool(wrong)
