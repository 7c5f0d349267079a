"""`novic evaluate labels`: scores of a small hand-made case, and one line for files that cannot be used."""

import json

import pytest

from novic_ros.cli import evaluate_scoring
from novic_ros.cli.main import main

TRUTH = [
    {"file": "a.jpg", "synonyms": ["dog", "domestic dog"], "hypernyms": [["canine"], ["carnivore"], ["mammal"]],
     "hyponyms": ["poodle"]},
    {"file": "b.jpg", "synonyms": ["teapot"], "hypernyms": [["pot"], ["vessel"], ["container"], ["artifact"]],
     "hyponyms": []},
    {"file": "c.jpg", "synonyms": ["cat"], "hypernyms": [["feline"]], "hyponyms": ["tabby"]},
    {"file": "d.jpg", "synonyms": ["lion"], "hypernyms": [["big cat"]], "hyponyms": []},
]


def said(*nouns, **more):
    """What `novic label` writes for one picture."""
    return {"labels": [{"text": noun, "score": 0.9 / (i + 1)} for i, noun in enumerate(nouns)], "evidence": None} | more


LABELS = {
    "some/folder/a.jpg": said("Domestic  Dog", "cat"),  # 1
    "b.jpg": said("container", "vessel", "teapot"),  # 0, over-generic, but right further down the list
    "./c.jpg": said("tabby", "lion"),  # 0.5
    "d.jpg": said(error="d.jpg: cannot be read"),  # 0
    "unasked.jpg": said("lion"),
}


@pytest.fixture
def evaluate(tmp_path, capsys, monkeypatch):
    """Write the two files and run the command: (exit code, standard output, standard error)."""
    monkeypatch.setattr(evaluate_scoring, "WORDNET", tmp_path)  # none here, whether this machine has it or not

    def run(labels=LABELS, truth=TRUTH, *options):
        paths = [tmp_path / "labels.json", tmp_path / "truth.json"]
        for path, content in zip(paths, (labels, truth)):
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        code = main(["evaluate", "labels", str(paths[0]), "--truth", str(paths[1]), *options])
        return code, *capsys.readouterr()

    return run


def test_scores(evaluate):
    code, out, err = evaluate()
    assert (code, err) == (0, "")
    lines = dict(line.split("  ", 1) for line in out.splitlines())
    lines = {name: line.strip() for name, line in lines.items()}
    assert lines["score"].startswith("0.375 (n = 4, 95 % interval 0.")
    assert lines["exact"] == "1 of 4 (0.250, 95 % interval 0.046 to 0.699)"
    assert lines["exact in list"].startswith("2 of 4 (0.500, ")
    assert lines["over-generic"].startswith("1 of 4 (0.250, ")
    assert lines["close"].startswith("2 of 4 (0.500, ")
    assert lines["close"].endswith("): exact, or at most two steps too broad or narrow")
    assert lines["answered"].startswith("3 of 4 (0.750, ")
    assert lines["truthful"].startswith("3 of 3 (1.000, ")
    assert lines["generic"].startswith("0 of 3 (0.000, ")
    assert lines["calibration error"].startswith("0.100 (n = 3, ")  # three scores of 0.9, three true labels
    assert lines["right at 0.9"].startswith("2 of 3 (0.667, 95 % interval 0.208 to 0.939): exact or close, of scores")
    assert lines["distinct labels"] == "3 (n = 3): as best label"
    assert lines["20 most frequent"].startswith("3 of 3 (1.000, ")
    assert lines["mean score"].startswith("0.900 (n = 3, ")


def test_no_answers_at_all(evaluate):
    code, out, err = evaluate({entry["file"]: said() for entry in TRUTH})
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("answered")
    assert "0 of 4" in out.splitlines()[-1]


def test_plot(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    for name, content in (("a.json", LABELS), ("t.json", TRUTH)):
        (tmp_path / name).write_text(json.dumps(content))
    files = [str(tmp_path / "a.json"), str(tmp_path / "t.json")]
    output = tmp_path / "plot.png"
    assert main(["evaluate", "plot", "--set", "one", *files, "--set", "two", *files, "--output", str(output)]) == 0
    assert output.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "a.json").write_text(json.dumps({entry["file"]: said() for entry in TRUTH}))
    assert main(["evaluate", "plot", "--set", "one", *files, "--output", str(output)]) == 2
    error = f"novic evaluate: {files[0]}: expected at least one picture with a label, found none\n"
    assert capsys.readouterr().err == error


def test_json(evaluate):
    code, out, err = evaluate(LABELS, TRUTH, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["kind"], result["problems"], result["counts"]) == ("labels", [], {})
    figures = result["figures"]
    low, high = figures["score"]["interval"]
    assert 0 <= low < 0.375 < high <= 1
    assert figures["score"]["bootstrap"] == [low, high]
    assert figures["exact"]["interval"] == pytest.approx([0.0456, 0.6994], abs=1e-4)
    assert figures["exact"]["bootstrap"] == [0, 0.75]
    assert figures["close"]["interval"] == pytest.approx([0.1500, 0.8500], abs=1e-4)
    assert figures["truthful"]["interval"] == pytest.approx([0.4385, 1.0], abs=1e-4)
    assert figures["calibration error"]["interval"] == pytest.approx([0.1, 0.1])
    found = {name: one["value"] if one["k"] is None else (one["k"], one["n"]) for name, one in figures.items()}
    assert found == {"score": 0.375, "exact": (1, 4), "exact in list": (2, 4), "over-generic": (1, 4), "close": (2, 4),
                     "answered": (3, 4), "truthful": (3, 3), "generic": (0, 3), "calibration error": 0.1,
                     "right at 0.9": (2, 3), "distinct labels": 3, "20 most frequent": (3, 3), "mean score": 0.9}


def test_pictures_that_are_not_asked_for_do_not_matter(evaluate):
    others = {"x/e.jpg": said("dog"), "y/e.jpg": said("dog"), "f.jpg": None}
    assert evaluate(LABELS | others, TRUTH) == evaluate(LABELS, TRUTH)


def test_two_runs_print_the_same(evaluate):
    assert evaluate(LABELS, TRUTH, "--json") == evaluate(LABELS, TRUTH, "--json")


def test_reads_what_novic_label_writes(tmp_path, tiny_model, evaluate, capsys):
    import numpy as np
    from PIL import Image

    picture = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(picture)
    code = main(["label", str(picture), str(tmp_path / "b.jpg"), "--model", str(tiny_model), "--quiet",
                 "--json", str(tmp_path / "written.json")])
    assert code == 1  # there is no b.jpg
    capsys.readouterr()
    code, out, err = evaluate((tmp_path / "written.json").read_text(encoding="utf-8"), TRUTH[:2], "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["figures"]["score"]["n"] == 2


ONE = [TRUTH[0]]
FAULTS = {
    "no pictures": (LABELS, [], "truth.json", "at least one picture"),
    "missing predictions": ({"a.jpg": said("dog")}, TRUTH, "labels.json", "3 are missing, the first is b.jpg"),
    "labels are no JSON": ("{", ONE, "labels.json", "expected a JSON file"),
    "truth is no JSON": (LABELS, "", "truth.json", "expected a JSON file"),
    "labels are a list": ([], ONE, "labels.json", "expected a JSON object, found list"),
    "truth is empty": (LABELS, {}, "truth.json", "at least one picture"),
    "truth is an object": (LABELS, {"a.jpg": ["dog"]}, "truth.json", "a.jpg: expected lists of labels under"),
    "truth is a text": (LABELS, '"dog"', "truth.json", "expected a JSON list or object, found str"),
    "truth without hyponyms": (LABELS, [{"file": "a.jpg", "synonyms": [], "hypernyms": []}], "a.jpg", "hyponyms"),
    "truth without a file": (LABELS, [{"synonyms": [], "hypernyms": [], "hyponyms": []}], "truth.json", "file"),
    "truth of texts": (LABELS, ["a.jpg"], "truth.json", "file"),
    "truth with numbers": (LABELS, [{"file": "a.jpg", "synonyms": [3], "hypernyms": [], "hyponyms": []}],
                           "a.jpg", "words"),
    "truth with one hypernym": (LABELS, [{"file": "a.jpg", "synonyms": [], "hypernyms": "pet", "hyponyms": []}],
                                "a.jpg", "words"),
    "a picture twice in truth": (LABELS, [*ONE, *ONE], "truth.json", "a.jpg twice"),
    "prediction without labels": ({"a.jpg": {"evidence": None}}, ONE, "labels.json", "a.jpg"),
    "prediction is a list": ({"a.jpg": [1]}, ONE, "labels.json", "a.jpg"),
    "labels of a prediction are no list": ({"a.jpg": {"labels": "dog"}}, ONE, "labels.json", "a.jpg"),
    "label without a score": ({"a.jpg": {"labels": [{"text": "dog"}]}}, ONE, "labels.json", "a.jpg"),
    "label with an impossible score": ({"a.jpg": {"labels": [{"text": "dog", "score": 7}]}}, ONE, "labels.json",
                                       "a.jpg"),
    "label without text": ({"a.jpg": {"labels": [{"score": 1}]}}, ONE, "labels.json", "a.jpg"),
    "label is a text": ({"a.jpg": {"labels": ["dog"]}}, ONE, "labels.json", "a.jpg"),
    "a picture twice": ({"x/a.jpg": said("dog"), "y/a.jpg": said("cat")}, ONE, "labels.json", "a.jpg twice"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_cannot_be_used(evaluate, fault):
    labels, truth, place, message = FAULTS[fault]
    code, out, err = evaluate(labels, truth)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("novic evaluate: ")
    assert place in err
    assert message in err


def test_missing_file(tmp_path, capsys):
    assert main(["evaluate", "labels", str(tmp_path / "absent.json"), "--truth", str(tmp_path / "absent.json")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert str(tmp_path / "absent.json") in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["evaluate"], ["evaluate", "labels"], ["evaluate", "labels", "a.json"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: novic evaluate")
