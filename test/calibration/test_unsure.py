"""What is said when the model is sure, and when it is not, on a hierarchy of twelve nouns."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_calibration import CHAINS, tiny_ancestors

from novic_ros.calibration import Calibrator, Guess, Sight, answer, candidates, joined
from novic_ros.vocabulary import SiteVocabulary

ANCESTORS = tiny_ancestors()
# score = sigmoid(prominence - specificity); "animal" holds 4 of 12 nouns, ln 3 = 1.1; a leaf has ln 12 = 2.5
CALIBRATOR = Calibrator(0.0, 1.0, -1.0, 0.0, threshold=0.5)


def sight(*guesses, prominence=0.0, classes=None):
    return Sight([Guess(text, math.log(share)) for text, share in guesses], prominence, classes)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def said(labels):
    return [label.text for label in labels]


def test_candidates_of_a_guess():
    own, above = candidates(sight(("lion", 0.5), ("dog", 0.3), ("chair", 0.1)), ANCESTORS)
    assert [one.text for one in own] == ["lion", "dog", "chair"]
    assert [one.support for one in own] == pytest.approx([0.5, 0.3, 0.1])
    assert [one.specificity for one in own] == pytest.approx([math.log(12)] * 3)
    assert [(one.text, one.support) for one in above] == [("cat", 0.5), ("animal", 0.8)]  # nearest first
    assert [one.specificity for one in above] == pytest.approx([math.log(12 / 2), math.log(12 / 4)])


def test_a_broad_guess_is_supported_by_what_lies_below_it():
    own, above = candidates(sight(("cat", 0.2), ("lion", 0.5)), ANCESTORS)
    assert [one.support for one in own] == pytest.approx([0.7, 0.5])
    assert [one.text for one in above] == ["animal"]


def test_the_encoder_s_classes_count_half():
    """Its two classes are dog and chair: animal has 0.2 from the nouns and 0.6 from the classes."""
    ancestors = tiny_ancestors(classes=("dog", "chair"))
    (own,), (above,) = candidates(sight(("dog", 0.2), classes=np.array([0.6, 0.4], np.float32)), ancestors)
    assert (own.support, above.support) == (pytest.approx(0.4), pytest.approx(0.4))
    own, _ = candidates(sight(("teapot", 0.2), classes=np.array([0.6, 0.4], np.float32)), ancestors)
    assert own[0].support == pytest.approx(0.1)


def test_classes_of_another_encoder_are_left_out():
    own, _ = candidates(sight(("dog", 0.2), classes=np.ones(3, np.float32)), ANCESTORS)
    assert own[0].support == pytest.approx(0.2)


def test_a_noun_of_the_user_has_no_meaning_and_claims_most():
    own, above = candidates(sight(("mountain lion", 0.4), ("lion", 0.1)), ANCESTORS)
    assert (own[0].support, own[0].specificity, above) == (pytest.approx(0.4), pytest.approx(math.log(12)), [])


@pytest.mark.parametrize("on_unsure", ["best", "hypernym", "empty"])
def test_a_sure_guess_is_said_in_every_way(on_unsure):
    labels = answer(sight(("dog", 0.6), ("cat", 0.4), prominence=9), CALIBRATOR, ANCESTORS, on_unsure)
    assert said(labels) == ["dog", "cat"]
    assert labels[0].score == pytest.approx(sigmoid(9 - math.log(12)))


def test_the_nearest_sure_hypernym_is_said_before_the_guesses():
    """At 2.0 a leaf (2.5) is not sure, "cat" above "lion" (1.8) is, and "animal" (1.1) would be but is further."""
    unsure = sight(("lion", 0.6), ("dog", 0.4), prominence=2.0)
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "hypernym")) == ["cat", "lion", "dog"]
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "best")) == ["lion", "dog"]
    assert answer(unsure, CALIBRATOR, ANCESTORS, "empty") == []
    less = sight(("lion", 0.6), prominence=1.5)
    assert said(answer(less, CALIBRATOR, ANCESTORS, "hypernym")) == ["animal", "lion"]


def test_nothing_is_said_where_no_word_is_sure():
    assert answer(sight(("lion", 0.6), prominence=0.5), CALIBRATOR, ANCESTORS, "hypernym") == []
    assert answer(sight(("chair", 0.6), prominence=2.4), CALIBRATOR, ANCESTORS, "hypernym") == []  # only "thing" above
    assert answer(Sight([]), CALIBRATOR, ANCESTORS, "hypernym") == []


def test_a_hypernym_that_was_guessed_too_is_said_once():
    labels = answer(sight(("lion", 0.6), ("cat", 0.3), prominence=2.0), CALIBRATOR, ANCESTORS, "hypernym")
    assert said(labels) == ["cat", "lion"]


def test_only_allowed_words_are_climbed_to():
    unsure = sight(("lion", 0.6), prominence=2.0)
    both, lions = SiteVocabulary(guide=("lion", "animal")), SiteVocabulary(guide=("lion",))
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "hypernym", both)) == ["animal", "lion"]
    assert answer(unsure, CALIBRATOR, ANCESTORS, "hypernym", lions) == []


def test_the_decoder_s_order_stands_although_a_broader_word_is_true_more_often():
    labels = answer(sight(("lion", 0.6), ("cat", 0.4), prominence=3.0), CALIBRATOR, ANCESTORS)
    assert said(labels) == ["lion", "cat"]
    assert labels[0].score == labels[1].score


# ---- the site vocabulary --------------------------------------------------------------------------------------------


def site(**lists):
    return SiteVocabulary.read(**lists)


def parts(guesses):
    return [(guess.text, math.exp(guess.log_probability), guess.found) for guess in guesses]


def test_without_new_names_guesses_stay_as_they_are():
    guesses = sight(("cat", 0.2), ("dog", 0.5), ("dog", 0.1)).guesses
    assert joined(guesses, site(deny=["dog"], guide=["dog", "cat"])) == guesses


def test_guesses_of_one_name_are_added_up_and_may_come_first():
    guesses = sight(("dog", 0.35), ("couch", 0.3), ("Sofa", 0.25), ("chair", 0.1)).guesses
    assert parts(joined(guesses, site(remap=["couch=sofa"]))) == [
        ("sofa", pytest.approx(0.55), "couch"), ("dog", pytest.approx(0.35), ""), ("chair", pytest.approx(0.1), "")]


def test_the_site_s_spelling_wins():
    guesses = sight(("Sofa", 0.6), ("couch", 0.1)).guesses
    assert parts(joined(guesses, site(remap=["couch=sofa"]))) == [("sofa", pytest.approx(0.7), "couch")]


def test_a_denied_guess_is_not_added_to_what_it_would_be_called():
    guesses = sight(("couch", 0.5), ("settee", 0.3), ("sofa", 0.2)).guesses
    together = joined(guesses, site(remap=["couch=sofa", "settee=sofa"], deny=["couch"]))
    assert parts(together) == [("couch", pytest.approx(0.5), ""), ("sofa", pytest.approx(0.5), "settee")]


@given(st.lists(st.tuples(st.sampled_from(["dog", "cat", "lion", "chair"]), st.floats(-800, 0)), max_size=8))
def test_joining_keeps_all_probability_and_stays_below_one(guesses):
    guesses = [Guess(text, log) for text, log in guesses]
    together = joined(guesses, site(remap=["cat=dog", "lion=dog"]))
    logs = [guess.log_probability for guess in together]
    assert logs == sorted(logs, reverse=True)
    assert all(log <= 0 for log in logs)
    assert len({guess.text for guess in together}) == len(together)
    for name, members in (("dog", ("dog", "cat", "lion")), ("chair", ("chair",))):
        total = sum(math.exp(guess.log_probability) for guess in guesses if guess.text in members)
        said_now = [math.exp(guess.log_probability) for guess in together if guess.text == name]
        assert sum(said_now) == pytest.approx(min(1.0, total))


def test_a_new_name_that_no_decoder_knows_keeps_the_meaning_of_what_was_found():
    of_site = site(remap=["lion=Simba", "cat=Simba"])
    unsure = sight(("lion", 0.4), ("cat", 0.2), prominence=2.0)
    together = Sight(joined(unsure.guesses, of_site), 2.0)
    (own,), above = candidates(together, ANCESTORS)
    assert (own.text, own.support, own.specificity) == ("Simba", pytest.approx(0.6), pytest.approx(math.log(12)))
    assert [one.text for one in above] == ["cat", "animal"]
    plain = answer(sight(("lion", 0.6), prominence=2.0), CALIBRATOR, ANCESTORS)
    assert [label.score for label in answer(unsure, CALIBRATOR, ANCESTORS, site=of_site)] == pytest.approx(
        [label.score for label in plain])


def test_a_new_name_that_is_a_noun_means_that_noun():
    (own,), above = candidates(Sight(joined(sight(("lion", 0.4)).guesses, site(remap=["lion=teapot"]))), ANCESTORS)
    assert (own.text, [one.text for one in above]) == ("teapot", ["vessel"])


def test_denied_words_are_not_said_but_count_as_evidence():
    both = sight(("dog", 0.6), ("lion", 0.3), prominence=9.0)
    assert said(answer(both, CALIBRATOR, ANCESTORS, site=site(deny=["Dog"]))) == ["lion"]
    calibrator = Calibrator(0.0, 0.0, 0.0, 1.0, threshold=0.7)  # score = support
    for word in ("dog", "chair"):  # not the denied dog's, but the animals' 0.9
        labels = answer(sight(("dog", 0.6), ("lion", 0.3)), calibrator, ANCESTORS, "hypernym", site(deny=[word]))
        assert labels[0].text == "animal" and labels[0].score == pytest.approx(0.9)
        assert (word in said(labels)) is False


def test_where_the_best_guess_is_denied_the_next_one_may_be_sure():
    labels = answer(sight(("dog", 0.6), ("lion", 0.3), prominence=9.0), CALIBRATOR, ANCESTORS, "empty",
                    site(deny=["dog"]))
    assert said(labels) == ["lion"]


def test_nothing_may_be_said_of_this_picture():
    for on_unsure in ("best", "hypernym", "empty"):
        assert answer(sight(("dog", 0.9), prominence=9), CALIBRATOR, ANCESTORS, on_unsure, site(allow=["chair"])) == []


def test_only_allowed_words_are_said():
    both = sight(("lion", 0.6), ("dog", 0.3), prominence=2.0)
    assert said(answer(both, CALIBRATOR, ANCESTORS, site=site(allow=["DOG"]))) == ["dog"]
    assert said(answer(both, CALIBRATOR, ANCESTORS, "hypernym", site(allow=["dog", "animal"]))) == ["animal", "dog"]


def test_broader_words_have_new_names_too_and_may_be_denied():
    unsure = sight(("lion", 0.6), prominence=2.0)
    renamed = site(remap=["cat=big cat", "lion=Simba"])
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "hypernym", renamed)) == ["big cat", "Simba"]
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "hypernym", site(deny=["cat"]))) == ["animal", "lion"]
    by_new_name = site(deny=["big cat"], remap=["cat=big cat"])
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "hypernym", by_new_name)) == ["animal", "lion"]
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "hypernym", site(remap=["cat=lion"]))) == ["lion"]


@pytest.mark.parametrize(("min_score", "expected"), [(0.0, ["cat", "lion"]), (0.6, ["animal", "lion"]), (0.8, [])])
def test_a_higher_lowest_score_climbs_further(min_score, expected):
    """At 2.0 "cat" above "lion" scores 0.55 and "animal" 0.71."""
    unsure = sight(("lion", 0.6), prominence=2.0)
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "hypernym", min_score=min_score)) == expected
    assert said(answer(unsure, CALIBRATOR, ANCESTORS, "best", min_score=min_score)) == ["lion"]
    sure = sight(("lion", 0.6), prominence=3.0)  # it scores 0.63
    assert bool(answer(sure, CALIBRATOR, ANCESTORS, "empty", min_score=min_score)) == (min_score < 0.63)


shares = st.lists(st.tuples(st.sampled_from(sorted(CHAINS)), st.floats(1e-6, 1)), min_size=1, max_size=6,
                  unique_by=lambda pair: pair[0])


@given(shares, st.floats(0, 6), st.sampled_from(["best", "hypernym", "empty"]))
def test_labels_fall_in_score_and_what_is_said_in_front_is_sure_or_the_best_guess(guesses, prominence, on_unsure):
    labels = answer(sight(*guesses, prominence=prominence), CALIBRATOR, ANCESTORS, on_unsure)
    scores = [label.score for label in labels]
    assert scores == sorted(scores, reverse=True)
    assert len({label.text for label in labels}) == len(labels)
    if on_unsure == "best":
        assert said(labels) == [text for text, _ in guesses]
    elif labels:
        best = guesses[0][0]
        assert labels[0].score >= CALIBRATOR.threshold
        assert labels[0].text == best or on_unsure == "hypernym" and labels[0].text in CHAINS[best]
