"""Object noun dictionaries in files: there and back, every broken rule named, thresholds, and finding a noun."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.vocabulary import NounDictionary, ObjectNoun, VocabularyError, canonical
from novic_ros.vocabulary.dictionary import SHOWN, DictionaryError
from novic_ros.vocabulary.dictionary_format import parse_records, record_of

TEXTS = st.text(string.ascii_letters + string.digits + " -'éøß", min_size=1, max_size=12).filter(
    lambda text: canonical(text) and text == " ".join(text.split()))
FORMS = st.lists(st.tuples(TEXTS, st.integers(1, 30)), max_size=3)


@st.composite
def dictionaries(draw):
    """Any dictionary that follows the rules: ids in any order, hypernyms in rings."""
    pretty = draw(st.lists(TEXTS, min_size=1, max_size=6, unique_by=canonical))
    ids = draw(st.lists(st.integers(0, 10**6), min_size=len(pretty), max_size=len(pretty), unique=True))
    nouns = []
    for number, text in zip(ids, pretty):
        singulars, plurals = draw(FORMS), draw(FORMS)
        singulars = singulars or [(text, 1)] if not plurals else singulars
        hypernyms = draw(st.lists(st.sampled_from(ids), unique=True, max_size=3))
        nouns.append(ObjectNoun(
            number, canonical(text), text, *(tuple(form for form, _ in forms) for forms in (singulars, plurals)),
            *(tuple(freq for _, freq in forms) for forms in (singulars, plurals)),
            tuple(hypernym for hypernym in hypernyms if hypernym != number),
            draw(st.sampled_from(["", "02084071"])), draw(st.sampled_from(["", "animal"]))))
    return NounDictionary(tuple(nouns))


def record(number=0, target="fire engine", **fields):
    """A record as the authors write it."""
    return {"id": number, "target_noun": target, "pretty_noun": target, "singulars": [target, "Fire-engine"],
            "plurals": [f"{target}s"], "singulars_freq": [3, 1], "plurals_freq": [2], "hypernyms": [], **fields}


def noun(number, frequency, *hypernyms):
    return ObjectNoun(number, f"n{number}", f"N{number}", (f"n{number}",), (), (frequency,), (), hypernyms)


@pytest.fixture
def written(tmp_path):
    """Write a JSON value, or bytes, to a file."""
    def write(content):
        path = tmp_path / "nouns.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


def complaints(path):
    """All complaints about a file; the message names it in one line and holds the first of them."""
    with pytest.raises(DictionaryError) as error:
        NounDictionary.read(path)
    assert isinstance(error.value, VocabularyError)
    assert str(error.value).startswith(f"{path}: expected an object noun dictionary, but {error.value.complaints[0]}")
    assert "\n" not in str(error.value)
    return error.value.complaints


@settings(deadline=None)
@given(dictionaries())
def test_there_and_back(tmp_path_factory, dictionary):
    path = tmp_path_factory.mktemp("dictionary") / "nouns.json"
    dictionary.write(path)
    assert NounDictionary.read(path) == dictionary
    assert set(record()) <= set(json.loads(path.read_text(encoding="utf-8"))[0])
    assert list(path.parent.iterdir()) == [path]


def test_reads_the_authors_format(written):
    dictionary = NounDictionary.read(written([record(), record(7, "dog", pretty_noun="Dog")]))
    assert len(dictionary) == 2
    assert [noun.target_noun for noun in dictionary] == ["fire engine", "dog"]
    assert dictionary.nouns[0] == ObjectNoun(0, "fire engine", "fire engine", ("fire engine", "Fire-engine"),
                                             ("fire engines",), (3, 1), (2,))
    assert dictionary.nouns[0].frequency == 6


def test_unknown_fields_are_left_out(written):
    read = NounDictionary.read(written([record(num_singular_captions=3, notes={"a": 1})]))
    assert record_of(read.nouns[0]) == {**record(), "singulars": ("fire engine", "Fire-engine"),
                                        "plurals": ("fire engines",), "singulars_freq": (3, 1), "plurals_freq": (2,),
                                        "hypernyms": ()}


BROKEN = [  # what a record holds instead, what the complaint says
    ({"id": -1}, "id: expected a whole number from 0, found -1"),
    ({"id": True}, "id: expected a whole number from 0, found True"),
    ({"id": 1.0}, "id: expected a whole number from 0, found 1.0"),
    ({"id": "1"}, "id: expected a whole number from 0, found '1'"),
    ({"target_noun": ""}, "target_noun: expected a noun, found ''"),
    ({"target_noun": None}, "target_noun: expected text, found null"),
    ({"target_noun": "Fire engine"}, "target_noun: expected the canonical spelling 'fire engine', found 'Fire engine'"),
    ({"target_noun": "fire  engine"}, "target_noun: expected no extra white space, found 'fire  engine'"),
    ({"pretty_noun": "fire truck"},
     "pretty_noun: expected a spelling of target noun 'fire engine', found 'fire truck'"),
    ({"pretty_noun": " fire engine"}, "pretty_noun: expected no extra white space, found ' fire engine'"),
    ({"pretty_noun": 3}, "pretty_noun: expected text, found a number"),
    ({"singulars": "fire engine"}, "singulars: expected a list, found text"),
    ({"singulars": ["fire engine", "a\tb"]}, "singulars: expected no extra white space, found 'a\\tb'"),
    ({"singulars": ["fire engine", ""]}, "singulars: expected a noun, found ''"),
    ({"singulars": ["fire engine", []]}, "singulars: expected text, found a list"),
    ({"plurals": {}}, "plurals: expected a list, found an object"),
    ({"singulars_freq": [3]}, "singulars_freq: expected 2 numbers, one for each of singulars, found 1"),
    ({"singulars_freq": [3, 0]}, "singulars_freq: expected whole numbers from 1, found 0"),
    ({"singulars_freq": [3, 1.5]}, "singulars_freq: expected whole numbers from 1, found 1.5"),
    ({"plurals_freq": [True]}, "plurals_freq: expected whole numbers from 1, found True"),
    ({"plurals_freq": 2}, "plurals_freq: expected a list, found a number"),
    ({"singulars": [], "plurals": [], "singulars_freq": [], "plurals_freq": []},
     "expected at least one singular or plural, found none"),
    ({"hypernyms": None}, "hypernyms: expected a list of ids, found null"),
    ({"hypernyms": ["0"]}, "hypernyms: expected whole numbers from 0, found '0'"),
    ({"hypernyms": [5, 5]}, "hypernyms: expected every id once, found one twice"),
    ({"hypernyms": [6]}, "hypernyms: expected ids of this file, found 6"),
    ({"hypernyms": [4]}, "hypernyms: expected other nouns, found its own id 4"),
    ({"synset": 2084071}, "synset: expected text, found a number"),
    ({"kind": ["animal"]}, "kind: expected text, found a list"),
]


@pytest.mark.parametrize(("fields", "complaint"), BROKEN, ids=[complaint[:60] for _, complaint in BROKEN])
def test_every_broken_rule_is_named(written, fields, complaint):
    found = complaints(written([record(5, "dog"), {**record(4), **fields}]))
    assert complaint in [text.split(": ", 1)[1] for text in found]
    assert all(text.startswith("noun 2") for text in found)  # and the other record is not blamed


@pytest.mark.parametrize("field", ["id", "target_noun", "pretty_noun", "singulars", "plurals", "singulars_freq",
                                   "plurals_freq", "hypernyms"])
def test_missing_fields_are_named(written, field):
    broken = record()
    del broken[field]
    assert any(f"missing field {field}" in text for text in complaints(written([broken])))


def test_all_complaints_come_at_once(written):
    found = complaints(written([record(singulars_freq=[0, 1]), {"id": 0}, 5, record(0, hypernyms=[9])]))
    assert list(found) == [
        "noun 1 ('fire engine'): singulars_freq: expected whole numbers from 1, found 0",
        "noun 2: missing fields target_noun, pretty_noun, singulars, plurals, singulars_freq, plurals_freq, hypernyms",
        "noun 3: expected an object, found a number",
        "id 0: expected every id once, found it 3 times",
        "target_noun 'fire engine': expected every target noun once, found it 2 times",
        "noun 4 ('fire engine'): hypernyms: expected ids of this file, found 9",
    ]


def test_a_long_list_is_cut_in_the_message_only(written):
    path = written([5] * 100)
    assert len(complaints(path)) == 100
    with pytest.raises(DictionaryError) as error:
        NounDictionary.read(path)
    assert str(error.value).count("found a number") == SHOWN
    assert str(error.value).endswith(f"; and {100 - SHOWN} more")


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe", b"{}", b"null", b"[]", b"[" * 100_000, b"3" * 10_000])
def test_what_is_no_list_of_nouns(written, content):
    assert len(complaints(written(content))) == 1


def test_missing_file_and_folder(tmp_path):
    assert complaints(tmp_path / "absent.json") == ("there is no such file",)
    assert complaints(tmp_path)[0].startswith("it cannot be read as JSON")


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                          st.sampled_from(list(record())), inner, max_size=8), max_leaves=20)


@settings(deadline=None)
@given(VALUES)
def test_no_content_makes_the_reader_fall_over(content):
    nouns, found = parse_records(content)
    assert found or (nouns and len(nouns) == len(content))


def test_nothing_is_written_that_could_not_be_read(tmp_path):
    path = tmp_path / "nouns.json"
    with pytest.raises(DictionaryError, match="expected every id once"):
        NounDictionary((noun(1, 1), noun(1, 2))).write(path)
    with pytest.raises(DictionaryError, match="the list is empty"):
        NounDictionary(()).write(path)
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None)
@given(dictionaries(), st.integers(0, 30))
def test_a_threshold_keeps_what_is_more_frequent(dictionary, threshold):
    left = dictionary.threshold(threshold)
    assert [noun.id for noun in left] == [noun.id for noun in dictionary if noun.frequency > threshold]
    kept = {noun.id for noun in left}
    assert all(set(noun.hypernyms) <= kept - {noun.id} for noun in left)
    assert left.threshold(threshold) == left
    assert not left.nouns or not parse_records([json.loads(json.dumps(record_of(noun))) for noun in left])[1]


def test_a_dropped_hypernym_is_replaced_by_what_lies_above_it():
    poodle, dog, canine, pet, animal = noun(0, 9, 1, 3), noun(1, 2, 2, 3), noun(2, 1, 4), noun(3, 9, 4), noun(4, 9)
    left = NounDictionary((poodle, dog, canine, pet, animal)).threshold(2)
    assert {noun.id: noun.hypernyms for noun in left} == {0: (3, 4), 3: (4,), 4: ()}


def test_find_looks_at_every_spelling(written):
    once = {"singulars_freq": [1], "plurals_freq": [1]}
    dictionary = NounDictionary.read(written([
        record(), record(1, "glass", plurals=["glasses"], singulars=["glass"], **once),
        record(2, "glasses", plurals=["glasses"], singulars=["pair of glasses"], **once)]))
    for text in ("fire engine", "FIRE-ENGINE", "Fire engines"):
        assert [noun.id for noun in dictionary.find(text)] == [0]
    assert [noun.id for noun in dictionary.find("glasses")] == [1, 2]
    assert dictionary.find("dog") == dictionary.find("") == ()
