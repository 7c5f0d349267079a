"""Making a dictionary: from a small WordNet of this file's own, and once from the real one where it is installed."""

import pytest

from novic_ros.vocabulary import NounDictionary, build_dictionary, canonical
from novic_ros.vocabulary.dictionary_build import dictionary_of, with_more_nouns
from novic_ros.vocabulary.dictionary_format import parse_records, record_of
from novic_ros.vocabulary.hierarchy import Synset, WordNet
from novic_ros.vocabulary.word_lists import word_list

# offset, kind, words, gloss, synsets above
SYNSETS = [
    ("01", "", ("entity",), "all that is", ()),
    ("02", "animal", ("animal",), "a living organism", ("01",)),
    ("03", "animal", ("canine", "canid"), "a kind of animal", ("02",)),
    ("04", "animal", ("dog", "domestic dog", "Canis familiaris"), "a kept canine", ("03",)),
    ("05", "animal", ("grey wolf", "gray wolf", "timber wolf"), "a wild canine", ("03",)),
    ("06", "artifact", ("garment",), "an article of clothing", ("01",)),
    ("07", "artifact", ("trouser", "pant"), "(usually in the plural) a garment", ("06",)),
    ("08", "artifact", ("glass", "drinking glass"), "a container", ("01",)),
    ("09", "artifact", ("spectacles", "glasses", "specs"), "optical instrument", ("01",)),
    ("10", "artifact", ("sea-wall", "seawall"), "a wall against the sea", ("01",)),
    ("11", "food", ("lobster",), "its flesh", ("01",)),
    ("12", "animal", ("lobster",), "a crustacean", ("99",)),
    ("99", "animal", ("arthropod phylum",), "a phylum of animals", ("02",)),
    ("13", "artifact", ("arse",), "a stop term", ("01",)),
    ("14", "artifact", ("tweezer", "pair of tweezers"), "a hand tool", ("01",)),
    ("15", "food", ("rice",), "grains", ("01",)),
    ("16", "artifact", ("can", "tin can"), "a container", ("01",)),
    ("17", "", ("happiness",), "a feeling", ("01",)),
]
ZIPF = {"dog": 5.1, "dogs": 4.8, "grey": 4.5, "gray": 4.5, "wolf": 4.3, "wolves": 4.0, "grey wolf": 4.1,
        "gray wolf": 4.0, "trouser": 3.0, "trousers": 3.9, "pant": 3.2, "pants": 4.4, "glass": 4.9,
        "glasses": 4.4, "seawall": 2.9, "sea wall": 4.5, "sea-wall": 4.5, "lobster": 3.6, "lobsters": 2.7,
        "tweezer": 1.5, "tweezers": 2.6, "rice": 4.4, "can": 6.4, "cans": 3.7, "animal": 4.6, "animals": 4.6,
        "spectacles": 3.0, "specs": 3.3}


def zipf(text):
    return ZIPF.get(text, 0.0)


def small_wordnet(order=1):
    synsets = {offset: Synset(offset, kind, words, above, False, gloss)
               for offset, kind, words, gloss, above in SYNSETS[::order]}
    senses = {}
    for offset, _, words, _, _ in SYNSETS:
        for word in words:
            senses[word.lower()] = (*senses.get(word.lower(), ()), offset)
    return WordNet(synsets, senses)


@pytest.fixture(scope="module")
def built():
    return dictionary_of(small_wordnet(), {"wolf": ("wolves",)}, zipf=zipf)


@pytest.fixture(scope="module")
def by_target(built):
    return {noun.target_noun: noun for noun in built.dictionary}


def test_what_is_in_and_what_is_not(built, by_target):
    more = {canonical(noun) for part in word_list("more_nouns").values() for noun in part}
    assert set(by_target) - more == {
        "animal", "canine", "canid", "dog", "domestic dog", "grey wolf", "timber wolf", "garment", "trousers", "pants",
        "glass", "drinking glass", "spectacles", "glasses", "specs", "seawall", "lobster", "tweezers", "rice", "can",
        "tin can"}
    assert built.dropped == {"abstract": ("entity", "happiness"), "stop term": ("arse",),
                             "taxonomic group": ("arthropod phylum",), "Latin name": ("Canis familiaris",),
                             "not a visible kind": ("greeting card", "letter")}  # younger nouns, and no document here
    assert list(built.dropped) == [reason for reason in built.reasons if reason in built.dropped]


def test_it_follows_the_rules_of_the_file(built):
    records = [{**record_of(noun), **{field: list(getattr(noun, field)) for field in (
        "singulars", "plurals", "singulars_freq", "plurals_freq", "hypernyms")}} for noun in built.dictionary]
    assert parse_records(records)[1] == []
    frequencies = [noun.frequency for noun in built.dictionary]
    assert frequencies == sorted(frequencies, reverse=True)
    assert [noun.id for noun in built.dictionary] == list(range(len(frequencies)))


@pytest.mark.parametrize(("target", "singulars", "plurals"), [
    ("dog", ["dog"], ["dogs"]),
    ("grey wolf", ["grey wolf", "gray wolf"], ["grey wolves", "gray wolves"]),
    ("trousers", ["trouser", "pair of trousers"], ["trousers"]),
    ("pants", ["pair of pants", "pant"], ["pants"]),
    ("glasses", ["pair of glasses"], ["glasses"]),
    ("glass", ["glass"], ["glasses"]),
    ("tweezers", ["pair of tweezers", "tweezer"], ["tweezers"]),
    ("seawall", ["sea wall", "sea-wall", "seawall"], ["seawalls", "sea walls", "sea-walls"]),
    ("rice", ["rice"], []),
])
def test_spellings(by_target, target, singulars, plurals):
    assert sorted(by_target[target].singulars) == sorted(singulars)
    assert sorted(by_target[target].plurals) == sorted(plurals)


def test_frequencies(by_target):
    assert by_target["dog"].singulars_freq == (17,)
    assert by_target["dog"].plurals_freq == (15,)
    assert by_target["canid"].singulars_freq == (1,)
    # "can" is mostly a verb: no more than 1.2 Zipf above "cans"
    assert by_target["can"].singulars_freq[0] - by_target["can"].plurals_freq[0] == 8
    # what is guessed from two words is no more common than the one word that is counted
    assert by_target["seawall"].singulars_freq == (2, 2, 2)


def test_meaning_is_more_of_an_object(by_target):
    assert (by_target["lobster"].kind, by_target["lobster"].synset) == ("animal", "12")


def test_links_lead_to_the_nearest_entry_above(built, by_target):
    ids = {noun.id: noun.target_noun for noun in built.dictionary}
    above = {target: [ids[number] for number in noun.hypernyms] for target, noun in by_target.items()}
    assert above["dog"] == above["grey wolf"] == above["timber wolf"] in (["canid"], ["canine"])
    assert above["canid"] == above["canine"] == above["lobster"] == ["animal"]  # over what was dropped
    assert above["animal"] == []
    assert above["trousers"] == ["garment"]


def test_the_order_of_wordnet_does_not_matter(built):
    again = dictionary_of(small_wordnet(order=-1), {"wolf": ("wolves",)}, zipf=zipf)
    assert again.dictionary == built.dictionary
    assert again.dropped == built.dropped


def test_threshold(built):
    left = dictionary_of(small_wordnet(), {"wolf": ("wolves",)}, threshold=2, zipf=zipf)
    assert left.dictionary == built.dictionary.threshold(2)
    assert "canid" in left.dropped["below the threshold"]
    assert len(left.dropped["below the threshold"]) == len(built.dictionary) - len(left.dictionary)


def test_progress_is_told():
    told = []
    dictionary_of(small_wordnet(), {}, zipf=zipf, on_synset=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] >= len(SYNSETS)


def test_younger_nouns_are_added_below_a_noun_of_their_kind():
    telephone = Synset("1", "artifact", ("cellular telephone",), (), False, "")
    coin = Synset("2", "artifact", ("coin",), (), False, "")
    wordnet = with_more_nouns(WordNet({"1": telephone, "2": coin}, {"cellular telephone": ("1",), "coin": ("2",)}))
    smartphone = wordnet.synsets[wordnet.senses["smartphone"][0]]
    assert (smartphone.kind, smartphone.hypernyms) == ("artifact", ("1",))
    assert wordnet.senses["coin"] == ("2",)
    built = dictionary_of(wordnet, {}, zipf=zipf)
    phone = built.dictionary.find("smartphone")[0]
    assert phone.synset == ""
    assert phone.hypernyms == (built.dictionary.find("cellular telephone")[0].id,)


@pytest.mark.slow
def test_the_real_wordnet(tmp_path):
    pytest.importorskip("wordfreq")
    try:
        built = build_dictionary()
    except ValueError as error:
        pytest.skip(str(error))
    path = tmp_path / "nouns.json"
    built.dictionary.write(path)
    assert NounDictionary.read(path) == built.dictionary
    assert 30_000 < len(built.dictionary) < 45_000
    for text, plurals in (("dog", "dogs"), ("mouse", "mice"), ("sheep", "sheep"), ("trousers", "trousers"),
                          ("fire engine", "fire engines"), ("mother-in-law", "mothers-in-law"), ("person", "people"),
                          ("smartphone", "smartphones"), ("coin", "coins")):
        assert plurals in built.dictionary.find(text)[0].plurals, text
    assert built.dictionary.find("furniture")[0].plurals == ()
    targets = {noun.target_noun for noun in built.dictionary}
    stop = word_list("stop_terms")
    assert targets & set(stop["terms"]) == set()
    assert [target for target in targets if set(target.split()) & set(stop["words"])] == []
    for gone in ("eiffel tower", "canis familiaris", "genus canis", "happiness", "german", "optimist"):
        assert gone not in targets
