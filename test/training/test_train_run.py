"""A whole training: it learns, what it leaves behind, and that interruptions leave no trace in weights and logs."""

import csv
import json

import pytest
import torch
from toy_training import CPU, NOUNS, largest_difference, toy_cache, toy_data, toy_recipe, weights_of

from novic_ros import decoding
from novic_ros.training import diary
from novic_ros.training.processes import Processes
from novic_ros.training.recipe import RecipeError
from novic_ros.training.train_run import TrainRun

pytestmark = pytest.mark.usefixtures("one_thread")
ALONE = Processes(CPU)
EXACT = ("step", "epoch", "chunk", "samples", "rate", "loss", "accuracy", "smooth_loss", "smooth_accuracy",
         "gradient_norm")  # all but the speed


def train(folder, recipe=None, data=None, **arguments):
    """The result of a training in a folder."""
    return TrainRun(recipe or toy_recipe(), data or toy_data(), folder, ALONE).run(**arguments)


def log_of(folder):
    with (folder / "log.csv").open() as file:
        return [[row[column] for column in EXACT] for row in csv.DictReader(file)]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They take longer than these trainings; `whole`, which is made before this takes hold, has them."""
    monkeypatch.setattr(diary, "draw_curves", lambda folder: [])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was not interrupted."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    train(folder)
    torch.set_num_threads(threads)
    return folder


class Crash(Exception):
    pass


def crash_after(step):
    """An `on_step` that does not survive a step, before or after anything was saved."""
    def on_step(progress):
        if progress.step == step:
            raise Crash

    return on_step


# ---- what a training leaves behind -----------------------------------------------------------------------


def test_it_learns(tmp_path):
    data = toy_data(toy_cache(rows=192, most=2))
    result = train(tmp_path, toy_recipe(epochs=30, dropout=0.0, noise_vec_norm=0.1, learning_rate=2e-2,
                                        probe_every=20), data)
    assert result["share"] >= 0.9
    assert result["probed"] == len(NOUNS)
    assert result["accuracy"] > 0.7  # not all: a vector of two nouns has two right answers
    decoder = decoding.load(tmp_path / "decoder", "cpu")
    cache = toy_cache(seed=5)
    found = decoder.decode(torch.from_numpy(cache.vectors).float(), "greedy")
    right = sum(row[0].text == NOUNS[noun] for row, noun in zip(found, cache.targets[:, 0]))
    assert right / len(found) >= 0.9


def test_what_is_in_the_folder(whole):
    names = {path.name for path in whole.iterdir()} - {"decoder_best", "loss.png", "accuracy.png", "tensorboard"}
    assert names == {"recipe.yaml", "data.json", "runs.json", "log.csv", "probe.csv", "last.pt", "best.pt", "decoder",
                     "result.json"}
    result = json.loads((whole / "result.json").read_text())
    assert (result["steps"], result["samples"]) == (24, 24 * 16)
    assert result["parameters"] == sum(tensor.numel() for tensor in weights_of(whole).values())
    description = json.loads((whole / "decoder" / "decoder.json").read_text())
    assert description["provenance"]["recipe"]["name"] == "toy"
    assert description["provenance"]["step"] == 24
    assert description["nouns"] == list(NOUNS)


def test_logs(whole):
    rows = log_of(whole)
    assert [int(row[0]) for row in rows] == list(range(1, 25))
    schedule = toy_data().schedule(toy_recipe())
    assert [float(row[EXACT.index("rate")]) for row in rows] == [schedule.rate(step) for step in range(24)]
    losses = [float(row[EXACT.index("loss")]) for row in rows]
    assert losses[0] > 1.5 > losses[-1]
    with (whole / "probe.csv").open() as file:
        probes = list(csv.DictReader(file))
    assert [int(row["chunk"]) for row in probes] == list(range(schedule.chunks))
    assert all(int(row["right"]) / int(row["of"]) == float(row["share"]) for row in probes)


@pytest.mark.parametrize("every", [4, 5, 100])
def test_lines_of_the_log_are_means(tmp_path, whole, every):
    train(tmp_path, toy_recipe(log_every=every))
    steps = [*range(every, 24, every), 24]
    rows = log_of(tmp_path)
    assert [int(row[0]) for row in rows] == steps
    single = [float(row[EXACT.index("loss")]) for row in log_of(whole)]
    for begin, end, row in zip([0, *steps], steps, rows):
        assert float(row[EXACT.index("loss")]) == pytest.approx(sum(single[begin:end]) / (end - begin))
    assert rows[-1][EXACT.index("smooth_loss")] == log_of(whole)[-1][EXACT.index("smooth_loss")]


def test_pictures_and_tensorboard(whole):
    pytest.importorskip("matplotlib")
    pytest.importorskip("tensorboard")
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for name in ("loss", "accuracy"):
        assert Image.open(whole / f"{name}.png").size[0] > 400
    events = EventAccumulator(str(whole / "tensorboard"))
    events.Reload()
    logged = [event.value for event in events.Scalars("loss")]
    assert logged == pytest.approx([float(row[EXACT.index("loss")]) for row in log_of(whole)])
    assert len(events.Scalars("probe")) == toy_data().schedule(toy_recipe()).chunks


def test_the_best_decoder(tmp_path, monkeypatch):
    """Probes that get worse: the best is the first, and is kept beside the last."""
    shares = iter(range(12, 0, -1))
    monkeypatch.setattr(diary.Probe, "right", lambda probe, checkpoint, device: next(shares))
    result = train(tmp_path)
    chunks = toy_data().schedule(toy_recipe()).chunks
    assert (result["share"], result["best_share"], result["best_step"]) == ((13 - chunks) / 12, 1.0, 3)
    best = json.loads((tmp_path / "decoder_best" / "decoder.json").read_text())
    assert best["provenance"]["step"] == 3
    last = json.loads((tmp_path / "decoder" / "decoder.json").read_text())
    assert last["provenance"]["step"] == 24


def test_without_a_probe_the_lowest_loss_is_the_best(tmp_path):
    result = train(tmp_path, toy_recipe(probe_nouns=0))
    assert (result["share"], result["best_share"], result["probed"]) == (None, None, 0)
    assert result["best_step"] == 24
    assert not (tmp_path / "decoder_best").exists()


# ---- interruptions ---------------------------------------------------------------------------------------


def assert_same(folder, whole):
    assert log_of(folder) == log_of(whole)
    assert (folder / "probe.csv").read_text() == (whole / "probe.csv").read_text()
    assert all(torch.equal(tensor, weights_of(whole)[name]) for name, tensor in weights_of(folder).items())
    results = [json.loads((path / "result.json").read_text()) for path in (folder, whole)]
    assert results[0] == results[1]


def stop_at(step):
    """A `stop` that says yes when it is asked for the so-manieth time."""
    answers = iter([False] * (step - 1) + [True])
    return lambda: next(answers)


@pytest.mark.parametrize("stops", [[1], [7], [3, 4, 20], [23]])
def test_a_stopped_training_goes_on_bit_for_bit(tmp_path, whole, stops):
    done = 0
    for number in stops:
        progress = []
        assert train(tmp_path, on_step=progress.append, stop=stop_at(number - done)) is None
        assert [one.step for one in progress] == list(range(done + 1, number + 1))
        assert not (tmp_path / "result.json").exists()
        done = number
    assert train(tmp_path) is not None
    assert_same(tmp_path, whole)


@pytest.mark.parametrize("step", [1, 6, 13, 24])
@pytest.mark.parametrize("every", [1, 3])
def test_a_crashed_training_goes_on_bit_for_bit(tmp_path, step, every, whole):
    """From the last state, which may be older than the last lines of the log."""
    recipe = toy_recipe(checkpoint_every=every)
    with pytest.raises(Crash):
        train(tmp_path, recipe, on_step=crash_after(step))
    first = []
    train(tmp_path, recipe, on_step=first.append)
    assert not first or first[0].step <= step + 1
    assert log_of(tmp_path) == log_of(whole)
    assert largest_difference(weights_of(tmp_path), weights_of(whole)) == 0


def test_a_finished_training_does_nothing_more(whole):
    before = {path: path.stat().st_mtime_ns for path in (whole / "last.pt", whole / "decoder" / "decoder.json")}
    assert train(whole, on_step=crash_after(1)) == json.loads((whole / "result.json").read_text())
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_stopping_at_the_last_step_is_finishing(tmp_path):
    assert train(tmp_path, stop=stop_at(24)) is not None


def test_another_recipe_is_refused_and_nothing_changes(whole):
    text = (whole / "recipe.yaml").read_text()
    with pytest.raises(RecipeError, match="weight_decay = 0.2 instead of 0.1"):
        train(whole, toy_recipe(weight_decay=0.2))
    assert (whole / "recipe.yaml").read_text() == text


def test_a_damaged_state_is_refused(tmp_path):
    train(tmp_path, stop=lambda: True)
    (tmp_path / "last.pt").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="last.pt: expected the state of a training"):
        train(tmp_path)


def test_timing_leaves_no_trace(tmp_path, whole):
    run = TrainRun(toy_recipe(), toy_data(), tmp_path, ALONE)
    assert run.seconds_per_step() > 0
    assert not list(tmp_path.iterdir())
    run.run()
    assert_same(tmp_path, whole)


def test_parameters_are_counted_without_making_them():
    run = TrainRun(toy_recipe(hidden_dim=2 ** 15, num_heads=8), toy_data(), "nowhere", ALONE)
    assert run.parameters > 2 * 4 * 2 ** 30
