"""Recipes: the published numbers, and refusals that name every field at once."""

import dataclasses

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from toy_training import RECIPE, toy_recipe

from novic_ros.training.noise import SCHEMES
from novic_ros.training.recipe import Recipe, RecipeError, find_recipe, known_recipes, parse_setting

PUBLISHED = {
    "batch_size": 512, "accumulation": 16, "epochs": 18, "chunk_scale": 50, "warm_up_chunks": 0,
    "learning_rate": 1.5e-3, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1, "clip_norm": 1.0,
    "noise_scheme": "GaussElemUniformAngle", "noise_vec_norm": 3.25, "noise_angle_min": 45, "noise_angle_max": 75,
    "noise_mix_ratio": 0.15, "label_smoothing": 0, "num_end_loss": 1, "precision": "tf32", "compile": False,
    "hidden_dim": 512, "feedfwd_dim": 128, "num_layers": 6, "num_heads": 8, "prefix_length": 4, "dropout": 0.1,
    "weight_tying": True, "layer_norm_first": True, "layer_bias": False, "strictly_causal": False,
}  # fmt: skip


@pytest.mark.parametrize(("name", "nouns"), [("novic_ft0", 42_919), ("novic_ft2", 11_897)])
def test_published_recipes(name, nouns):
    recipe = Recipe.read(name)
    assert {field: getattr(recipe, field) for field in PUBLISHED} == PUBLISHED
    assert (recipe.name, recipe.published_nouns) == (name, nouns)
    arch = recipe.architecture(768, 6900, 9)
    assert (arch.embed_dim, arch.vocab_size, arch.max_tokens, arch.hidden_dim, arch.dropout) == (768, 6900, 9, 512, 0.1)


def test_the_published_recipes_differ_in_their_nouns_alone():
    differences = Recipe.read("novic_ft0").differences(Recipe.read("novic_ft2"))
    assert differences == ["name = 'novic_ft0' instead of 'novic_ft2'", "published_nouns = 42919 instead of 11897"]


def test_all_recipes_are_read_and_written_back(tmp_path):
    assert {"mini", "novic_ft0", "novic_ft2", "site"} <= set(known_recipes())
    for name in known_recipes():
        recipe = Recipe.read(name)
        (tmp_path / "again.yaml").write_text(recipe.text())
        assert Recipe.read(tmp_path / "again.yaml") == recipe
        assert recipe.name == name


@pytest.mark.parametrize(("changes", "words"), [
    ({"learning_rat": 1}, ["learning_rat: no such field, did you mean learning_rate?"]),
    ({"something": 1}, ["something: no such field"]),
    ({"learning_rate": 0}, ["learning_rate: expected a number above 0 up to 1, got 0"]),
    ({"learning_rate": 15}, ["learning_rate: expected a number above 0 up to 1, got 15"]),
    ({"learning_rate": float("nan")}, ["learning_rate: expected", "got nan"]),
    ({"learning_rate": "fast"}, ["learning_rate: expected a number", "got 'fast'"]),
    ({"learning_rate": None}, ["learning_rate: expected", "got None"]),
    ({"learning_rate": True}, ["learning_rate: expected", "got True"]),
    ({"batch_size": 0}, ["batch_size: expected a whole number from 1", "got 0"]),
    ({"batch_size": 512.5}, ["batch_size: expected a whole number", "got 512.5"]),
    ({"batch_size": True}, ["batch_size: expected a whole number", "got True"]),
    ({"accumulation": -16}, ["accumulation:"]),
    ({"beta2": 1.0}, ["beta2: expected a number from 0 below 1, got 1"]),
    ({"dropout": 1}, ["dropout: expected a number from 0 below 1"]),
    ({"dropout": -0.1}, ["dropout:"]),
    ({"compile": "yes"}, ["compile: expected true or false, got 'yes'"]),
    ({"name": ""}, ["name: expected a text that is not empty"]),
    ({"precision": "float16"}, ["precision: expected one of float32, tf32, bfloat16, got 'float16'"]),
    ({"noise_scheme": "Gauss"}, ["noise_scheme: expected one of none, GaussElem", "got 'Gauss'"]),
    ({"noise_scheme": "UniformAngle", "noise_angle_min": 50, "noise_angle_max": 45},
     ["noise_angle_min: expected at most noise_angle_max = 45, got 50"]),
    ({"noise_scheme": "GaussElemUniformAngle"}, ["noise_angle_max: expected a number above 0"]),
    ({"num_heads": 3}, ["hidden_dim: expected a multiple of num_heads = 3, got 16"]),
    ({"layer_activation": "swish"}, ["layer_activation: expected one of gelu, relu, tanh, got 'swish'"]),
    ({"num_end_loss": 0}, ["num_end_loss:"]),
    ({"label_smoothing": 1}, ["label_smoothing:"]),
    ({"seed": -1}, ["seed:"]),
    ({"start": "warm"}, ["start: expected one of random, near_nouns, got 'warm'"]),
    ({"start": "near_nouns", "weight_tying": False, "vocab_quant": True},
     ["start: near_nouns does not go with weight_tying = False, vocab_quant = True"]),
    ({"epochs": 0, "clip_norm": 0, "spam": 1, "prefix_length": "4"},
     ["epochs: expected", "clip_norm: expected", "spam: no such field", "prefix_length: expected"]),
])  # fmt: skip
def test_refusals_name_every_field(changes, words):
    with pytest.raises(RecipeError) as error:
        toy_recipe(**changes)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("field", [name for name in RECIPE if name not in ("log_every", "precision", "noise_vec_norm")])
def test_a_missing_field_is_named(field):
    settings = {name: value for name, value in RECIPE.items() if name != field}
    with pytest.raises(RecipeError, match=f"{field}: missing, expected "):
        Recipe.of(settings)


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "none"])
def test_every_noise_needs_its_settings(scheme):
    silent = dict.fromkeys(("noise_vec_norm", "noise_angle_min", "noise_angle_max", "noise_angle_std",
                            "noise_mix_ratio"), 0.0)
    with pytest.raises(RecipeError) as error:
        toy_recipe(noise_scheme=scheme, **silent)
    needed = [name for name in SCHEMES[scheme][0] if name not in ("noise_angle_min", "noise_mix_ratio")]
    assert all(name in str(error.value) for name in needed)
    toy_recipe(noise_scheme=scheme, **silent | dict.fromkeys(SCHEMES[scheme][0], 0.5))


def test_numbers_as_people_write_them():
    recipe = toy_recipe(learning_rate="1e-3", clip_norm=2, chunk_scale="50")
    assert (recipe.learning_rate, recipe.clip_norm, recipe.chunk_scale) == (1e-3, 2.0, 50.0)
    assert isinstance(recipe.clip_norm, float)


@pytest.mark.parametrize(("word", "expected"), [
    ("epochs=3", ("epochs", 3)), ("learning_rate=1e-3", ("learning_rate", "1e-3")), ("name=a=b", ("name", "a=b")),
    ("compile=true", ("compile", True)), ("input_dropout=null", ("input_dropout", None)),
])  # fmt: skip
def test_settings(word, expected):
    assert parse_setting(word) == expected


@pytest.mark.parametrize("word", ["epochs", "=3", "epochs=[", ""])
def test_bad_settings(word):
    with pytest.raises(RecipeError):
        parse_setting(word)


def test_files(tmp_path):
    with pytest.raises(RecipeError, match="nothing.yaml: expected a recipe file, found none"):
        find_recipe(tmp_path / "nothing.yaml")
    with pytest.raises(RecipeError, match="recipe 'nothing': expected a YAML file or one of mini, novic_ft0"):
        find_recipe("nothing")
    for text in ("- a\n- b\n", "", "a: [", "1: 2\n"):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(RecipeError, match="bad.yaml: expected"):
            Recipe.read(tmp_path / "bad.yaml")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(RECIPE))
    assert Recipe.read(tmp_path / "own.yaml", {"epochs": 7}) == toy_recipe(epochs=7)
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(RECIPE | {"epochs": 0}))
    with pytest.raises(RecipeError, match="own.yaml: epochs: expected"):
        Recipe.read(tmp_path / "own.yaml")


SIMPLE = st.none() | st.booleans() | st.integers(-10, 10 ** 10) | st.floats() | st.text(max_size=5)


@given(st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(Recipe)]), SIMPLE, max_size=5))
def test_any_values_make_a_recipe_or_a_refusal(changes):
    try:
        recipe = Recipe.of({**RECIPE, **changes})
    except RecipeError as error:
        assert str(error)
    else:
        assert Recipe.of(yaml.safe_load(recipe.text())) == recipe
