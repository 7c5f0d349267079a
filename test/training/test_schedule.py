"""The published numbers of steps and chunks, and the rate of every step beside PyTorch's own scheduler."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_training import toy_recipe

from novic_ros.training.recipe import Recipe, RecipeError
from novic_ros.training.schedule import Schedule, cosine

FT0_ROWS, FT2_ROWS = 51_700_000, 29_730_000  # the first is published; the second is any that gives 899 chunks


@pytest.mark.parametrize(("name", "rows", "nouns", "chunk", "chunks"), [
    ("novic_ft0", FT0_ROWS, 42_919, 4192, 433), ("novic_ft2", FT2_ROWS, 11_897, 1162, 899),
])  # fmt: skip
def test_published_chunks(name, rows, nouns, chunk, chunks):
    """The released checkpoints are called after their last chunk: 433 and 899."""
    schedule = Schedule.of(Recipe.read(name), rows // 512, nouns)
    assert (schedule.chunk_batches, schedule.chunks) == (chunk, chunks)
    assert chunk == math.ceil(50 * nouns / 512)
    assert schedule.epoch_batches % 16 == 0
    assert 0 <= rows // 512 - schedule.epoch_batches < 16
    assert schedule.steps == chunks * chunk // 16
    assert schedule.chunk_of(schedule.steps - 1) == chunks - 1
    assert schedule.epoch_of(schedule.steps - 1) == 17


def test_published_rates():
    schedule = Schedule.of(Recipe.read("novic_ft0"), FT0_ROWS // 512, 42_919)
    steps_per_chunk = 4192 // 16
    assert schedule.rate(0) == schedule.rate(steps_per_chunk - 1) == 1.5e-3
    assert schedule.rate(steps_per_chunk) == pytest.approx(1.5e-3 * (1 + math.cos(math.pi / 433)) / 2)
    assert schedule.rate(216 * steps_per_chunk) == pytest.approx(1.5e-3 * (1 + math.cos(math.pi * 216 / 433)) / 2)
    assert schedule.rate(schedule.steps - 1) == pytest.approx(1.5e-3 * (1 + math.cos(math.pi * 432 / 433)) / 2)
    assert schedule.rate(schedule.steps - 1) > 0


def test_the_rate_is_that_of_pytorchs_scheduler_stepped_per_chunk():
    """Micro-batch by micro-batch, as the authors' loop: a step every 3, the scheduler after every chunk of 7."""
    schedule = Schedule(8, 3, 30, 7, 11, 2.0)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=11)
    expected = []
    for batch in range(1, 7 * 11 + 1):
        if batch % 3 == 0:
            optimiser.step()
            expected.append(optimiser.param_groups[0]["lr"])
        if batch % 7 == 0:
            scheduler.step()
    assert schedule.steps == len(expected) == 25
    assert [schedule.rate(step) for step in range(25)] == pytest.approx(expected)


def test_warm_up():
    schedule = Schedule(8, 1, 100, 10, 20, 1.0, warm_up_chunks=4)
    plain = Schedule(8, 1, 100, 10, 20, 1.0)
    ramp = [schedule.rate(step) / plain.rate(step) for step in range(0, 80, 10)]
    assert ramp == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1])


def test_too_little_data():
    with pytest.raises(RecipeError, match="accumulation: expected a step to be at most one pass .* only 1"):
        Schedule.of(toy_recipe(accumulation=2), 1, 12)
    with pytest.raises(RecipeError, match="chunk_scale, epochs: expected at least one chunk, but 4 epochs have 24 "):
        Schedule.of(toy_recipe(chunk_scale=100), 6, 12)


def test_a_chunk_holds_a_step_at_least():
    assert Schedule.of(toy_recipe(chunk_scale=0.01, accumulation=4), 8, 12).chunk_batches == 4


@given(st.integers(1, 20), st.integers(1, 60), st.integers(1, 40), st.integers(0, 60))
def test_chunks_and_epochs_of_steps(accumulation, chunk, chunks, extra):
    chunk = max(chunk, accumulation)
    schedule = Schedule(8, accumulation, accumulation * (1 + extra), chunk, chunks, 1.0)
    of = [schedule.chunk_of(step) for step in range(schedule.steps)]
    assert of == sorted(of)
    assert sorted(set(of)) == list(range(chunks))  # every chunk has a step, and there are no others
    ends = [step for step in range(schedule.steps) if schedule.ends_chunk(step)]
    assert [schedule.chunk_of(step) for step in ends] == list(range(chunks))
    rates = [schedule.rate(step) for step in range(schedule.steps)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1.0
    assert 0 < rates[-1] <= 1


def test_cosine():
    assert [cosine(x) for x in (0, 0.5, 1, 2)] == pytest.approx([1, 0.5, 0, 0])
