"""`novic nouns build` and `info`: what they print, what the report says, and one line for whatever goes wrong."""

import json
import re
from html.parser import HTMLParser

import pytest
from tiny_dictionary import tiny_dictionary

from novic_ros.cli.main import main
from novic_ros.vocabulary import NounDictionary

LICENCE = "  1 a made-up licence.  \n"
DATA = LICENCE + """\
00000001 03 n 01 entity 0 000 | that which is
00000002 05 n 01 animal 0 001 @ 00000001 n 0000 | a living organism
00000003 05 n 02 dog 0 domestic_dog 0 001 @ 00000002 n 0000 | a kept animal
00000004 06 n 01 Eiffel_Tower 0 001 @i 00000001 n 0000 | a tower
00000005 06 n 01 teapot 0 001 @ 00000001 n 0000 | pot <for> tea
00000006 06 n 01 arse 0 001 @ 00000001 n 0000 | a stop term
"""
INDEX = LICENCE + """\
animal n 1 1 @ 1 1 00000002
arse n 1 1 @ 1 1 00000006
dog n 1 1 @ 1 1 00000003
domestic_dog n 1 1 @ 1 0 00000003
eiffel_tower n 1 1 @ 1 0 00000004
entity n 1 1 ~ 1 1 00000001
teapot n 1 1 @ 1 0 00000005
"""


def run(capsys, *arguments):
    """(exit code, standard output, standard error) of `novic nouns ...`."""
    code = main(["nouns", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def wordnet(tmp_path):
    pytest.importorskip("wordfreq")
    folder = tmp_path / "wordnet"
    folder.mkdir()
    for name, content in (("data.noun", DATA), ("index.noun", INDEX), ("noun.exc", "dogs dog\n")):
        (folder / name).write_text(content, encoding="latin-1")
    return folder


@pytest.fixture
def nouns(tmp_path):
    path = tmp_path / "tiny.json"
    tiny_dictionary().write(path)
    return path


def test_build(capsys, wordnet, tmp_path):
    out_file = tmp_path / "nouns.json"
    code, out, err = run(capsys, "build", out_file, "--wordnet", wordnet)
    assert (code, err) == (0, "")
    dictionary = NounDictionary.read(out_file)
    assert [dictionary.find(text)[0].synset for text in ("dog", "teapots", "domestic dogs")] == [
        "00000003", "00000005", "00000003"]
    assert dictionary.find("Eiffel Tower") == dictionary.find("arse") == ()
    assert out.startswith(f"{out_file}: {len(dictionary):,} nouns, ")
    assert "terms were dropped for" in out
    code, _, _ = run(capsys, "build", tmp_path / "again.json", "--wordnet", wordnet)
    assert (tmp_path / "again.json").read_bytes() == out_file.read_bytes()


def test_build_with_a_threshold(capsys, wordnet, tmp_path):
    for threshold in (0, 5):
        file = tmp_path / f"{threshold}.json"
        assert run(capsys, "build", file, "--wordnet", wordnet, "--threshold", threshold)[0] == 0
    every, left = (NounDictionary.read(tmp_path / f"{threshold}.json") for threshold in (0, 5))
    assert left == every.threshold(5)
    assert 0 < len(left) < len(every)


def test_json_report(capsys, wordnet, tmp_path):
    report = tmp_path / "report.json"
    code, _, _ = run(capsys, "build", tmp_path / "n.json", "--wordnet", wordnet, "--report", report, "--threshold", 5)
    assert code == 0
    content = json.loads(report.read_text(encoding="utf-8"))
    dictionary = NounDictionary.read(tmp_path / "n.json")
    assert content["kept"]["nouns"] == len(dictionary) == sum(content["kept"]["by_kind"].values())
    assert sum(content["kept"]["by_frequency"].values()) == len(dictionary)
    assert content["threshold"] == 5
    assert "Zipf" in content["formula"]
    dropped = content["dropped"]
    assert dropped["named individual"]["terms"] == ["Eiffel Tower"]
    assert dropped["stop term"]["terms"] == ["arse"]
    assert "robot vacuum" in dropped["below the threshold"]["terms"]
    assert all(part["count"] == len(part["terms"]) and part["means"] for part in dropped.values())


class Tags(HTMLParser):
    """Checks that every tag that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}  # one file, nothing from elsewhere

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_report(capsys, wordnet, tmp_path):
    report = tmp_path / "report.html"
    assert run(capsys, "build", tmp_path / "n.json", "--wordnet", wordnet, "--report", report)[0] == 0
    text = report.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.seen.count("rect") == 30
    assert tags.seen.count("table") == 3
    for part in ("Eiffel Tower", "named individual", "artifact", "dog", "log10"):
        assert part in text
    assert re.search(r"\d+ nouns were kept, \d+ terms were dropped", text)


@pytest.mark.parametrize(("options", "message"), [
    (["--threshold", "-1"], "--threshold: expected a whole number from 0, got -1"),
    (["--threshold", "1000"], "the list is empty"),
    (["--report", "report.txt"], "--report: expected a name that ends in .html or .json, got report.txt"),
    (["--wordnet", "nowhere"], "nowhere: expected WordNet 3.0's database"),
])
def test_build_that_cannot_be_done(capsys, wordnet, tmp_path, options, message):
    arguments = ["build", tmp_path / "n.json", *(() if "--wordnet" in options else ("--wordnet", wordnet)), *options]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("novic nouns build: ") and message in err and err.count("\n") == 1
    assert not (tmp_path / "n.json").exists()


def test_build_into_a_folder_that_is_not_there(capsys, wordnet, tmp_path):
    code, _, err = run(capsys, "build", tmp_path / "nowhere" / "n.json", "--wordnet", wordnet)
    assert code == 2
    assert "No such file" in err and err.count("\n") == 1


def test_info(capsys, nouns):
    code, out, err = run(capsys, "info", nouns)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert out.startswith(f"{nouns}: 6 nouns, 6 singular and 5 plural forms, mean frequency 1.73 per form and 3.17 per "
                          "noun\n")
    assert ["animal", "2"] in lines and ["(not", "said)", "1"] in lines
    assert ["FT0", "6", "11", "singular,", "8", "plural"] in lines
    assert ["FT2", "4", "8", "singular,", "8", "plural"] in lines


def test_info_about_nouns(capsys, nouns):
    code, out, err = run(capsys, "info", nouns, "t shirts", "SCISSORS", "dogs", "dog")
    assert (code, err) == (0, "")
    assert out == ("T-shirt (artifact, frequency 5)\n  T-shirt 2, T shirt 1\n  T-shirts 1, T shirts 1\n"
                   "  below: nothing\n"
                   "scissors (artifact, frequency 3)\n  -\n  scissors 3\n  below: nothing\n"
                   "dog (animal, frequency 5)\n  dog 3\n  dogs 2\n  below: animal\n")


def test_info_about_unknown_nouns(capsys, nouns):
    code, out, err = run(capsys, "info", nouns, "dog", "cat", "cow")
    assert code == 1
    assert out.startswith("dog (animal")
    assert err == "".join(f"novic nouns info: '{text}' is no spelling of a noun of this dictionary\n"
                          for text in ("cat", "cow"))


def test_info_of_what_is_no_dictionary(capsys, tmp_path):
    path = tmp_path / "n.json"
    path.write_text('[{"id": 3}]')
    code, out, err = run(capsys, "info", path)
    assert (code, out) == (2, "")
    assert err.startswith(f"novic nouns info: {path}: expected an object noun dictionary, but noun 1: missing fields")
    assert run(capsys, "info", tmp_path / "absent.json")[0] == 2
