"""Captions of a language model: reading the authors' file, and how many samples of which captions are made."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_dictionary import tiny_dictionary

from novic_ros.training.caption_dataset import (
    CAPTION_TIMES,
    SAMPLE_MULTIPLIER,
    TEMPLATE_MULTIPLIER,
    NounCaptions,
    dataset_blocks,
    read_caption_dataset,
)
from novic_ros.training.caption_stream import CaptionStream
from novic_ros.training.templates import CaptionError

NOUNS = {noun.target_noun: noun for noun in tiny_dictionary()}


def entry(target="dog", singular=("a {singular} barks",), plural=("{plural} bark",), **more):
    """An entry as the authors write it, with fields that are not looked at."""
    return {"target_noun": target, "singular_captions": list(singular), "plural_captions": list(plural),
            "num_singular_captions": 99, "singulars": ["hound"], "singulars_freq": [7], **more}


@pytest.fixture
def written(tmp_path):
    """Write a JSON value, or text, to a file."""
    def write(content):
        path = tmp_path / "captions_dataset.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def stream(entries, **options):
    return CaptionStream(dataset_blocks(tiny_dictionary(), entries, **options))


def test_reads_the_authors_format(written):
    assert read_caption_dataset(written([
        entry(singular=["a {singular} barks", "The  {singular} sleeps."]), entry("t shirt", plural=[]),
        entry("kitten", singular=["{singular} and {singular}"])])) == [
        NounCaptions("dog", ("a {singular} barks.", "The {singular} sleeps."), ("{plural} bark.",)),
        NounCaptions("t shirt", ("a {singular} barks.",), ()),
        NounCaptions("kitten", ("{singular} and {singular}.",), ("{plural} bark.",))]


@pytest.mark.parametrize(("content", "complaint"), [
    ([entry("Dog")], "entry 1: expected an object with a canonical target_noun"),
    ([entry(""), entry()], "entry 1: expected an object with a canonical target_noun"),
    ([3], "entry 1: expected an object with a canonical target_noun, found 3"),
    ([entry(), entry()], "'dog': expected every target noun once, found it again in entry 2"),
    ([entry(singular=["a dog"])],
     "'dog': expected singular_captions with {singular} and no other field, found 'a dog'"),
    ([entry(plural=["a {singular}"])], "expected plural_captions with {plural} and no other field"),
    ([entry(plural=["{plural} {x}"])], "expected plural_captions with {plural}"),
    ([entry(plural=["{plural!r}"])], "expected plural_captions with {plural}"),
    ([entry(plural=["{{a}} {plural}"])], "expected plural_captions with {plural}"),
    ([entry(plural=["{plural"])], "expected plural_captions with {plural}"),
    ([entry(plural=[5])], "expected plural_captions with {plural}"),
    ([entry(singular=["{singular}", "{singular}."])], "expected every one of its singular_captions once"),
    ([{"target_noun": "dog", "plural_captions": []}], "'dog': expected a list of singular_captions, found None"),
])
def test_what_is_wrong_is_named(written, content, complaint):
    path = written(content)
    with pytest.raises(CaptionError) as error:
        read_caption_dataset(path)
    assert str(error.value).startswith(f"{path}: ")
    assert complaint in str(error.value)


def test_all_complaints_come_at_once_and_a_long_list_is_cut(written):
    with pytest.raises(CaptionError) as error:
        read_caption_dataset(written([entry(singular=["x"], plural=["y"]), *[5] * 20]))
    for part in ("found 'x'", "found 'y'", "entry 2", "; and 12 more"):
        assert part in str(error.value)


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "[" * 100_000])
def test_what_is_no_list_of_captions(written, content):
    with pytest.raises(CaptionError, match="expected a"):
        read_caption_dataset(written(content))


CAPTIONS = st.builds(
    NounCaptions, st.sampled_from([*NOUNS, "kitten"]),
    st.integers(0, 40).map(lambda count: tuple(f"caption {i} of a {{singular}}." for i in range(count))),
    st.integers(0, 40).map(lambda count: tuple(f"caption {i} of {{plural}}." for i in range(count))))


@settings(deadline=None)
@given(st.lists(CAPTIONS, max_size=4, unique_by=lambda captions: captions.target), st.integers(1, 3),
       st.integers(1, 5), st.integers(1, 8), st.integers(0, 3))
def test_counts_and_use_of_captions(entries, times, template_multiplier, sample_multiplier, seed):
    made = stream(entries, times=times, template_multiplier=template_multiplier, sample_multiplier=sample_multiplier,
                  seed=seed)
    records = list(made)
    expected = 0
    for one in entries:
        noun = NOUNS.get(one.target)
        for texts, forms, freqs in ((one.singular, noun.singulars, noun.singulars_freq),
                                    (one.plural, noun.plurals, noun.plurals_freq)) if noun else ():
            if not texts or not forms:
                continue
            expected += times * sample_multiplier * sum(freqs)
            field = "singular" if texts is one.singular else "plural"
            mine = [record["text"] for record in records if record["nouns"] == [one.target]]
            for form, freq in zip(forms, freqs):  # every form as often as its frequency says
                possible = {text.replace(f"{{{field}}}", form) for text in texts}
                assert sum(text in possible for text in mine) == times * sample_multiplier * freq
            if times == 1:  # captions are gone round: used equally often, up to one
                used = Counter(int(text.split()[1]) for text in mine
                               if (" of a " in text) == (field == "singular"))
                assert len(used) == min(len(texts), template_multiplier * sum(freqs), sample_multiplier * sum(freqs))
                assert max(used.values()) - min(used.values()) <= 1
    assert len(made) == len(records) == expected
    assert all(record["weights"] == [1.0] and record["text"].endswith(".") and not set("{}") & set(record["text"])
               for record in records)


def test_the_released_numbers():
    assert (TEMPLATE_MULTIPLIER, SAMPLE_MULTIPLIER, CAPTION_TIMES) == (10, 20, 4)
    assert len(stream([NounCaptions("dog", ("a {singular}.",), ("{plural}.",))])) == 4 * 20 * (3 + 2)


def test_a_seed_is_one_choice_whatever_stands_beside():
    dog = NounCaptions("dog", tuple(f"{i} {{singular}}." for i in range(100)), ())
    rice = NounCaptions("rice", ("{singular}.",), ())
    alone = list(stream([dog], seed=3))
    assert alone == list(stream([dog], seed=3)) != list(stream([dog], seed=4))
    assert [record for record in stream([rice, dog], seed=3) if record["nouns"] == ["dog"]] == alone
    assert len({record["text"] for record in alone}) > len({record["text"] for record in stream([dog], times=1)})
