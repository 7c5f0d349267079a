"""`novic captions`: the lines it writes, its counts and samples, and one line for whatever goes wrong."""

import json
from collections import Counter

import pytest
from tiny_dictionary import tiny_dictionary

from novic_ros.cli.main import main

PROMPTS = {"prompts": {"One": [[1, "{article_noun}"], [2, "many {plural}"]], "Two": [[1, "one {singular}"]]}}
ONE = 11 + 8 + 2 * 8  # captions of collection One for the tiny dictionary
CAPTIONS = [{"target_noun": "dog", "singular_captions": ["a {singular} barks"], "plural_captions": ["{plural} bark"]},
            {"target_noun": "cat", "singular_captions": ["a {singular} purrs"], "plural_captions": []}]


@pytest.fixture
def files(tmp_path):
    tiny_dictionary().write(tmp_path / "nouns.json")
    (tmp_path / "prompts.json").write_text(json.dumps(PROMPTS))
    (tmp_path / "captions.json").write_text(json.dumps(CAPTIONS))
    return tmp_path


@pytest.fixture
def captions(files, capsys, monkeypatch):
    """Run the command in the folder of the files: (exit code, standard output, standard error)."""
    monkeypatch.chdir(files)

    def run(*arguments, nouns="nouns.json"):
        code = main(["captions", *map(str, arguments), "--nouns", nouns])
        return code, *capsys.readouterr()

    return run


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_writes_one_object_per_line(captions, files):
    code, out, err = captions("out.jsonl", "--templates", "prompts.json", "--collection", "One")
    assert (code, err) == (0, "")
    assert out == f"out.jsonl: {3 * ONE} captions (M1 {ONE}, M2 {ONE}, M3 {ONE})\n"
    records = lines(files / "out.jsonl")
    assert len(records) == 3 * ONE
    assert Counter(len(record["nouns"]) for record in records) == {1: ONE, 2: ONE, 3: ONE}
    for record in records:
        assert list(record) == ["text", "nouns", "weights"]
        assert sum(record["weights"]) == pytest.approx(1)
        assert len(record["weights"]) == len(record["nouns"]) == record["text"].count(" and ") + 1
    assert {"text": "an X-ray film.", "nouns": ["x ray film"], "weights": [1.0]} in records
    assert sorted(path.name for path in files.iterdir()) == ["captions.json", "nouns.json", "out.jsonl", "prompts.json"]


def test_the_packages_own_templates_are_used_by_default(captions, files):
    code, out, _ = captions("out.jsonl", "--multi", "1")
    assert code == 0
    assert len(lines(files / "out.jsonl")) > 80 * 11 + 60 * 8


def test_the_same_arguments_write_the_same_bytes(captions, files):
    def written(*options):
        assert captions("out.jsonl", "--grammar", "1", "--captions", "captions.json", *options)[0] == 0
        return (files / "out.jsonl").read_bytes()

    assert written() == written() == written("--seed", "0")
    assert written() != written("--seed", "1")


def test_all_sources(captions, files):
    code, out, err = captions("out.jsonl", "--templates", "prompts.json", "--multi", "0,2", "--grammar", "3",
                              "--captions", "captions.json", "--captions-times", "2")
    assert code == 0
    grammar, dataset = 3 * 19, 2 * 20 * 5
    assert out == f"out.jsonl: {2 * (ONE + 11) + grammar + dataset} captions (M2 {2 * (ONE + 11)}, " \
                  f"grammar {grammar}, captions {dataset})\n"
    assert err == "novic captions: captions.json: 1 of 6 nouns have captions, 1 entries are for other nouns\n"
    texts = Counter(record["text"] for record in lines(files / "out.jsonl"))
    assert texts["a dog barks."] == 2 * 20 * 3
    assert texts["dogs bark."] == 2 * 20 * 2


def test_threshold(captions, files):
    assert captions("out.jsonl", "--multi", "1", "--threshold", "4")[0] == 0
    assert {record["nouns"][0] for record in lines(files / "out.jsonl")} == {"dog", "t shirt"}


def test_to_standard_output(captions):
    code, out, err = captions("-", "--templates", "prompts.json", "--multi", "1")
    assert code == 0
    assert len([json.loads(line) for line in out.splitlines()]) == ONE + 11
    assert err == f"-: {ONE + 11} captions (M1 {ONE + 11})\n"


def test_samples_without_a_file(captions, files):
    code, out, err = captions("--sample", "5", "--templates", "prompts.json")
    assert (code, err) == (0, "")
    first, *samples = out.splitlines()
    assert first == f"not written: {3 * (ONE + 11)} captions (M1 {ONE + 11}, M2 {ONE + 11}, M3 {ONE + 11})"
    assert len(samples) == 5
    assert all(text.endswith("]") and ".  [" in text for text in samples)
    assert captions("--sample", "5", "--templates", "prompts.json")[1] == out
    assert captions("--sample", "5", "--templates", "prompts.json", "--seed", "1")[1] != out


def test_samples_are_among_the_lines_written(captions, files):
    _, out, _ = captions("out.jsonl", "--sample", "20", "--templates", "prompts.json")
    texts = {record["text"] for record in lines(files / "out.jsonl")}
    assert all(line.split("  [")[0] in texts for line in out.splitlines()[1:])


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "expected a file to write, or --sample to only look at captions"),
    (["out.jsonl", "--multi", "1,x"], "--multi: expected whole numbers joined by commas, got '1,x'"),
    (["out.jsonl", "--multi", "-1"], "multisets: expected whole numbers from 0"),
    (["out.jsonl", "--multi", "0"], "no captions are left to write"),
    (["out.jsonl", "--threshold", "99"], "no captions are left to write"),
    (["out.jsonl", "--threshold", "-1"], "--threshold: expected a whole number from 0, got -1"),
    (["out.jsonl", "--grammar", "-1"], "--grammar: expected a whole number from 0, got -1"),
    (["out.jsonl", "--captions-times", "0"], "--captions-times: expected a whole number from 1, got 0"),
    (["out.jsonl", "--seed", "-1"], "--seed: expected a whole number from 0, got -1"),
    (["--sample", "-1"], "--sample: expected a whole number from 0, got -1"),
    (["out.jsonl", "--collection", "fotos"], "collection 'fotos': expected one of drawings"),
    (["out.jsonl", "--templates", "absent.json"], "absent.json: expected a JSON file with caption templates"),
    (["out.jsonl", "--captions", "nouns.json"], "nouns.json: 'dog': expected a list of singular_captions"),
    (["nowhere/out.jsonl"], "No such file"),
])
def test_what_cannot_be_done(captions, files, arguments, message):
    code, out, err = captions(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("novic captions: ") and message in err and err.count("\n") == 1
    assert sorted(path.name for path in files.iterdir()) == ["captions.json", "nouns.json", "prompts.json"]


def test_no_dictionary(captions):
    code, out, err = captions("out.jsonl", nouns="prompts.json")
    assert (code, out) == (2, "")
    assert err.startswith("novic captions: prompts.json: expected an object noun dictionary")


def test_an_interrupted_file_is_not_left_behind(captions, files, monkeypatch):
    from novic_ros.cli import captions as command

    def interrupted(stream, file):
        file.write("half a line")
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_write", interrupted)
    (files / "out.jsonl").write_text("older\n")
    assert captions("out.jsonl", "--multi", "1")[0] == 130
    assert (files / "out.jsonl").read_text() == "older\n"
    assert not (files / "out.jsonl.part").exists()
