"""Nouns in the encoder's own tokens, for every kind of tokenizer, and caches that go together."""

import pytest
import torch
from toy_training import NOUNS, Letters, toy_cache, toy_data, toy_recipe

from novic_ros.decoding.checkpoint import load_slim, save_slim
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.embedding import load_tokenizer
from novic_ros.training import training_data
from novic_ros.training.mini.initialise import start_near_nouns
from novic_ros.training.modality_gap import ModalityGap
from novic_ros.training.recipe import RecipeError
from novic_ros.training.training_data import TrainingData, tokenized_nouns


def test_nouns_in_tokens():
    data = toy_data()
    assert data.nouns == NOUNS
    assert (data.width, data.rows, data.max_tokens) == (16, 96, 8)
    assert [data.vocabulary.text(tokens) for tokens in data.noun_tokens] == list(NOUNS)
    assert all(tokens[-1] == 0 and 0 not in tokens[:-1] for tokens in data.noun_tokens)
    used = {letter for noun in NOUNS for letter in noun}
    assert (len(data.vocabulary), data.vocabulary.tokenizer_size) == (1 + len(used), 28)


def test_clip_tokens_are_those_that_the_authors_train_on():
    """Canonical spelling: lower case, no signs, blanks for hyphens."""
    tokenizer = load_tokenizer("openclip:any/where", 49408, [49407])
    vocabulary, tokens = tokenized_nouns(["T-shirt", "fire engine", "jack-o'-lantern"], tokenizer)
    assert [vocabulary.text(row) for row in tokens] == ["t shirt", "fire engine", "jack o lantern"]
    assert (vocabulary.full_ids[0], vocabulary.end_ids, vocabulary.tokenizer_size) == (49407, (49407,), 49408)


def test_a_decoder_for_them_is_written_and_read_back(tmp_path):
    data = toy_data()
    save_slim(tmp_path, data.checkpoint(data.network(toy_recipe()), {"made_by": "a test"}), torch.float32)
    again = load_slim(tmp_path)
    assert (again.nouns, again.noun_tokens, again.embedder_spec) == (data.nouns, data.noun_tokens, "toy")
    assert again.provenance == {"made_by": "a test"}


def test_the_same_seed_gives_the_same_network_and_leaves_other_random_numbers_alone():
    data = toy_data()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = (data.network(toy_recipe(seed=seed)).tokens.weight for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_nouns_have_the_mean_direction_of_their_own_vectors(monkeypatch):
    cache = toy_cache(most=2, rows=200)
    used = (cache.weights > 0).sum(1)
    for noun in (0, 3):
        alone = cache.vectors[(used == 1) & (cache.targets[:, 0] == noun)].astype("float32")
        expected = torch.nn.functional.normalize(torch.from_numpy(alone).sum(0), dim=0)
        torch.testing.assert_close(toy_data(cache).noun_vectors[noun], expected)
    cache.weights[cache.targets[:, 0] == 1, 1] = 0.1  # "cab" is nowhere alone now
    cache.targets[(used == 1) & (cache.targets[:, 0] == 1), 1] = 2
    assert not toy_data(cache).noun_vectors[1].any()
    whole = toy_data(toy_cache()).noun_vectors
    monkeypatch.setattr(training_data, "ROWS", 7)
    torch.testing.assert_close(toy_data(toy_cache()).noun_vectors, whole)
    monkeypatch.setattr(training_data, "MOST_ROWS", 12)  # each noun once
    torch.testing.assert_close(toy_data(toy_cache()).noun_vectors[5],
                               torch.nn.functional.normalize(torch.from_numpy(toy_cache().vectors[5]).float(), dim=0))


def test_a_head_start_near_the_nouns():
    """The decoder begins as `start_near_nouns` leaves it, with the nouns that have vectors of their own."""
    cache = toy_cache()
    cache.nouns = (*NOUNS, "gag")  # no row
    data, recipe = toy_data(cache), toy_recipe(start="near_nouns", hidden_dim=8)
    torch.manual_seed(recipe.seed)
    expected = ObjectDecoder(recipe.architecture(data.width, len(data.vocabulary), data.max_tokens))
    start_near_nouns(expected, data.noun_vectors[:12], data.noun_tokens[:12])
    found = data.network(recipe)
    assert all(torch.equal(found.state_dict()[name], tensor) for name, tensor in expected.state_dict().items())
    with pytest.raises(ValueError, match="12 nouns of width 16 allow a hidden_dim of at most 12, got 16"):
        data.network(toy_recipe(start="near_nouns"))


def test_several_caches():
    data = toy_data(toy_cache(NOUNS[:5], rows=40), toy_cache(NOUNS[3:], rows=24, seed=1))
    assert data.nouns == NOUNS
    assert data.rows == 64
    assert data.schedule(toy_recipe()).epoch_batches == 8


def test_nouns_without_tokens_are_named():
    with pytest.raises(RecipeError, match=r"nouns: expected letters or digits in each, found 2 without: \['!', '-'\]"):
        tokenized_nouns(["ab", "!", "cab", "-"], Letters())


def test_nouns_with_the_same_tokens_are_named(caplog):
    tokenized_nouns(["b-ad", "cab", "b ad", "CAB"], Letters())
    assert "2 groups of nouns have the same tokens" in caplog.text
    assert "b-ad = b ad; cab = CAB" in caplog.text


def test_caches_of_different_widths():
    narrow = toy_cache()
    narrow.vectors = narrow.vectors[:, :8]
    with pytest.raises(RecipeError, match=r"caches: expected one or more with vectors of one width, got \[8, 16\]"):
        TrainingData.of([toy_cache(), narrow], "toy", Letters())


def gap_of(width):
    """An encoder's modality gap: images lie 3 further along the first axis than texts."""
    shift = [3.0, *[0.0] * (width - 1)]
    return ModalityGap.of({"cfg_embedder": {"embedder_spec": "toy"}, "mean_shift": shift})


def test_vectors_are_moved_by_the_gap_where_the_recipe_says_so():
    data = TrainingData.of([toy_cache()], "toy", Letters(), gap_of(16))
    vectors = torch.nn.functional.normalize(torch.randn(5, 16), dim=-1)
    moved = data.noise(toy_recipe(noise_scheme="none", mean_shift=True))(vectors, torch.Generator())
    torch.testing.assert_close(moved, data.gap.corrected_mean(vectors))
    assert torch.equal(data.noise(toy_recipe(noise_scheme="none"))(vectors, torch.Generator()), vectors)
    with pytest.raises(ValueError, match="mean_shift: expected the encoder's modality gap too"):
        toy_data().noise(toy_recipe(mean_shift=True))
    with pytest.raises(RecipeError, match="gap: expected vectors of width 16, as the caches have, got 8"):
        TrainingData.of([toy_cache()], "toy", Letters(), gap_of(8))


def test_a_batch_larger_than_the_cache():
    with pytest.raises(ValueError, match="expected a batch size from 1 to 96"):
        toy_data().schedule(toy_recipe(batch_size=1000))
