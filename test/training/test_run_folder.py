"""The folder of a training: logs that are cut back, states that are whole, and no mixing of trainings."""

import json

import pytest
import torch
from toy_training import NOUNS, toy_cache, toy_data, toy_recipe

from novic_ros.training.recipe import Recipe, RecipeError
from novic_ros.training.run_folder import CsvLog, RunFolder


def test_numbers_are_written_exactly(tmp_path):
    log = CsvLog(tmp_path / "log.csv", ("step", "loss"))
    log.cut(0)
    values = [0.1 + 0.2, 1e-30, 3.0]
    for step, value in enumerate(values, start=1):
        log.write(step=step, loss=value)
    assert [float(row["loss"]) for row in log.rows()] == values
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "step,loss"


def test_a_log_is_cut_back(tmp_path):
    log = CsvLog(tmp_path / "log.csv", ("step", "loss"))
    log.cut(0)
    for step in range(1, 6):
        log.write(step=step, loss=step / 7)
    with log.path.open("a") as file:
        file.write("6")  # a crash in the middle of a line
    log.cut(3)
    log.write(step=4, loss=9.0)
    assert [(row["step"], float(row["loss"])) for row in log.rows()] == [("1", 1 / 7), ("2", 2 / 7), ("3", 3 / 7),
                                                                         ("4", 9.0)]
    log.cut(0)
    assert log.rows() == []


def test_a_new_folder_says_what_it_is_about(tmp_path):
    folder = RunFolder(tmp_path / "a" / "run")
    folder.prepare(toy_recipe(), toy_data())
    assert Recipe.read(folder.path / "recipe.yaml") == toy_recipe()
    data = json.loads((folder.path / "data.json").read_text())
    assert (data["embedder"], data["nouns"], data["caches"]) == ("toy", 12, [{"shape": [96, 16], "nouns": 12}])
    (start,) = json.loads((folder.path / "runs.json").read_text())
    assert start["packages"]["torch"] == torch.__version__
    assert start["command"]
    folder.prepare(toy_recipe(), toy_data())
    assert len(json.loads((folder.path / "runs.json").read_text())) == 2
    assert (folder.state(), folder.best_state(), folder.result()) == (None, None, None)


@pytest.mark.parametrize(("recipe", "data", "words"), [
    (toy_recipe(epochs=9, dropout=0.2), toy_data(), "epochs = 9 instead of 4, dropout = 0.2 instead of 0.1"),
    (toy_recipe(), toy_data(toy_cache(NOUNS[:11])), "on these caches, found one on others"),
    (toy_recipe(), toy_data(toy_cache(rows=95)), "on these caches, found one on others"),
    (toy_recipe(), toy_data(toy_cache(NOUNS[::-1])), "on these caches, found one on others"),
])
def test_another_training_is_refused(tmp_path, recipe, data, words):
    folder = RunFolder(tmp_path)
    folder.prepare(toy_recipe(), toy_data())
    with pytest.raises(RecipeError) as error:
        folder.prepare(recipe, data)
    assert words in str(error.value)
    assert Recipe.read(tmp_path / "recipe.yaml") == toy_recipe()


def test_a_strange_folder_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(RecipeError, match="expected an empty folder or one of a training, found neither"):
        RunFolder(tmp_path).prepare(toy_recipe(), toy_data())
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]
    with pytest.raises(RecipeError, match="expected a folder, found a file"):
        RunFolder(tmp_path / "holiday.jpg").check(toy_recipe(), toy_data())


def test_states(tmp_path):
    folder = RunFolder(tmp_path)
    folder.save({"done": 3, "model": {"a": torch.ones(2)}}, best=True)
    folder.save({"done": 4, "model": {"a": torch.zeros(2)}}, best=False)
    assert (folder.state()["done"], folder.best_state()["done"]) == (4, 3)
    assert torch.equal(folder.best_state()["model"]["a"], torch.ones(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.pt", "last.pt"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_state_is_named(tmp_path, content):
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(ValueError, match="last.pt: expected the state of a training, cannot read it"):
        RunFolder(tmp_path).state()


def test_disk_for_what_is_written(tmp_path):
    """The estimate is not less than two states and two decoders, and not much more."""
    recipe, data = toy_recipe(), toy_data()
    folder = RunFolder(tmp_path)
    model = data.network(recipe)
    parameters = sum(p.numel() for p in model.parameters())
    folder.save({"model": model.state_dict(), "optimiser": [model.state_dict(), model.state_dict()]}, best=True)
    written = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert written + 8 * parameters < folder.bytes_needed(parameters, 10) < written + 40 * parameters + 2_000_000
