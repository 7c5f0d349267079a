"""Canonical spelling, and noun lists in files."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.vocabulary import VocabularyError, canonical, read_nouns

ALLOWED = set(string.ascii_lowercase + string.digits + " ")


@pytest.mark.parametrize(("noun", "expected"), [
    ("dog", "dog"),
    ("Fire Engine", "fire engine"),
    ("T-shirt", "t shirt"),
    ("jack-o'-lantern", "jack o lantern"),
    ("jack-o’-lantern", "jack o lantern"),
    ("St. Bernard", "st bernard"),
    ("Café crème", "cafe creme"),
    ("black‑footed ferret", "black footed ferret"),  # a hyphen that forbids a line break
    ("black–footed ferret", "black footed ferret"),  # an en dash
    ("and/or gate", "and or gate"),
    ("hot_dog", "hot dog"),
    ("  two\t words\n", "two words"),
    ("ice cream", "ice cream"),
    ("rock & roll", "rock roll"),
    ("7-eleven", "7 eleven"),
    ("-ish-", "ish"),
    ("smørrebrød", "smorrebrod"),  # letters that are no plain letter with an accent
    ("Weißwurst", "weisswurst"),
    ("Æsir œuvre", "aesir oeuvre"),
    ("???", ""),
    ("日本", ""),
    ("", ""),
])
def test_canonical_spelling(noun, expected):
    assert canonical(noun) == expected


@given(st.text())
def test_canonical_is_plain_and_settled(noun):
    once = canonical(noun)
    assert set(once) <= ALLOWED
    assert once == " ".join(once.split())
    assert canonical(once) == once


@given(st.lists(st.text(string.ascii_lowercase, min_size=1), min_size=1),
       st.sampled_from(["-", " ", "_", "/", "  ", "\t"]))
def test_canonical_joins_alike(words, joint):
    assert canonical(joint.join(words)) == " ".join(words)
    assert canonical(joint.join(words).upper()) == " ".join(words)


def written(tmp_path, data):
    path = tmp_path / "nouns.txt"
    path.write_bytes(data)
    return path


def complaint(path):
    with pytest.raises(VocabularyError) as error:
        read_nouns(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_reads_nouns_as_written(tmp_path):
    data = "\ufeff# site list\n\nT-shirt\r\n  fire   engine  # red\n#more\ncafé\n".encode()
    assert read_nouns(written(tmp_path, data)) == ["T-shirt", "fire engine", "café"]


def test_reads_a_path_given_as_text(tmp_path):
    assert read_nouns(str(written(tmp_path, b"dog"))) == ["dog"]


def test_every_repeated_or_empty_noun_is_named(tmp_path):
    text = complaint(written(tmp_path, b"T-shirt\ndog\n???\nt shirt\nDOG\n"))
    for part in ("line 3: '???'", "line 4: 't shirt' repeats line 1", "line 5: 'DOG' repeats line 2"):
        assert part in text


def test_a_long_list_of_faults_is_cut(tmp_path):
    text = complaint(written(tmp_path, b"dog\n" * 31))
    assert text.count("repeats") == 10
    assert text.endswith("and 20 more")


@pytest.mark.parametrize("data", [b"", b"\n \n", b"# nothing\n"])
def test_empty_list(tmp_path, data):
    assert "expected at least one noun" in complaint(written(tmp_path, data))


@pytest.mark.parametrize("data", ["café".encode("latin-1"), "dog".encode("utf-16")])
def test_not_utf8(tmp_path, data):
    assert "expected UTF-8 text" in complaint(written(tmp_path, data))


def test_missing_file_and_folder(tmp_path):
    assert "found no such file" in complaint(tmp_path / "absent.txt")
    assert "expected UTF-8 text with one noun per line" in complaint(tmp_path)
