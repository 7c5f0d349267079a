"""Ablations: every combination once, intervals as the textbook has them, and reports that can be read."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_training import CPU, toy_data, toy_recipe

from novic_ros.training.ablation import Ablation, Interval, parse_variation, t_quantile
from novic_ros.training.ablation_report import table, write_report
from novic_ros.training.processes import Processes
from novic_ros.training.recipe import RecipeError

ALONE = Processes(CPU)
VARIED = {"num_layers": [1, 2], "noise_scheme": ["none", "GaussElem"]}


@pytest.mark.parametrize(("freedom", "expected"), [
    (1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (30, 2.0423), (100, 1.9840),
])  # fmt: skip
def test_the_textbooks_table(freedom, expected):
    """95 % two-sided."""
    assert t_quantile(0.975, freedom) == pytest.approx(expected, abs=6e-5)


def test_quantiles_with_a_formula():
    """One degree of freedom is Cauchy's distribution, two have a closed form."""
    for share in (0.5, 0.6, 0.75, 0.9, 0.99):
        assert t_quantile(share, 1) == pytest.approx(math.tan(math.pi * (share - 0.5)), abs=1e-8)
        p = 2 * share - 1
        assert t_quantile(share, 2) == pytest.approx(p * math.sqrt(2 / (1 - p * p)), abs=1e-6)


@pytest.mark.parametrize(("share", "freedom"), [(1.0, 3), (0.4, 3), (0.9, 0)])
def test_quantiles_that_do_not_exist(share, freedom):
    with pytest.raises(ValueError, match="expected 0.5 <= share < 1 and freedom >= 1"):
        t_quantile(share, freedom)


def test_intervals_by_hand():
    interval = Interval.of([1.0, 2.0, 6.0])
    assert interval.mean == 3.0
    assert interval.half == pytest.approx(4.3027 * math.sqrt(7) / math.sqrt(3), rel=1e-4)
    assert str(Interval.of([0.25])) == "0.2500"
    assert str(Interval(0.5, 0.125, 3)) == "0.5000 ± 0.1250"


@given(st.integers(2, 6), st.integers(0, 10_000))
def test_an_interval_moves_with_its_values(n, seed):
    values = np.random.default_rng(seed).standard_normal(n)
    plain, moved = Interval.of(values.tolist()), Interval.of((3 + 2 * values).tolist())
    assert moved.mean == pytest.approx(3 + 2 * plain.mean)
    assert moved.half == pytest.approx(2 * plain.half)


def test_intervals_hold_what_they_promise():
    """About 95 of 100 intervals over three normal values hold the true mean."""
    random = np.random.default_rng(0)
    held = [abs(one.mean - 5) <= one.half for one in (Interval.of(random.normal(5, 2, 3).tolist()) for _ in range(400))]
    assert 0.92 < np.mean(held) < 0.98


@pytest.mark.parametrize(("word", "expected"), [
    ("num_layers=1,2", ("num_layers", [1, 2])), ("dropout=0.1", ("dropout", [0.1])),
    ("noise_scheme=none,GaussElem", ("noise_scheme", ["none", "GaussElem"])),
    ("compile=true,false", ("compile", [True, False])),
])  # fmt: skip
def test_variations(word, expected):
    assert parse_variation(word) == expected


@pytest.mark.parametrize("word", ["num_layers", "num_layers=", "=1,2", "num_layers=1,[", "num_layers=1,1"])
def test_bad_variations(word):
    with pytest.raises(RecipeError):
        parse_variation(word)


def test_every_combination_with_every_seed(tmp_path):
    ablation = Ablation(toy_recipe(seed=5), VARIED, 3, tmp_path)
    names = [name for name, _ in ablation.trainings(toy_data(), ALONE)]
    assert len(set(names)) == 12
    assert names[0] == "num_layers=1,noise_scheme=none/seed5"
    assert names[-1] == "num_layers=2,noise_scheme=GaussElem/seed7"
    recipes = {(recipe.num_layers, recipe.noise_scheme, recipe.seed) for case in ablation.cases
               for _, recipe in case.recipes}
    assert recipes == {(layers, noise, seed) for layers in (1, 2) for noise in ("none", "GaussElem")
                       for seed in (5, 6, 7)}


def test_complaints_come_before_any_training(tmp_path):
    with pytest.raises(RecipeError) as error:
        Ablation(toy_recipe(), {"num_layers": [1, 0], "dropout": [0.1, 2]}, 2, tmp_path)
    assert "num_layers: expected a whole number from 1" in str(error.value)
    assert "dropout: expected a number from 0 below 1, got 2" in str(error.value)
    with pytest.raises(RecipeError, match="seed: expected other fields to vary"):
        Ablation(toy_recipe(), {"seed": [1, 2]}, 2, tmp_path)
    with pytest.raises(RecipeError, match="seeds: expected a whole number from 1, got 0"):
        Ablation(toy_recipe(), {}, 0, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """(folder, results of a two by two toy with two seeds, which names it was asked to measure)."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("ablation")
    ablation = Ablation(toy_recipe(epochs=2), VARIED, 2, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("novic_ros.training.diary.draw_curves", lambda folder: [])  # longer than these trainings
        for _, run in ablation.trainings(toy_data(), ALONE):
            run.run()
    asked = []

    def evaluate(decoder):
        asked.append(decoder.relative_to(folder).as_posix())
        return {"score": len(asked) / 10}

    found = ablation.results(toy_data(), ALONE, evaluate)
    torch.set_num_threads(threads)
    return folder, found, asked


def test_results_of_two_by_two(results):
    folder, found, asked = results
    assert [row["settings"] for row in found["rows"]] == [
        {"num_layers": layers, "noise_scheme": noise} for layers in (1, 2) for noise in ("none", "GaussElem")]
    assert asked[0] == "num_layers=1,noise_scheme=none/seed1/decoder"
    assert len(asked) == 8
    first = found["rows"][0]["figures"]
    assert first["score"]["values"] == [0.1, 0.2]
    assert first["score"]["mean"] == pytest.approx(0.15)
    assert first["score"]["half_width"] == pytest.approx(12.7062 * 0.05, rel=1e-4)
    for row in found["rows"]:
        name = f"num_layers={row['settings']['num_layers']},noise_scheme={row['settings']['noise_scheme']}"
        own = [json.loads((folder / name / f"seed{seed}" / "result.json").read_text()) for seed in (1, 2)]
        for figure in ("share", "loss", "accuracy"):
            assert row["figures"][figure]["values"] == [one[figure] for one in own]


def test_report(results):
    folder, found, _ = results
    written = write_report(found, folder)
    assert json.loads((folder / "ablation.json").read_text()) == found
    text = (folder / "ablation.md").read_text()
    titles, rows = table(found)
    assert titles == ["num_layers", "noise_scheme", "score", "share", "loss", "accuracy"]
    assert [row[:3] for row in rows][0] == ["1", "none", "0.1500 ± 0.6353"]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 4
    assert lines[2] == f"| {' | '.join(rows[0])} |"
    assert len({line.count("|") for line in lines}) == 1
    pytest.importorskip("matplotlib")
    from PIL import Image

    assert written[-1].name == "ablation.png"
    pixels = np.asarray(Image.open(folder / "ablation.png").convert("RGB")).astype(int)
    assert pixels.shape[1] > 1000  # four panels
    assert (np.abs(pixels - [0x1F, 0x4E, 0x79]).sum(-1) < 60).sum() > 1000


def test_a_single_seed_has_no_interval(results, tmp_path):
    folder, _, _ = results
    found = Ablation(toy_recipe(epochs=2), VARIED, 1, folder).results(toy_data(), ALONE)
    assert all(figure["half_width"] is None for row in found["rows"] for figure in row["figures"].values())
    write_report(found, tmp_path)
    assert "±" not in (tmp_path / "ablation.md").read_text()


def test_unfinished_trainings_have_no_results(results):
    folder, _, _ = results
    with pytest.raises(RecipeError, match="seed3: expected a finished training, found an unfinished one"):
        Ablation(toy_recipe(epochs=2), VARIED, 3, folder).results(toy_data(), ALONE)


def test_an_ablation_of_another_recipe_is_refused(results):
    folder, _, _ = results
    with pytest.raises(RecipeError, match="epochs = 3 instead of 2"):
        Ablation(toy_recipe(epochs=3), VARIED, 2, folder).trainings(toy_data(), ALONE)
