"""Noise in the shape of a classifier's errors, on a hierarchy of thirty synsets and ten classes."""

import pytest
import torch
from tiny_wordnet import offset_of, tiny_wordnet

from novic_ros.training.mini.classifier_noise import ClassifierNoise, Shares
from novic_ros.vocabulary.selection import Noun

WIDTH, COUNT = 32, 3000
WORDNET = tiny_wordnet()
CLASSES = tuple(offset_of(WORDNET, word) for word in (
    "bull terrier", "fox terrier", "poodle", "tabby", "siamese cat", "duck", "guitar", "piano", "drum", "fire engine"))
UNNAMED = 5  # "duck": a class without a noun
NOUNS = [Noun(word, offset, synset.kind, 3.0) for offset, synset in WORDNET.synsets.items()
         for word in synset.words if word not in ("duck", "entity")]
INDEX = {noun.text: i for i, noun in enumerate(NOUNS)}
# Words above at least two of the classes, at least four steps below the root.
GROUPS = {INDEX[word] for word in ("organism", "animal", "dog", "terrier", "cat", "instrument", "musical instrument")}


def unit(x):
    return torch.nn.functional.normalize(x, dim=-1)


def random_units(count, seed):
    return unit(torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed)))


TABLE = unit(random_units(len(CLASSES), 0))
# What the classifier has learned of its classes: it can hardly tell one terrier from the other.
CLASS_WEIGHTS = torch.randn(len(CLASSES), 64, generator=torch.Generator().manual_seed(2))
CLASS_WEIGHTS[1] = CLASS_WEIGHTS[0] + 0.3 * CLASS_WEIGHTS[1]
VECTORS, ROWS = random_units(len(NOUNS), 1), torch.arange(COUNT) % len(NOUNS)


def noise(**shares):
    alone = {"heard": 0.0, "confused": 0.0, "unsure": 0.0, "most_degrees": 0.0}
    return ClassifierNoise(TABLE, CLASS_WEIGHTS, 0.7, WORDNET, NOUNS, CLASSES,
                           Shares(**{**alone, **shares}) if shares else None)


def made_by(maker, progress=1.0, seed=3):
    return maker(VECTORS[ROWS], ROWS, progress, torch.Generator().manual_seed(seed))


def out_of_table(vectors):
    """Share of each vector's square that classes do not explain, 0 to 1; the fixed gauss noise adds about 0.03."""
    basis = torch.linalg.qr(TABLE.T).Q
    return 1 - (vectors @ basis).square().sum(-1)


def test_unit_vectors_and_valid_targets():
    vectors, nouns = made_by(noise())
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(COUNT))
    assert (vectors.dtype, nouns.dtype, len(nouns)) == (torch.float32, torch.int64, COUNT)
    assert 0 <= nouns.min() <= nouns.max() < len(NOUNS)


def test_depends_on_the_generator_alone_and_leaves_its_input():
    maker, before = noise(), VECTORS.clone()
    first = made_by(maker)
    torch.manual_seed(11)
    assert all(torch.equal(a, b) for a, b in zip(first, made_by(maker)))
    assert not torch.equal(first[0], made_by(maker, seed=4)[0])
    assert torch.equal(VECTORS, before)
    assert torch.equal(ROWS, torch.arange(COUNT) % len(NOUNS))


def test_plain():
    vectors, nouns = made_by(noise(heard=0.0, unsure=0.0))
    assert torch.equal(nouns, ROWS)
    assert (vectors * VECTORS[ROWS]).sum(-1).min() > 0.95  # gauss noise of 0.2 only


def test_heard_lies_between_the_noun_and_the_classes():
    vectors, nouns = made_by(noise(heard=1.0))
    assert torch.equal(nouns, ROWS)
    cosine = (vectors * VECTORS[ROWS]).sum(-1)
    assert cosine.min() < 0.6 < 0.9 < cosine.max()
    assert out_of_table(vectors).mean() < 0.75 * out_of_table(VECTORS[ROWS]).mean()


def test_confused_is_a_class_with_one_of_its_words():
    vectors, nouns = made_by(noise(confused=1.0))
    assert out_of_table(vectors).max() < 0.2
    class_of = {INDEX[word]: c for c, offset in enumerate(CLASSES)
                for word in WORDNET.synsets[offset].words if word in INDEX}
    assert set(nouns.tolist()) == set(class_of)
    counts = nouns.bincount(minlength=len(NOUNS))
    assert counts[INDEX["piano"]] > 2 * counts[INDEX["pianoforte"]] > 0  # the first word more often
    meant = torch.tensor([class_of[noun] for noun in nouns.tolist()])
    looks_like = (vectors @ TABLE.T).argmax(1)
    mistakes = {pair for pair in zip(meant.tolist(), looks_like.tolist()) if pair[0] != pair[1]}
    assert mistakes == {(0, 1), (1, 0)}
    assert 0.05 < (meant != looks_like)[meant < 2].float().mean() < 0.5


def test_unsure_spreads_over_the_classes_below_its_noun():
    vectors, nouns = made_by(noise(unsure=1.0))
    assert out_of_table(vectors).max() < 0.2
    assert set(nouns.tolist()) == GROUPS
    terriers = vectors[nouns == INDEX["terrier"]] @ TABLE.T
    assert terriers[:, :2].mean() > 0.5
    assert terriers[:, 2:].mean() < 0.25


def test_shares_of_the_kinds():
    _, nouns = made_by(noise(heard=0.2, confused=0.3, unsure=0.4))
    by_chance = 1 / len(NOUNS)  # the new noun is the old one
    assert (nouns != ROWS).float().mean().item() == pytest.approx(0.7 * (1 - by_chance), abs=0.03)
    of_groups = torch.tensor([noun in GROUPS for noun in nouns.tolist()]).float().mean().item()
    assert of_groups == pytest.approx(0.4 + 0.3 * len(GROUPS) / len(NOUNS), abs=0.03)


def test_rotation_grows_with_progress():
    maker = noise(most_degrees=60.0, full_noise_at=0.5)
    cosine = {progress: (made_by(maker, progress)[0] * VECTORS[ROWS]).sum(-1).mean().item()
              for progress in (0.0, 0.25, 0.5, 1.0)}
    assert cosine[0.0] > 0.95
    assert cosine[0.0] > cosine[0.25] + 0.02 > cosine[0.5] + 0.04
    assert cosine[0.5] == cosine[1.0]


def test_no_vectors():
    vectors, nouns = noise()(VECTORS[:0], ROWS[:0], 0.5, torch.Generator().manual_seed(0))
    assert (vectors.shape, nouns.shape) == ((0, WIDTH), (0,))
