"""A noun dictionary of a few nouns, with every shape that an entry can have; for tests of captions."""

from novic_ros.vocabulary import NounDictionary, ObjectNoun


def object_noun(number, pretty, singulars, plurals, kind="artifact", hypernyms=()):
    """singulars, plurals: {form: frequency}."""
    return ObjectNoun(number, pretty.lower().replace("-", " "), pretty, tuple(singulars), tuple(plurals),
                      tuple(singulars.values()), tuple(plurals.values()), hypernyms, "", kind)


def tiny_dictionary(reverse=False):
    """Frequencies of singular forms sum up to 11, of plural ones to 8; "scissors" has no singular, "rice" no plural."""
    nouns = (
        object_noun(0, "dog", {"dog": 3}, {"dogs": 2}, "animal", (5,)),
        object_noun(1, "T-shirt", {"T-shirt": 2, "T shirt": 1}, {"T-shirts": 1, "T shirts": 1}),
        object_noun(2, "scissors", {}, {"scissors": 3}),
        object_noun(3, "rice", {"rice": 2}, {}, "food"),
        object_noun(4, "X-ray film", {"X-ray film": 1}, {}, ""),
        object_noun(5, "animal", {"animal": 2}, {"animals": 1}, "animal"),
    )
    return NounDictionary(nouns[::-1] if reverse else nouns)
