"""Two runs side by side: pairs by id, what changed, and the sentence that says which is better."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_evaluations import TRUTHS, item

from novic_ros.evaluation.compare import compare
from novic_ros.evaluation.compare_page import render_comparison, verdict_on
from novic_ros.evaluation.rates import Mean
from novic_ros.evaluation.results import Evaluation, Figure, Item

NAMES = ("before", "after")


def run(*items, figures=(), **more):
    return Evaluation("images", "run", figures, items, **more)


FIRST = run(item("a", ("dog", 0.9), truth="dog"), item("b", ("cat", 0.5), truth="dog"), item("c", truth="cat"),
            item("d", ("van", 0.5), truth="truck"), item("only first", ("dog", 0.9)),
            figures=(Figure("score", 0.25, (0.1, 0.5), n=4), Figure("old", 1)))
SECOND = run(item("d", ("vehicle", 0.5), truth="truck"), item("b", ("dog", 0.75), truth="dog"),
             item("c", ("tabby", 0.5), truth="cat"), item("a", ("dog", 0.1), truth="dog"), item("new", ("dog", 0.9)),
             item("other", ("dog", 0.9)), figures=(Figure("score", 0.75, n=4), Figure("new", 2)))


def test_pairs_and_changes_by_hand():
    found = compare(FIRST, SECOND)
    assert (found.pairs, found.same_label, found.only_first, found.only_second) == (4, 1, 1, 2)
    assert (found.better, found.worse, found.equal) == (3, 0, 1)
    assert found.score.value == pytest.approx((0 + 1 + 0.5 + 0.5) / 4) and found.exact.value == 0.25
    assert [(one.id, one.difference) for one in found.changes] == [("b", 1), ("c", 0.5), ("d", 0.5)]
    assert [(name, one and one.value, two and two.value) for name, one, two in found.figures] == [
        ("score", 0.25, 0.75), ("old", 1, None), ("new", None, 2)]


def test_turned_round_it_is_the_opposite():
    there, back = compare(FIRST, SECOND), compare(SECOND, FIRST)
    assert back.score.value == -there.score.value and (back.better, back.worse) == (there.worse, there.better)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_a_run_is_equal_to_itself(scores):
    one = run(*(Item(str(number), score=score) for number, score in enumerate(scores)))
    found = compare(one, one)
    assert found.score == found.exact == Mean(0, 0, 0, len(scores))
    assert (found.equal, found.changes) == (len(scores), ())
    assert "No difference can be told" in verdict_on(found, NAMES)


def test_without_scores_labels_are_still_compared():
    found = compare(run(item("a", ("dog", 0.9)), item("b")), run(item("a", ("cat", 0.9)), item("b")))
    assert (found.score, found.exact, found.same_label) == (None, None, 1)
    assert [(one.id, one.difference) for one in found.changes] == [("a", None)]
    assert verdict_on(found, NAMES) == "The best label is the same for 1 of 2; no scores are known of both."


def test_nothing_in_common():
    with pytest.raises(ValueError, match="found no id in common among 1 and 2"):
        compare(run(item("a")), run(item("b"), item("c")))


def test_the_better_run_is_named():
    rng = np.random.default_rng(0)
    scores = rng.choice([0.0, 1.0], 100)
    worse = run(*(Item(str(row), score=float(score)) for row, score in enumerate(scores)))
    better = run(*(Item(str(row), score=float(score or row % 4 == 0)) for row, score in enumerate(scores)))
    assert verdict_on(compare(worse, better), NAMES).startswith("after is better: the mean score differs by +0.1")
    assert verdict_on(compare(better, worse), NAMES).startswith("before is better: the mean score differs by -0.1")


def test_the_page_escapes_and_needs_nothing_else():
    evil = run(Item("<script>alert(1)</script>", labels=item("x", ("dog", 0.5)).labels, score=0.0, truth=TRUTHS["cat"]))
    good = run(Item("<script>alert(1)</script>", labels=item("x", ("cat", 0.5)).labels, score=1.0, truth=TRUTHS["cat"]),
               environment={"model": "m&m"})
    found = compare(evil, good)
    page = render_comparison(found, evil, good, NAMES)
    assert page == render_comparison(found, evil, good, NAMES)
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page and "m&amp;m" in page
    assert 'class="better"' in page and "http" not in page.replace("http-equiv", "")


def test_as_json():
    content = compare(FIRST, SECOND).to_dict()
    assert set(json.loads(json.dumps(content))) == set(content)
    assert content["changes"][0] == {"id": "b", "first": "cat", "second": "dog", "difference": 1.0}
    assert content["figures"]["old"]["second"] is None and content["score_difference"]["n"] == 4
