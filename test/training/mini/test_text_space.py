"""The text space of the embedded model, with a stand-in for its sentence encoder that knows words but no meanings."""

import zlib

import pytest
import torch
from tiny_wordnet import offset_of, tiny_wordnet

from novic_ros.training.mini.text_space import CAPTIONS, build_text_space
from novic_ros.vocabulary.selection import Noun

WIDTH = 512
WORDNET = tiny_wordnet()
NOUNS = [Noun(word, offset, synset.kind, 3.0) for offset, synset in WORDNET.synsets.items() for word in synset.words]
INDEX = {noun.text: i for i, noun in enumerate(NOUNS)}
CLASSES = tuple(offset_of(WORDNET, word) for word in ("tabby", "bull terrier", "poodle", "guitar", "drum", "taxi"))


def encode(texts):
    """Unit vectors float32 [n, F]: the mean of a random vector per word."""
    rows = []
    for text in texts:
        words = text.lower().replace(":", "").split()
        rows.append(sum(torch.randn(WIDTH, generator=torch.Generator().manual_seed(zlib.crc32(word.encode())))
                        for word in words))
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


@pytest.fixture(scope="module")
def space():
    return build_text_space(WORDNET, NOUNS, CLASSES, encode)


@pytest.fixture
def cosine(space):
    vectors = space.mean_noun_vectors
    return lambda first, second: (vectors[INDEX[first]] @ vectors[INDEX[second]]).item()


def test_shapes_and_lengths(space):
    assert space.noun_vectors.shape == (len(CAPTIONS), len(NOUNS), WIDTH)
    assert space.class_table.shape == (len(CLASSES), WIDTH)
    for vectors in (space.noun_vectors, space.class_table, space.mean_noun_vectors):
        torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(vectors.shape[:-1]))


@pytest.mark.parametrize(("child", "parent", "stranger"), [
    ("bull terrier", "terrier", "piano"), ("poodle", "dog", "taxi"), ("siamese cat", "cat", "truck"),
    ("guitar", "musical instrument", "dog"), ("taxi", "car", "duck"), ("fire engine", "truck", "cat")])
def test_a_noun_is_closer_to_what_it_is_a_kind_of(cosine, child, parent, stranger):
    assert cosine(child, parent) > cosine(child, stranger) + 0.15


def test_siblings_and_cousins(cosine):
    """The encoder knows no meanings: nearness comes from the hierarchy, and fades with every step."""
    assert cosine("duck", "goose") > cosine("duck", "tabby") > cosine("duck", "taxi")


def test_a_step_up_counts_half_of_the_one_below(cosine):
    """So a kind is near what it is directly a kind of, and well apart from all that lies further up."""
    assert cosine("bull terrier", "terrier") > 0.6
    assert 0 < cosine("bull terrier", "dog") < 0.25
    assert abs(cosine("bull terrier", "animal")) < 0.15


def test_synonyms_are_near_but_not_alike(cosine):
    assert 0.8 < cosine("piano", "pianoforte") < 0.9999


def test_class_vectors_are_those_of_their_nouns(space):
    nearest = (space.class_table @ space.mean_noun_vectors.T).argmax(1).tolist()
    assert [NOUNS[i].synset for i in nearest] == list(CLASSES)


def test_centred_on_the_classes(space):
    """What all classes share, such as the words of the captions, is taken out."""
    assert space.class_table.mean(0).norm() < 0.1
    photo = encode(["a photo of a"])[0]
    assert (space.class_table @ photo).abs().mean() < 0.1


def test_depends_on_the_input_alone(space):
    again = build_text_space(WORDNET, NOUNS, CLASSES, encode)
    assert torch.equal(space.noun_vectors, again.noun_vectors)
    assert torch.equal(space.class_table, again.class_table)
