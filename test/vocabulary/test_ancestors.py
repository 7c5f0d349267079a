"""The table of hypernyms: what it says, its file, and how it is made from WordNet."""

import numpy as np
import pytest
from tiny_calibration import CHAINS, tiny_ancestors
from tiny_wordnet import offset_of, tiny_wordnet

from novic_ros.vocabulary import Ancestors, VocabularyError
from novic_ros.vocabulary.ancestors import HYPERNYMS_FILE
from novic_ros.vocabulary.ancestors_build import NOT_SAID, build_ancestors, meaning_in_wordnet

TABLE = tiny_ancestors()
NOUNS = ("terrier", "bull terrier", "fox terrier", "poodle", "domestic dog", "tabby", "duck", "goose",
         "musical instrument", "guitar", "drum", "vehicle", "taxi", "minivan", "fire engine", "zebrafish")


def common(word):
    """All words of the tiny WordNet are common but "terrier"."""
    return 1.0 if word == "terrier" else 4.0


@pytest.fixture(scope="module")
def wordnet():
    return tiny_wordnet()


@pytest.fixture(scope="module")
def built(wordnet):
    return build_ancestors(wordnet, NOUNS, common, largest_share=0.5)


def above(table, noun):
    """Words that may be said for a noun, from the nearest up."""
    meanings = sorted(table.above_of(table.meaning_of(noun)), key=lambda m: -table.specificity(m))
    return [table.said[m] for m in meanings if m in table.said]


def test_meanings_do_not_depend_on_spelling():
    assert TABLE.meaning_of("T-shirt") == TABLE.meaning_of("t shirt") is not None
    assert TABLE.meaning_of("zebra") is None


def test_what_holds_what():
    cat, animal = TABLE.meaning_of("cat"), next(m for m, word in TABLE.said.items() if word == "animal")
    assert TABLE.holds(cat, "lion") and TABLE.holds(cat, "cat") and TABLE.holds(animal, "lion")
    assert not TABLE.holds(cat, "dog") and not TABLE.holds(TABLE.meaning_of("lion"), "cat")
    assert not TABLE.holds(cat, "zebra")


def test_specificity_counts_the_nouns_at_or_below():
    assert TABLE.specificity(TABLE.meaning_of("cat")) == pytest.approx(np.log(12 / 2))
    assert TABLE.specificity(TABLE.meaning_of("dog")) == TABLE.specificity(None) == pytest.approx(np.log(12))


def test_what_was_saved_comes_back(tmp_path):
    table = tiny_ancestors(classes=("dog", "vehicle"))
    table.save(tmp_path)
    again = Ancestors.load(tmp_path, table.nouns)
    assert (again.nouns, again.said) == (table.nouns, table.said)
    for name in ("meaning", "begin", "above", "classes"):
        assert np.array_equal(getattr(again, name), getattr(table, name))


def test_other_nouns_are_noticed(tmp_path):
    TABLE.save(tmp_path)
    with pytest.raises(VocabularyError, match="made for other nouns"):
        Ancestors.load(tmp_path, [*TABLE.nouns[1:], TABLE.nouns[0]])


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(VocabularyError, match="found no such file"):
        Ancestors.load(tmp_path, TABLE.nouns)
    TABLE.save(tmp_path)
    path = tmp_path / HYPERNYMS_FILE
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(VocabularyError, match="build it again"):
        Ancestors.load(tmp_path, TABLE.nouns)


def test_another_safetensors_file_is_refused(tmp_path):
    from safetensors.numpy import save_file

    arrays = {name: np.zeros(1, np.int32) for name in ("meaning", "begin", "above", "classes")}
    save_file(arrays, tmp_path / HYPERNYMS_FILE, {"said": "{}"})
    with pytest.raises(VocabularyError, match="expected novic_ros hypernyms 1, found None"):
        Ancestors.load(tmp_path, TABLE.nouns)


@pytest.mark.parametrize("damage", [
    {"meaning": np.array([99] * 12, np.int32)}, {"meaning": np.zeros(3, np.int32)}, {"above": np.array([99], np.int32)},
    {"begin": np.array([0, 5, 3], np.int32)}, {"classes": np.array([99], np.int32)}, {"said": {99: "thing"}}])
def test_arrays_that_do_not_fit_together(damage):
    fields = {name: getattr(TABLE, name) for name in ("nouns", "said", "meaning", "begin", "above", "classes")}
    with pytest.raises(VocabularyError, match="damaged"):
        Ancestors(**fields | damage)


# ---- from WordNet ---------------------------------------------------------------------------------------------------


def test_nouns_climb_wordnet(built):
    assert above(built, "taxi") == ["vehicle"]
    assert above(built, "guitar") == ["musical instrument"]
    assert built.meaning_of("zebrafish") is None  # not in the tiny WordNet


def test_rare_and_vague_words_and_words_that_are_no_nouns_of_the_decoder_are_not_said(wordnet, built):
    assert "terrier" not in built.said.values()  # rare
    assert above(built, "fox terrier") == ["domestic dog"]
    assert not {"artifact", "whole", "entity", "bird"} & set(built.said.values())  # no nouns here
    vague = build_ancestors(wordnet, (*NOUNS, "instrument", "artifact"), lambda word: 4.0, largest_share=0.5)
    assert "instrument" in vague.said.values()
    assert "instrumentality" in NOT_SAID and "device" in NOT_SAID


def test_what_holds_too_many_nouns_is_not_said(wordnet):
    table = build_ancestors(wordnet, NOUNS, lambda word: 4.0, largest_share=0.2)
    assert "domestic dog" not in table.said.values()  # five of sixteen nouns
    assert "musical instrument" in table.said.values()  # three


def test_the_sense_that_the_encoder_knows_wins():
    wordnet = tiny_wordnet("""
entity
  tube, vessel
    vein
  container, vessel
    jug
    bottle
""")
    jug, bottle = offset_of(wordnet, "jug"), offset_of(wordnet, "bottle")
    tube, container = wordnet.senses["vessel"]
    assert meaning_in_wordnet(wordnet, "vessel") == tube
    assert meaning_in_wordnet(wordnet, "vessel", {container: 2, jug: 1, bottle: 1}) == container
    assert meaning_in_wordnet(wordnet, "vessel", {container: 2}, [tube]) == tube
    table = build_ancestors(wordnet, ["vessel", "vein", "jug", "bottle"], lambda word: 4.0, [jug, bottle],
                            largest_share=0.9)
    assert above(table, "jug") == ["vessel"] and above(table, "vein") == []
    assert [table.holds(m, "jug") for m in table.classes.tolist()] == [True, False]


def test_nouns_that_wordnet_does_not_know(wordnet):
    with pytest.raises(VocabularyError, match="nouns that WordNet knows"):
        build_ancestors(wordnet, ["zyzzyva"], common)


def test_tiny_chains_are_a_hierarchy():
    """The stand-in of the other tests: what is above something is above all below it."""
    for noun, chain in CHAINS.items():
        for word in chain:
            if word in CHAINS:
                assert set(CHAINS[word]) <= set(chain), noun
