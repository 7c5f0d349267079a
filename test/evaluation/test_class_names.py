"""From classes to nouns: names of sets, of WordNet ids and of files, and what a dictionary adds."""

import json

import pytest
from tiny_dictionary import object_noun, tiny_dictionary

from novic_ros.evaluation.class_names import (
    ClassNameError,
    ClassNouns,
    map_classes,
    names_of_classes,
    read_class_names,
)
from novic_ros.vocabulary import NounDictionary

VOCABULARY = ("dog", "t shirt", "donut", "glasses", "cheesecake", "bass", "Fire-Engine")


def test_names_find_nouns_of_their_spelling_or_but_for_an_s():
    names = [["Dogs"], ["T-shirt", "dog"], ["donuts"], ["glass"], ["cheese cake"], ["bas"], ["fire engine"]]
    found = map_classes(names, VOCABULARY)
    assert found.nouns == (("dog",), ("t shirt", "dog"), ("donut",), (), (), ("bass",), ("Fire-Engine",))
    assert found.guide == ("dog", "t shirt", "donut", "bass", "Fire-Engine")


def test_a_dictionary_finds_all_nouns_of_an_entry():
    extra = object_noun(9, "doughnut", {"doughnut": 2, "donut": 1}, {"doughnuts": 1})
    dictionary = NounDictionary((*tiny_dictionary(), extra))
    names = [["doughnuts"], ["T shirts"], ["unheard of"]]
    assert map_classes(names, ("donut", "doughnut", "t shirt")).nouns == (("doughnut",), ("t shirt",), ())
    found = map_classes(names, ("donut", "doughnut", "t shirt"), dictionary)
    assert found.nouns == (("doughnut", "donut"), ("t shirt",), ())


def test_a_label_belongs_to_the_true_class_if_it_can():
    nouns = ClassNouns((("dog", "puppy"), ("T-shirt",), ("puppy", "child")))
    assert [nouns.class_of(label, hint) for label, hint in (
        ("puppy", 0), ("puppy", 2), ("puppy", 1), ("t shirt", 0), ("cup", 0))] == [0, 2, 0, 1, None]


def test_names_in_the_set_itself(tmp_path):
    assert names_of_classes(["hot_dog", "n1", "Fire  engine"], tmp_path) == [["hot dog"], ["n1"], ["Fire engine"]]


@pytest.mark.parametrize("file", ["LOC_synset_mapping.txt", "words.txt", "synset_words.txt"])
def test_names_of_wordnet_ids_in_a_file_beside(tmp_path, file):
    (tmp_path / file).write_text("n02085936\tMaltese dog, Maltese terrier\nn07734744 mushroom\nn00000001\tother\n")
    assert names_of_classes(["n07734744", "n02085936"], tmp_path) == [["mushroom"], ["Maltese dog", "Maltese terrier"]]


def test_names_of_wordnet_ids_in_wordnet(tmp_path):
    header = "  1 licence\n"
    (tmp_path / "data.noun").write_text(header + "02084071 05 n 02 dog 0 domestic_dog 0 000 | a dog\n")
    (tmp_path / "index.noun").write_text(header + "dog n 1 0 1 0 02084071\n")
    assert names_of_classes(["n02084071"], tmp_path, tmp_path) == [["dog", "domestic dog"]]
    with pytest.raises(ClassNameError, match="expected the synset n02084072, WordNet 3.0 has none"):
        names_of_classes(["n02084071", "n02084072"], tmp_path, tmp_path)
    with pytest.raises(ClassNameError, match="give a file with --names, or install WordNet"):
        names_of_classes(["n02084071"], tmp_path)


CLASSES = ["b", "a"]
NAMES = [["bat", "club"], ["ant"]]


@pytest.mark.parametrize(("name", "content"), [
    ("n.json", ["bat, club", "ant"]), ("n.json", {"a": "ant", "b": "bat,club", "c": "cat"}),
    ("n.json", {"cifar10": ["bat, club", "ant"], "other": ["x"]}), ("n.txt", "bat, club\n\nant\n"),
    ("n.txt", "a  ant\nb\tbat, club\nc cat\n")])
def test_names_from_a_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    assert read_class_names(path, CLASSES, "cifar10") == NAMES


@pytest.mark.parametrize(("name", "content", "message"), [
    ("n.json", ["ant"], "expected names for 2 classes, found 1"),
    ("n.json", {"a": "ant"}, "1 are missing, the first is b"),
    ("n.json", {"x": ["a", "b"]}, "expected names for cifar10, found lists for x"),
    ("n.json", ["ant", ""], "a: expected names separated by commas"), ("n.json", ["ant", 3], "a: expected names"),
    ("n.json", ["ant,,bat", "b"], "b: expected names"), ("n.json", "{", "expected a JSON file"),
    ("n.txt", "ant\n", "expected names for 2 classes, found 1"), ("none.txt", None, "No such file")])
def test_names_that_cannot_be_used(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=message) as error:
        read_class_names(path, CLASSES, "cifar10")
    assert str(path) in str(error.value)
