"""WordNet's files and graph, on a small database in WordNet's own format."""

import pytest

from novic_ros.vocabulary import VocabularyError
from novic_ros.vocabulary.hierarchy import Synset, WordNet

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by  \n  2 a made-up licence.  \n"
# offset, lexicographer file, type, number of words in hexadecimal, (word, sense number), number of pointers,
# (symbol, offset, part of speech, source and target), gloss
DATA = LICENCE + """\
00001740 03 n 01 entity 0 002 ~ 00002100 n 0000 ~ 00002200 n 0000 | that which is; "an entity"
00002100 06 n 02 artifact 0 artefact 0 001 @ 00001740 n 0000 | a man-made object: taken as a whole
00002200 05 n 01 animal 0 002 @ 00001740 n 0000 + 01234567 a 0101 | a living organism
00002300 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 003 @ 00002200 n 0000 @ 00002400 n 0000 %p 00002600 n 0000 | \
a member of the genus Canis | bred by man; "the dog barked all night"
00002400 05 n 01 domestic_animal 0 001 @ 00002200 n 0000 | an animal that is tame
00002500 06 n 0a tower 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 001 @i 00002100 n 0000 | the Eiffel Tower
00002600 09 n 01 thought 0 001 @ 00001740 n 0000 | not a visible thing
"""
INDEX = LICENCE + """\
animal n 1 2 @ + 1 1 00002200
dog n 2 3 @ ~ %p 2 1 00002300 00002200
domestic_dog n 1 1 @ 1 0 00002300
entity n 1 1 ~ 1 1 00001740
"""


@pytest.fixture
def wordnet(tmp_path):
    (tmp_path / "data.noun").write_text(DATA, encoding="latin-1")
    (tmp_path / "index.noun").write_text(INDEX, encoding="latin-1")
    return WordNet.read(tmp_path)


def test_reads_every_synset(wordnet):
    assert list(wordnet.synsets) == [f"0000{n}" for n in (1740, 2100, 2200, 2300, 2400, 2500, 2600)]
    assert wordnet.synsets["00002300"] == Synset(
        "00002300", "animal", ("dog", "domestic dog", "Canis familiaris"), ("00002200", "00002400"), False,
        'a member of the genus Canis | bred by man; "the dog barked all night"')


def test_number_of_words_is_hexadecimal(wordnet):
    assert wordnet.synsets["00002500"].words == ("tower", *"bcdefghij")


def test_instances_and_kinds(wordnet):
    assert [offset for offset, synset in wordnet.synsets.items() if synset.is_instance] == ["00002500"]
    kinds = {synset.words[0]: synset.kind for synset in wordnet.synsets.values()}
    assert (kinds["artifact"], kinds["animal"], kinds["thought"]) == ("artifact", "animal", "")


def test_only_pointers_up_to_nouns_count(wordnet):
    assert wordnet.synsets["00002200"].hypernyms == ("00001740",)
    assert wordnet.synsets["00001740"].hypernyms == ()


def test_definition_has_no_examples(wordnet):
    assert wordnet.synsets["00001740"].definition == "that which is"
    assert wordnet.synsets["00002100"].definition == "a man-made object"


def test_senses_most_frequent_first(wordnet):
    assert wordnet.senses["dog"] == ("00002300", "00002200")
    assert wordnet.senses["domestic dog"] == ("00002300",)
    assert "this" not in wordnet.senses  # the licence


def test_ancestors_count_the_shortest_way(wordnet):
    assert wordnet.ancestors("00002300") == {"00002300": 0, "00002200": 1, "00002400": 1, "00001740": 2}
    assert wordnet.ancestors("00001740") == {"00001740": 0}


def test_depth(wordnet):
    assert [wordnet.depth(f"0000{n}") for n in (1740, 2200, 2300, 2500)] == [0, 1, 2, 2]


@pytest.mark.parametrize("missing", [("data.noun",), ("index.noun",), ("data.noun", "index.noun")])
def test_missing_files_are_named_with_a_remedy(tmp_path, missing):
    for name, content in (("data.noun", DATA), ("index.noun", INDEX)):
        if name not in missing:
            (tmp_path / name).write_text(content)
    with pytest.raises(VocabularyError) as error:
        WordNet.read(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert f"{' and '.join(missing)} not found" in str(error.value)
    assert "wordnet-base" in str(error.value)
