"""`novic evaluate compare` from the command line: two runs of one folder, and files that cannot be compared."""

import json

from novic_ros.cli.main import main
from novic_ros.evaluation.results import Evaluation


def compared(capsys, *arguments):
    code = main(["evaluate", "compare", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_two_runs_compared(evaluate, photos, tmp_path, capsys):
    evaluate("images", photos, "--output", tmp_path / "one")
    evaluate("images", photos, "--output", tmp_path / "two", "--views", "2")
    code, out, err = compared(capsys, tmp_path / "one", tmp_path / "two" / "report.json", "--output", tmp_path / "both")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["one", "two"] and "paired bootstrap" in out or "No difference" in out
    content = json.loads((tmp_path / "both" / "compare.json").read_text())
    assert (content["first"], content["second"], content["pairs"]) == ("one", "two", 3)
    assert "</html>" in (tmp_path / "both" / "compare.html").read_text()
    code, out, err = compared(capsys, tmp_path / "one", tmp_path / "one", "--json")
    assert code == 0 and json.loads(out)["score_difference"] == {"value": 0, "interval": [0, 0], "n": 3}
    assert compared(capsys, tmp_path / "one", tmp_path / "one", "--quiet") == (0, "", "")


def test_runs_that_cannot_be_compared(tmp_path, capsys):
    Evaluation("images", "t").save(tmp_path / "empty")
    for arguments, message in (((tmp_path / "empty", tmp_path / "none"), "none"),
                               ((tmp_path / "empty", tmp_path / "empty"), "found no id in common")):
        code, out, err = compared(capsys, *arguments)
        assert (code, out) == (2, "") and message in err and len(err.splitlines()) == 1
