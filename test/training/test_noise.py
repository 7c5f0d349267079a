"""Noise on unit vectors: lengths, angles and their distribution."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training.noise import (
    SCHEMES,
    from_settings,
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


def test_the_released_noise_by_its_formula():
    """Scale s = 3.25 turns by atan(s) = 72.9 degrees, and 1.9 more or less where F = 768: the noise along the vector
    has standard deviation s / sqrt(F), the length of that across it s / sqrt(2 F). Mixed with 45 to 75 degrees."""
    vectors = unit(width=768)
    found = angles(vectors, gauss_elementwise(vectors, 3.25, generator()))
    assert found.mean() == pytest.approx(math.degrees(math.atan(3.25)), abs=0.2)
    along, across = 3.25 ** 2 / (1 + 3.25 ** 2), 3.25 / (1 + 3.25 ** 2) / math.sqrt(2)
    assert found.std() == pytest.approx(math.degrees(math.hypot(along, across) / math.sqrt(768)), rel=0.05)
    mixed = angles(vectors, from_settings(RELEASED)(vectors, generator()))
    share = (mixed < 65).double().mean()
    assert share == pytest.approx(0.15 * 20 / 30, abs=0.02)
    assert mixed.mean() == pytest.approx(0.85 * 72.9 + 0.15 * 60, abs=0.4)


RELEASED = {"noise_scheme": "GaussElemUniformAngle", "noise_vec_norm": 3.25, "noise_angle_min": 45.0,
            "noise_angle_max": 75, "noise_angle_std": 0.0, "noise_mix_ratio": 0.15, "mean_shift": False,
            "batch_size": 512}
BY_SETTINGS = {
    "GaussElem": lambda vectors, random: gauss_elementwise(vectors, 3.25, random),
    "GaussVec": lambda vectors, random: gauss_vector(vectors, 3.25, random),
    "UniformAngle": lambda vectors, random: uniform_angle(vectors, 45, 75, random),
    "GaussAngle": lambda vectors, random: gauss_angle(vectors, 30, 75, random),
    "GaussElemUniformAngle": lambda vectors, random: gauss_elementwise_or_angle(vectors, 3.25, 45, 75, 0.15, random),
    "none": lambda vectors, random: vectors,
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_by_the_authors_settings(scheme):
    vectors = unit(20, 32)
    expected = BY_SETTINGS[scheme](vectors, generator())
    for name in (scheme, scheme.lower(), scheme.upper()):
        noise = from_settings(RELEASED | {"noise_scheme": name, "noise_angle_std": 30})
        assert torch.equal(noise(vectors, generator()), expected)


@pytest.mark.parametrize("settings", [{}, {"noise_scheme": ""}, {"noise_scheme": "none", "other": 3}])
def test_no_noise(settings):
    vectors = unit(5, 8)
    assert torch.equal(from_settings(settings)(vectors, generator()), vectors)


@pytest.mark.parametrize(("changes", "message"), [
    ({"noise_scheme": "Gauss"}, "noise_scheme: expected one of none, GaussElem, "), ({"noise_scheme": 3}, "got 3"),
    ({"noise_vec_nrom": 3.25}, "noise_vec_nrom: expected one of noise_scheme, noise_vec_norm, "),
    ({"noise_vec_norm": 0}, "noise_vec_norm: expected a number above 0 up to inf for GaussElemUniformAngle, got 0"),
    ({"noise_vec_norm": math.inf}, "noise_vec_norm"), ({"noise_vec_norm": math.nan}, "noise_vec_norm"),
    ({"noise_vec_norm": "3"}, "noise_vec_norm"), ({"noise_vec_norm": True}, "noise_vec_norm"),
    ({"noise_angle_max": 181}, "noise_angle_max: expected a number above 0 up to 180"),
    ({"noise_angle_min": -1}, "noise_angle_min: expected a number from 0 up to 180"),
    ({"noise_angle_min": 80}, "noise_angle_min: expected at most noise_angle_max = 75, got 80"),
    ({"noise_mix_ratio": 1.01}, "noise_mix_ratio: expected a number from 0 up to 1"),
    ({"noise_scheme": "GaussAngle"}, "noise_angle_std: expected a number above 0 up to 180 for GaussAngle, got 0.0"),
    ({"mean_shift": True}, "mean_shift: expected the encoder's modality gap too"),
    ({"spread_shift": True}, "spread_shift: expected the encoder's modality gap too"),
    ({"mean_shift": "yes"}, "mean_shift: expected true or false, got 'yes'"),
])
def test_settings_that_cannot_be_used(changes, message):
    with pytest.raises(ValueError) as error:
        from_settings(RELEASED | changes)
    assert message in str(error.value)


def test_a_setting_that_is_missing():
    with pytest.raises(ValueError, match="noise_mix_ratio: expected a number .* got None"):
        from_settings({name: value for name, value in RELEASED.items() if name != "noise_mix_ratio"})


def test_vectors_are_moved_over_the_gap_before_the_noise():
    class Gap:
        def corrected_mean(self, vectors):
            return -vectors

        def corrected_spread(self, vectors):
            return vectors.flip(1)

    vectors = unit(20, 32)
    for name, moved in (("mean_shift", -vectors), ("spread_shift", vectors.flip(1))):
        found = from_settings(RELEASED | {name: True}, Gap())(vectors, generator())
        assert torch.equal(found, from_settings(RELEASED)(moved, generator()))
    assert torch.equal(from_settings(RELEASED, Gap())(vectors, generator()),
                       from_settings(RELEASED)(vectors, generator()))
