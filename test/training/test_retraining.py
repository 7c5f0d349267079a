"""A whole retraining in miniature: captions, cache, noise, training, the slim format, and nouns out of vectors again.

The text encoder is a stand-in that needs no weights: a fixed random vector per word, so that nouns that share a word
are near each other, and captions of one noun differ.
"""

import zlib

import pytest
import torch
from tiny_model import tokenized

from novic_ros import decoding
from novic_ros.decoding.checkpoint import Checkpoint, save_slim
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.training.batches import NounBatches
from novic_ros.training.captions import TEMPLATES, caption
from novic_ros.training.embedding_cache import EmbeddingCache, write_cache
from novic_ros.training.noise import gauss_elementwise, uniform_angle
from novic_ros.training.trainer import TrainingRun, train
from novic_ros.vocabulary import read_nouns

SPEC, WIDTH, STEPS = "stand-in for a text encoder", 96, 700
NOUNS = """
acorn, airplane, alarm clock, ambulance, ant, apple, apron, armchair, backpack, bagel, balloon, banana,
baseball bat, basket, bath towel, bathtub, bear, bed, bee, beer bottle, bell, bench, bicycle, bird, bird
feeder, blanket, boat, book, bookcase, boot, bow tie, bowl, bowling ball, box, bread, bridge, broom, bucket,
bulldozer, bus, bus stop, butterfly, cabbage, cactus, camera, candle, car, car wheel, carrot, castle, cat,
chair, cheese, chest of drawers, chicken, clock, coat, coffee mug, coin, computer keyboard, computer mouse,
cow, crane, crayon, cup, curtain, deer, desk, dishwasher, dog, door, doorknob, dragonfly, dress, drill, drum,
duck, eagle, ear, eggplant, elephant, fire engine, fire extinguisher, fish, flag, flashlight, flower, flower
pot, fork, fountain pen, fox, frog, frying pan, garbage truck, garden hose, gas pump, giraffe, glove, goat,
goldfish, guitar, hair dryer, hammer, hand, hat, hedgehog, helmet, horse, hot dog, hourglass, house, ice
cream, jack-o'-lantern, jellyfish, key, kite, knife, ladder, lamp, laptop, leaf, lemon, light bulb, lion,
lobster, mailbox, map, microphone, monkey, moon, motorcycle, mountain bike, mouse, mushroom, necktie,
notebook, orange, owl, paintbrush, park bench, pear, pen, pencil, piano, picture frame, pig, pillow, pizza,
pool table, potato, rabbit, sea lion, shoe, T-shirt, teapot, traffic light, umbrella
"""


def encode(texts):
    """Unit vectors float32 [n, F]: the sum of a random vector per word, words of more letters counting more."""
    rows = []
    for text in texts:
        words = text.lower().replace(",", "").split()
        seeds = [torch.Generator().manual_seed(zlib.crc32(word.encode())) for word in words]
        rows.append(sum(len(word) * torch.randn(WIDTH, generator=seed) for word, seed in zip(words, seeds)))
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


def noise(vectors, nouns, progress, generator):
    """Elementwise noise, and a rotation by up to 30 degrees that grows while training goes on."""
    vectors = gauss_elementwise(vectors, 0.2, generator)
    return uniform_angle(vectors, 0, 30 * min(1.0, 2 * progress), generator), nouns


def share_that_returns(decoder, nouns, vectors):
    found = decoder.decode(vectors, "beam_k10_vnone_gp_t1_a0")
    return sum(best[0].text == noun for best, noun in zip(found, nouns)) / len(nouns)


@pytest.fixture(scope="module")
def nouns(tmp_path_factory):
    path = tmp_path_factory.mktemp("nouns") / "nouns.txt"
    path.write_text("\n".join(NOUNS.replace("\n", " ").split(",")))
    return [noun.strip() for noun in read_nouns(path)]


@pytest.fixture(scope="module")
def decoders(nouns, tmp_path_factory):
    """The same decoder before and after its training, both loaded from files."""
    folder = tmp_path_factory.mktemp("retraining")
    captions = [encode([caption(template, noun) for noun in nouns]).numpy() for template in TEMPLATES]
    targets = torch.arange(len(nouns)).numpy()
    write_cache(folder / "cache", nouns, SPEC, len(TEMPLATES) * len(nouns), WIDTH,
                ((part, targets) for part in captions))

    vocabulary, tokens = tokenized(nouns)
    torch.manual_seed(0)
    model = ObjectDecoder(Architecture(embed_dim=WIDTH, vocab_size=len(vocabulary), max_tokens=max(map(len, tokens)),
                                       hidden_dim=64, feedfwd_dim=128, num_layers=2, num_heads=4, prefix_length=2,
                                       dropout=0.1))
    rows = tuple(map(tuple, tokens))
    checkpoint = Checkpoint(model, SPEC, tuple(nouns), rows, vocabulary, NounTrie.build(rows))
    save_slim(folder / "untrained", checkpoint)
    batches = NounBatches(EmbeddingCache.open(folder / "cache", SPEC), tokens, STEPS, batch_size=64, noise=noise)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # faster than more for a network this small
    train(model, batches, TrainingRun(STEPS, learning_rate=4e-3, warm_up=0.05), folder / "decoder.pt")
    torch.set_num_threads(threads)
    save_slim(folder / "trained", checkpoint)
    return [decoding.load(folder / name, "cpu") for name in ("untrained", "trained")]


def test_the_list_is_long_enough(nouns):
    assert len(nouns) >= 150


def test_nouns_come_back_from_their_own_embeddings(decoders, nouns):
    untrained, trained = decoders
    vectors = encode(nouns)
    assert share_that_returns(untrained, nouns, vectors) < 0.2
    assert share_that_returns(trained, nouns, vectors) >= 0.9


def test_nouns_come_back_from_noisy_captions(decoders, nouns):
    untrained, trained = decoders
    vectors = encode([f"a photo of the small {noun}" for noun in nouns])  # no template of the training
    vectors = uniform_angle(vectors, 20, 20, torch.Generator().manual_seed(0))
    assert share_that_returns(untrained, nouns, vectors) < 0.2
    assert share_that_returns(trained, nouns, vectors) >= 0.8


def test_the_folder_says_whose_vectors_it_reads(decoders, nouns):
    for decoder in decoders:
        assert (decoder.embedder_spec, decoder.width, decoder.nouns) == (SPEC, WIDTH, tuple(nouns))


def test_sure_of_clean_vectors_and_unsure_of_strange_ones(decoders):
    trained = decoders[1]
    own = [best[0].score for best in trained.decode(encode(["guitar", "fire engine", "umbrella"]))]
    strange = [best[0].score for best in trained.decode(encode(["zyzzyva", "quux plugh", "xyzzy"]))]
    assert min(own) > max(strange)
