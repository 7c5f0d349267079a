"""Streams of captions: counts without making any, the same captions every time, and samples from anywhere."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_dictionary import tiny_dictionary

from novic_ros.training.caption_stream import (
    Block,
    CaptionStream,
    SurfaceForm,
    block_random,
    one_noun_record,
    repeated,
    surface_forms,
)


def numbered(source, count, opened=None):
    """A block whose captions say where they stand."""
    def open_block():
        if opened is not None:
            opened.append(source)
        return lambda place: one_noun_record(f"{source} {place}", source)

    return Block(source, count, open_block)


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=6))
def test_counts_and_order(counts):
    opened = []
    stream = CaptionStream(numbered(f"b{i % 3}", count, opened) for i, count in enumerate(counts))
    assert len(stream) == sum(counts)
    assert stream.counts() == {source: total for source, total in Counter(
        {f"b{i % 3}": 0 for i in range(len(counts))} | Counter(
            f"b{i % 3}" for i, count in enumerate(counts) for _ in range(count))).items() if total}
    assert opened == []  # nothing is made to be counted
    texts = [record["text"] for record in stream]
    assert texts == [f"b{i % 3} {place}" for i, count in enumerate(counts) for place in range(count)]
    assert texts == [record["text"] for record in stream]


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=6), st.integers(0, 40), st.integers(0, 5))
def test_samples_are_distinct_captions_of_the_stream(counts, size, seed):
    stream = CaptionStream(numbered(f"b{i}", count) for i, count in enumerate(counts))
    sample = [record["text"] for record in stream.sample(size, seed)]
    assert len(sample) == len(set(sample)) == min(size, sum(counts))
    assert set(sample) <= {record["text"] for record in stream}
    assert sample == [record["text"] for record in stream.sample(size, seed)]


def test_every_caption_is_as_likely():
    stream = CaptionStream([numbered("a", 1), numbered("b", 4)])
    drawn = Counter(stream.sample(1, seed)[0]["text"] for seed in range(2000))
    assert len(drawn) == 5
    assert all(300 < count < 500 for count in drawn.values())  # 400, five standard deviations are 90


def test_surface_forms_do_not_depend_on_the_order_of_the_dictionary():
    forms = surface_forms(tiny_dictionary(), plural=False)
    assert forms == surface_forms(tiny_dictionary(reverse=True), plural=False)
    assert forms[:2] == (SurfaceForm("animal", "animal", 2), SurfaceForm("dog", "dog", 3))
    assert [form.text for form in surface_forms(tiny_dictionary(), plural=True)] == [
        "animals", "dogs", "scissors", "T shirts", "T-shirts"]


def test_each_form_is_repeated_as_its_frequency_says():
    assert repeated(surface_forms(tiny_dictionary(), plural=True)).tolist() == [0, 1, 1, 2, 2, 2, 3, 4]


@settings(deadline=None)
@given(st.integers(0, 2**31), st.text(max_size=5), st.integers(0, 9))
def test_a_blocks_generator_depends_on_its_name_alone(seed, text, number):
    draw = block_random(seed, text, number).integers(0, 2**62)
    assert draw == block_random(seed, text, number).integers(0, 2**62)
    assert draw != block_random(seed, text, number + 1).integers(0, 2**62)
    assert draw != block_random(seed + 1, text, number).integers(0, 2**62)


def test_an_empty_stream():
    stream = CaptionStream([])
    assert (len(stream), list(stream), stream.counts(), stream.sample(3)) == (0, [], {}, [])


def test_a_negative_sample_is_refused():
    with pytest.raises(ValueError):
        CaptionStream([numbered("a", 3)]).sample(-1)
