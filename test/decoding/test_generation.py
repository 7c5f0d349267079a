"""The grammar of generation configurations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.decoding import DecodingError
from novic_ros.decoding.generation import GenerationConfig


@pytest.mark.parametrize("name, canonical", [
    ("beam_k10_vnone_gp_t1_a0", "beam_k10_vnone_gp_t1_a0"),
    ("beam", "beam_k10_vnone_gp_t1_a0"),
    ("greedy", "greedy_k1_vnone_gp_t1_a0"),
    ("beam_t1.0_k5", "beam_k5_vnone_gp_t1_a0"),
    ("beam_a-0.20_gn_k3_vtok0.50", "beam_k3_vtok0.5_gn_t1_a-0.2"),
    ("all_gr_k7_vtgt1_t2.125", "all_k7_vtgt1_gr_t2.125_a0"),
])
def test_canonical_names(name, canonical):
    assert str(GenerationConfig.parse(name)) == canonical
    assert str(GenerationConfig.parse(canonical)) == canonical


@given(st.builds(GenerationConfig, method=st.just("beam"), k=st.integers(1, 500),
                 prior=st.sampled_from(["none", "tok", "tgt"]), prior_scale=st.just(0.25),
                 guide=st.sampled_from("npr"), temperature=st.integers(1, 4000).map(lambda x: x / 1000),
                 length_alpha=st.integers(-3000, 3000).map(lambda x: x / 1000)))
def test_printing_and_parsing_are_inverse(config):
    again = GenerationConfig.parse(str(config))
    assert str(again) == str(config)
    assert (again.k, again.guide, again.temperature, again.length_alpha) == (
        config.k, config.guide, config.temperature, config.length_alpha)


@pytest.mark.parametrize("name, complaint", [
    ("", "must begin with"), ("beams_k10", "must begin with"), ("beam_k0", "part k"), ("beam_kten", "part 'kten'"),
    ("beam_k3_k4", "twice"), ("greedy_k2", "part k"), ("greedy_vtok1", "part v"), ("all_k3_gn", "part g"),
    ("beam_t0", "part t"), ("beam_tnan", "part t"), ("beam_ainf", "part a"), ("beam_gx", "part 'gx'"),
    ("beam_vfoo1", "part 'vfoo1'"), ("beam_q1", "part 'q1'"), ("beam_", "part ''"),
])
def test_bad_names_say_which_part(name, complaint):
    with pytest.raises(DecodingError, match=complaint):
        GenerationConfig.parse(name)
