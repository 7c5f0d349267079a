"""The comparison of decoders for a site's nouns: how its list is drawn up, which photos count, what is printed."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from novic_ros.training.embedding_cache import write_cache
from novic_ros.vocabulary.selection import Noun


@pytest.fixture(scope="module")
def tool(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "tools"))
        import site_vocabulary

        yield site_vocabulary


class WordNet:
    """First senses alone."""

    senses = {"dog": ("1",), "cat": ("2", "9"), "emu": ("3",), "can": ("8", "4"), "cup": ("5",), "fire engine": ("6",)}


GENERAL = [Noun("dog", "1", "animal", 5.0), Noun("cat", "2", "animal", 5.1), Noun("emu", "3", "animal", 2.0),
           Noun("can", "4", "artifact", 6.5), Noun("Cup", "5", "artifact", 4.0),
           Noun("fire engine", "6", "artifact", 3.0)]  # fmt: skip


def test_the_commonest_words_of_each_kind_in_their_first_meaning(tool, monkeypatch):
    monkeypatch.setattr(tool, "QUOTA", {"artifact": 2, "animal": 2})
    assert tool.commonest(WordNet, GENERAL) == ["Cup", "cat", "dog"]  # "can" means a tin first, an engine has two words
    assert tool.commonest(WordNet, GENERAL, ["fire-engine", "dog"]) == ["fire engine", "dog", "cat"]  # not the cup
    with pytest.raises(ValueError, match="about: expected nouns of the general decoder, 2 are none: yeti, ox"):
        tool.commonest(WordNet, GENERAL, ["yeti", "dog", "ox"])


def test_the_difference_is_drawn_by_categories(tool):
    random = np.random.default_rng(3)
    first, second = random.random(40), random.random(40) + 0.3
    mean, low, high = tool.difference(first, second, [str(number) for number in range(40)])
    assert mean == pytest.approx((second - first).mean())
    assert low < mean < high
    once = high - low
    _, low, high = tool.difference(np.tile(first, 4), np.tile(second, 4), [str(number % 40) for number in range(160)])
    assert high - low == pytest.approx(once)  # the same photos four times are no more evidence
    assert tool.difference(first, first + 0.25, ["a", "b"] * 20) == pytest.approx((0.25, 0.25, 0.25))


class Encoder:
    """Sees a photo's colour; the whole of it is half as bright."""

    def preprocess(self, pictures, whole=False):
        return torch.from_numpy(pictures[0][0, 0].astype(np.float32)) / (2 if whole else 1)

    def embed_pixels(self, pixels):
        return type("Seen", (), {"vectors": pixels[None], "averaged_with": lambda own, other: type(
            "Mean", (), {"vectors": (own.vectors + other.vectors) / 2})})()


def photos_in(folder, *kinds):
    folder.mkdir()
    records = []
    for number, kind in enumerate(kinds):
        Image.new("RGB", (4, 4), (number * 40, 0, 0)).save(folder / f"{number}.png")
        records.append({"file": f"{number}.png", "category": kind, "synonyms": [kind], "hypernyms": [["animal"]],
                        "hyponyms": []})
    (folder / "truth.json").write_text(json.dumps(records))
    return folder


def test_only_photos_that_show_a_listed_noun_count(tool, tmp_path):
    folder = photos_in(tmp_path / "a", "dog", "teapot", "cat")
    photos = tool.see([folder, photos_in(tmp_path / "b", "dog")], ["Dog", "cat"], Encoder())
    assert photos.categories == ["dog", "cat", "dog"]
    assert photos.vectors[:, 0].tolist() == [0.0, 60.0, 0.0]
    assert photos.scores(["dog", "animal", "cat"]).tolist() == [1, 0.5, 0]
    with pytest.raises(ValueError, match="expected some that show one of the nouns, found none"):
        tool.see([folder], ["kettle"], Encoder())


def test_what_is_printed(tool, tmp_path, monkeypatch, capsys):
    vectors = np.eye(3, dtype=np.float32)
    cache = tmp_path / "a.cache"
    write_cache(cache, ["dog", "emu", "cat"], "toy", 3, 3, [(vectors, np.arange(3))])
    photos = tool.Photos(torch.tensor([[0.9, 0, 0.1], [0.1, 0.2, 0.7]]), tool.see(
        [photos_in(tmp_path / "a", "dog", "cat")], ["dog", "cat"], Encoder()).truths, ["dog", "cat"])
    words = {("general", ("dog", "cat")): ["dog", "dog"], ("site", None): ["dog", "cat"]}
    monkeypatch.setattr(tool, "said", lambda folder, vectors, guide=None: words[folder.name, guide and tuple(guide)])
    monkeypatch.setattr(tool, "see", lambda *_: photos)
    monkeypatch.setattr(tool.embedding, "load", lambda *_: None)
    (tmp_path / "nouns.txt").write_text("dog\ncat\n")
    asked = ["compare", "--nouns", tmp_path / "nouns.txt", "--cache", cache, "--general", tmp_path / "general",
             "--decoders", tmp_path / "site", tmp_path / "site", "--photos", tmp_path / "a"]
    assert tool.main(list(map(str, asked))) == 0
    assert capsys.readouterr().out.splitlines() == [
        "photos   2 of 2 categories", "general  0.500, exact 1", "site     1.000, exact 2, 2",
        "nearest  1.000, exact 2", "site - general  +0.500 (+0.000 to +1.000)"]
    words["general", ("dog", "cat", "yak")] = ["dog", "dog"]
    (tmp_path / "nouns.txt").write_text("dog\ncat\nyak\n")
    assert tool.main(list(map(str, asked))) == 2
    assert "site_vocabulary: nouns: expected nouns of the caches, but 1 of 3 are in no cache: yak" \
        in capsys.readouterr().err
