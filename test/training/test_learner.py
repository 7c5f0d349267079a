"""Steps: accumulated micro-batches, seeds by number, precision, and refusal of what is no number."""

import functools

import numpy as np
import pytest
import torch
from toy_training import CPU, EVEN_NOUNS, toy_cache, toy_data, toy_recipe

from novic_ros.training.learner import Learner, TrainingError
from novic_ros.training.processes import Processes
from novic_ros.training.recipe import RecipeError

pytestmark = pytest.mark.usefixtures("one_thread")
ALONE = Processes(CPU)


def learned(recipe, data, steps=3, rate=1e-2):
    """(figures of each step, the decoder's tensors afterwards)."""
    learner = Learner(recipe, data, ALONE)
    batches = learner.batches(0, steps)
    figures = [learner.step(batches, rate) for _ in range(steps)]
    return figures, learner.decoder_state()


def even_data():
    """Nouns of the same length and rows in order: all micro-batches have as many columns that count."""
    return toy_data(toy_cache(EVEN_NOUNS), in_order=True)


@pytest.mark.parametrize("accumulation", [2, 4])
def test_accumulated_micro_batches_are_a_large_batch(accumulation):
    """Without noise and dropout, which come by the micro-batch."""
    quiet = {"noise_scheme": "none", "dropout": 0.0}
    small, state = learned(toy_recipe(batch_size=16 // accumulation, accumulation=accumulation, **quiet), even_data())
    large, expected = learned(toy_recipe(batch_size=16, accumulation=1, **quiet), even_data())
    for mine, theirs in zip(small, large):
        assert (mine.right, mine.columns) == (theirs.right, theirs.columns)
        assert mine.loss == pytest.approx(theirs.loss, rel=1e-5)
        assert mine.norm == pytest.approx(theirs.norm, rel=1e-4)
    for name, tensor in expected.items():
        torch.testing.assert_close(state[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


def test_a_step_is_the_mean_of_its_micro_batches():
    """As the authors accumulate: the mean of means, also where micro-batches differ in how many columns count."""
    recipe = toy_recipe(noise_scheme="none", dropout=0.0, accumulation=3, batch_size=4)
    data = toy_data(in_order=True)
    (figures,), _ = learned(recipe, data, steps=1)
    means = [learned(toy_recipe(noise_scheme="none", dropout=0.0, accumulation=1, batch_size=4), data, 1 + place, 0.0)
             [0][-1] for place in range(3)]
    assert len({one.columns for one in means}) > 1
    assert figures.loss == pytest.approx(np.mean([one.loss for one in means]))
    assert figures.columns == sum(one.columns for one in means)


def test_noise_and_dropout_go_by_the_number_and_the_seed():
    data = toy_data(in_order=True)
    learner = Learner(toy_recipe(noise_vec_norm=1.0), data, ALONE)
    torch.manual_seed(77)  # whatever was drawn before does not matter
    batches = learner.batches(0, 6)
    every = [learner.step(batches, 0.0).loss for _ in range(6)]
    later = learner.batches(4, 6)
    assert [learner.step(later, 0.0).loss for _ in range(2)] == every[4:]  # the same rows, noise and dropout
    again = learner.batches(6, 7)  # the rows of step 0 once more, in the next epoch, with other noise
    assert learner.step(again, 0.0).loss != every[0]
    other = Learner(toy_recipe(noise_vec_norm=1.0, seed=2), data, ALONE)
    assert other.step(other.batches(0, 1), 0.0).loss != every[0]


@pytest.mark.parametrize("changes", [{"dropout": 0.0}, {"noise_scheme": "none"}])
def test_noise_and_dropout_both_count(changes):
    data = toy_data(in_order=True)
    losses = [learned(recipe, data, 1)[0][0].loss for recipe in (toy_recipe(), toy_recipe(**changes))]
    assert losses[0] != losses[1]


def test_gradients_are_clipped():
    (free,), _ = learned(toy_recipe(clip_norm=1e6), toy_data(in_order=True), 1)
    (cut,), moved = learned(toy_recipe(clip_norm=1e-12), toy_data(in_order=True), 1)
    assert free.norm == cut.norm > 1e-3  # the norm before it was clipped
    start = Learner(toy_recipe(weight_decay=0), toy_data(in_order=True), ALONE).decoder_state()
    decayed = 1 - 1e-2 * 0.1
    assert (moved["tokens.weight"] - decayed * start["tokens.weight"]).abs().max() < 1e-4  # drowned in Adam's epsilon


def test_it_goes_on_from_its_state():
    data, recipe = toy_data(in_order=True), toy_recipe()
    expected = learned(recipe, data, 6)
    first, rest = Learner(recipe, data, ALONE), Learner(toy_recipe(), data, ALONE)
    batches = first.batches(0, 3)
    figures = [first.step(batches, 1e-2) for _ in range(3)]
    rest.go_on_from(first.state())
    batches = rest.batches(3, 6)
    figures += [rest.step(batches, 1e-2) for _ in range(3)]
    assert figures == expected[0]
    assert all(torch.equal(tensor, expected[1][name]) for name, tensor in rest.decoder_state().items())


def test_bfloat16_is_a_little_off():
    exact, short = (learned(toy_recipe(precision=one), toy_data(in_order=True), 1, 0.0)[0][0].loss
                    for one in ("float32", "bfloat16"))
    assert 0 < abs(short / exact - 1) < 0.05


def test_tf32_is_a_thing_of_gpus():
    exact, other = (learned(toy_recipe(precision=one), toy_data(in_order=True)) for one in ("float32", "tf32"))
    assert exact[0] == other[0]


def test_groups_of_lengths_only_change_the_order_of_sums():
    one, three = (learned(toy_recipe(length_groups=groups, dropout=0.0), toy_data(in_order=True), 1)[0][0]
                  for groups in (1, 3))
    assert three.loss == pytest.approx(one.loss, rel=1e-5)
    assert three.norm == pytest.approx(one.norm, rel=1e-4)
    assert (three.right, three.columns) == (one.right, one.columns)


def test_a_loss_that_is_no_number_stops_the_training():
    cache = toy_cache()
    cache.vectors[3] = np.nan
    with pytest.raises(TrainingError, match="a loss and a gradient that are numbers, got nan .* learning_rate"):
        learned(toy_recipe(), toy_data(cache, in_order=True), 1)


def test_processes_must_share_evenly():
    with pytest.raises(RecipeError, match="accumulation: expected a multiple of the 2 processes, got 3"):
        Learner(toy_recipe(accumulation=3), toy_data(), Processes(CPU, 0, 2))


def test_shares_of_a_step():
    shares = [list(Processes(CPU, rank, 4).share(5, 8)) for rank in range(4)]
    assert shares == [[40, 44], [41, 45], [42, 46], [43, 47]]


@pytest.mark.gpu
def test_a_gpu_learns_the_same():
    data = toy_data(in_order=True)
    quiet = toy_recipe(noise_scheme="none", dropout=0.0, precision="float32")
    expected, _ = learned(quiet, data, 5)
    learner = Learner(quiet, data, Processes(torch.device("cuda", 0)))
    batches = learner.batches(0, 5)
    for one in expected:
        assert learner.step(batches, 1e-2).loss == pytest.approx(one.loss, rel=1e-3)


def test_compiled_it_learns_the_same(monkeypatch):
    """Traced and differentiated ahead of time, but not turned into machine code, which would take a minute."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    data = toy_data(in_order=True)
    quiet = {"noise_scheme": "none", "dropout": 0.0}
    expected, _ = learned(toy_recipe(**quiet), data, 2)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    figures, _ = learned(toy_recipe(**quiet, compile=True), data, 2)
    assert [one.loss for one in figures] == pytest.approx([one.loss for one in expected], rel=1e-4)
    counters = torch._dynamo.utils.counters
    assert counters["stats"]["unique_graphs"] >= 1
    assert not counters["graph_break"]
