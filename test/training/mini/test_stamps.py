"""The pictures that the embedded model is calibrated on: their table, their truth, and how they are put together."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_wordnet import offset_of, tiny_wordnet

from novic_ros.training.mini import stamps
from novic_ros.vocabulary import VocabularyError


def disc(size=(80, 40), colour=(200, 0, 0)):
    """A cut-out: an opaque rectangle in a larger, transparent picture."""
    picture = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    picture.paste(Image.new("RGBA", size, (*colour, 255)), (30, 50))
    return picture


def test_the_table_names_each_file_once_and_only_synsets():
    table = stamps.read_stamps()
    assert len(table) > 250 and len({stamp.file for stamp in table}) == len(table)
    assert len({stamp.synset for stamp in table}) > 200


def test_the_table_s_words_are_wordnet_s(tmp_path):
    from novic_ros.vocabulary.hierarchy import WordNet

    try:
        wordnet = WordNet.read()
    except VocabularyError as error:
        pytest.skip(str(error))
    for line in stamps.STAMPS.read_text(encoding="utf-8").splitlines():
        _, offset, word, _ = line.split("\t")
        assert wordnet.synsets[offset].words[0] == word, line


@pytest.mark.parametrize("line", ["a.png\t00000001\tdog", "a.png\tdog\tdog\t", "a.png\t1234567\tdog\t"])
def test_a_line_that_is_none(tmp_path, line):
    (tmp_path / "stamps.tsv").write_text(line + "\n")
    with pytest.raises(VocabularyError, match="in line 1"):
        stamps.read_stamps(tmp_path / "stamps.tsv")


def test_truth_follows_the_hierarchy():
    wordnet = tiny_wordnet()
    record = stamps.truth_record(wordnet, offset_of(wordnet, "dog"), ["Hound"])
    assert record["synonyms"] == ["dog", "domestic dog", "hound"]
    assert record["hypernyms"][:2] == [["animal"], ["organism"]] and record["hypernyms"][-1] == ["entity"]
    assert record["hyponyms"] == ["bull terrier", "fox terrier", "poodle", "terrier"]


@pytest.mark.parametrize(("size", "expected"), [((80, 40), (400, 300)), ((40, 80), (300, 400)), ((50, 50), (360, 320))])
def test_the_object_fills_the_middle(size, expected):
    picture = np.asarray(stamps.compose(disc(size), None, np.random.default_rng(0)))
    assert picture.shape == (expected[1], expected[0], 3)
    red = (picture == (200, 0, 0)).all(-1)
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    share = max((rows[-1] - rows[0] + 1) / expected[1], (columns[-1] - columns[0] + 1) / expected[0])
    assert share == pytest.approx(0.85, abs=0.02)
    assert (picture[0] == 255).all() and (picture[-1] == 255).all()


def test_a_background_is_a_blurred_piece_of_a_photo():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8))
    picture = np.asarray(stamps.compose(disc(), noise, np.random.default_rng(1)))
    assert 0 < picture[:20].std() < 40  # noise has 74
    again = np.asarray(stamps.compose(disc(), noise, np.random.default_rng(1)))
    assert np.array_equal(picture, again)


def test_missing_stamps_are_one_line(tmp_path, capsys):
    assert stamps.main([str(tmp_path), "--stamps", str(tmp_path / "absent"), "--wordnet", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_both_folders_are_written(tmp_path, monkeypatch):
    wordnet = tiny_wordnet()
    table = [stamps.Stamp("animals/dog.png", offset_of(wordnet, "dog"), ("hound",)),
             stamps.Stamp("cars/taxi.png", offset_of(wordnet, "taxi"))]
    monkeypatch.setattr(stamps.WordNet, "read", lambda folder: wordnet)
    monkeypatch.setattr(stamps, "read_stamps", lambda: table)
    for stamp in table:
        (tmp_path / "in" / stamp.file).parent.mkdir(parents=True)
        disc().save(tmp_path / "in" / stamp.file)
    Image.new("RGB", (600, 500), "blue").save(tmp_path / "in" / "street.jpg")
    arguments = [str(tmp_path / "out"), "--stamps", str(tmp_path / "in"), "--backgrounds", str(tmp_path / "in")]
    assert stamps.main(arguments) == 0
    for kind in ("white", "photo"):
        records = json.loads((tmp_path / "out" / kind / "truth.json").read_text())
        assert [record["file"] for record in records] == ["animals_dog.jpg", "cars_taxi.jpg"]
        assert all(Image.open(tmp_path / "out" / kind / record["file"]).size == (400, 300) for record in records)
