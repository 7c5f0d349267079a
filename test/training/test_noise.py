"""Noise on unit vectors: lengths, angles and their distribution."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training.noise import (
    gauss_angle,
    gauss_elementwise,
    gauss_elementwise_or_angle,
    gauss_vector,
    rotate,
    uniform_angle,
)

COUNT, WIDTH = 4000, 256


def unit(count=COUNT, width=WIDTH, seed=0):
    return torch.nn.functional.normalize(torch.randn(count, width, generator=generator(seed)), dim=-1)


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def angles(before, after):
    return torch.rad2deg(torch.acos((before.double() * after.double()).sum(-1).clamp(-1, 1)))


NOISES = {
    "gauss_elementwise": lambda vectors, random: gauss_elementwise(vectors, 0.7, random),
    "gauss_vector": lambda vectors, random: gauss_vector(vectors, 0.7, random),
    "uniform_angle": lambda vectors, random: uniform_angle(vectors, 10, 80, random),
    "gauss_angle": lambda vectors, random: gauss_angle(vectors, 20, 60, random),
    "gauss_elementwise_or_angle": lambda vectors, random: gauss_elementwise_or_angle(vectors, 0.7, 10, 80, 0.3, random),
    "rotate": lambda vectors, random: rotate(vectors, torch.full((len(vectors),), 33.0), random),
}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_results_are_unit_vectors_and_depend_on_the_generator_alone(noise):
    vectors = unit(50)
    before = vectors.clone()
    result = noise(vectors, generator())
    torch.manual_seed(7)
    assert torch.equal(result, noise(vectors, generator()))
    assert not torch.equal(result, noise(vectors, generator(2)))
    assert torch.equal(vectors, before)
    assert (result.shape, result.dtype) == (vectors.shape, torch.float32)
    torch.testing.assert_close(result.norm(dim=-1), torch.ones(50))


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_no_vectors(noise):
    assert noise(torch.empty(0, 8), generator()).shape == (0, 8)


@given(st.lists(st.floats(0, 180), min_size=1, max_size=20), st.integers(8, 40), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_rotate_turns_by_the_given_angle_exactly(degrees, width, seed):
    vectors = unit(len(degrees), width, seed)
    wanted = torch.tensor(degrees)
    result = rotate(vectors, wanted, generator(seed + 100))
    torch.testing.assert_close((vectors * result).sum(-1), torch.deg2rad(wanted).cos(), atol=2e-6, rtol=0)


def test_rotate_goes_in_every_direction():
    vector = torch.eye(3)[:1].repeat(3000, 1)
    result = rotate(vector, torch.full((3000,), 90.0), generator())
    torch.testing.assert_close(result.mean(0), torch.zeros(3), atol=0.05, rtol=0)
    torch.testing.assert_close((result[:, 1:] ** 2).mean(0), torch.full((2,), 0.5), atol=0.03, rtol=0)


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 3.0])
def test_gauss_elementwise_turns_by_the_arc_tangent_of_its_scale(scale):
    vectors = unit()
    found = angles(vectors, gauss_elementwise(vectors, scale, generator()))
    assert found.mean() == pytest.approx(math.degrees(math.atan(scale)), abs=0.5)
    assert found.std() < 5


def test_gauss_elementwise_does_not_depend_on_the_width():
    for width in (64, 1024):
        vectors = unit(width=width)
        assert angles(vectors, gauss_elementwise(vectors, 1.0, generator())).mean() == pytest.approx(45, abs=0.7)


def test_uniform_angle_is_even_between_its_ends():
    vectors = unit()
    found = angles(vectors, uniform_angle(vectors, 20, 60, generator()))
    assert found.min() == pytest.approx(20, abs=0.2)
    assert found.max() == pytest.approx(60, abs=0.2)
    share = torch.histc(found, bins=4, min=20, max=60) / COUNT
    torch.testing.assert_close(share, torch.full((4,), 0.25, dtype=share.dtype), atol=0.03, rtol=0)


def test_gauss_vector_adds_a_normal_length():
    """The angle's tangent is that length, as the direction is all but orthogonal in so many dimensions."""
    vectors = unit(width=2048)
    tangents = torch.tan(torch.deg2rad(angles(vectors, gauss_vector(vectors, 1.5, generator()))))
    assert tangents.mean() == pytest.approx(1.5 * math.sqrt(2 / math.pi), rel=0.05)
    assert (tangents < 1.5).double().mean() == pytest.approx(0.683, abs=0.02)
    assert (tangents < 3.0).double().mean() == pytest.approx(0.954, abs=0.012)


def test_gauss_angle_is_normal_and_ends_at_most():
    vectors = unit()
    found = angles(vectors, gauss_angle(vectors, 20, 45, generator()))
    assert found.max() == pytest.approx(45, abs=0.01)
    assert (found < 20).double().mean() == pytest.approx(0.683, abs=0.02)
    assert (found > 44.99).double().mean() == pytest.approx(0.0244, abs=0.01)  # beyond 2.25 deviations


@pytest.mark.parametrize("share", [0.0, 0.15, 1.0])
def test_a_share_is_rotated_and_the_others_shaken(share):
    vectors = unit(width=1024)
    found = angles(vectors, gauss_elementwise_or_angle(vectors, 3.25, 10, 50, share, generator()))
    shaken = math.degrees(math.atan(3.25))  # 72.9, with little spread
    assert (found < 51).double().mean() == pytest.approx(share, abs=0.02)
    assert ((found < 51) | ((found - shaken).abs() < 8)).all()
