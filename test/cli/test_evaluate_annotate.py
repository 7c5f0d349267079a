"""`novic evaluate annotate`: a sitting from start to Ctrl-C in a process of its own, and clear errors before it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from PIL import Image

from novic_ros.cli.main import main

SAID = {"elsewhere/a.png": {"labels": [{"text": "Cup", "score": 0.9}, {"text": "mug", "score": 0.2}], "evidence": None},
        "b.png": {"labels": [{"text": "dog", "score": 0.9}], "evidence": None},
        "unknown.png": {"labels": [{"text": "cat", "score": 0.9}], "evidence": None}}


@pytest.fixture
def folder(tmp_path):
    """Pictures and a file of labels."""
    for name in ("a", "b", "c"):
        Image.new("RGB", (20, 10)).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.json").write_text(json.dumps(SAID))
    return tmp_path


@pytest.fixture
def start(folder, root):
    """Start the command and wait for its address: (process, host and port, path below them, lines before it)."""
    running = []

    def run(*options):
        command = [sys.executable, "-m", "novic_ros.cli.main", "evaluate", "annotate", str(folder / "labels.json"),
                   "--pictures", str(folder), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
                                   env={**os.environ, "PYTHONPATH": str(root)})
        running.append(process)
        stream = process.stderr if "--json" in options else process.stdout
        said = []
        for line in stream:
            said.append(line)
            found = re.search(r"http://\S+", line)
            if found:
                address = urlsplit(found.group())
                return process, address.netloc, address.path, said
        raise AssertionError(f"no address in {said}, {process.communicate()}")

    yield run
    for process in running:
        process.kill()
        process.communicate()


def judge(place, path, pair, category):
    connection = http.client.HTTPConnection(place, timeout=10)
    connection.request("POST", f"{path}judge", json.dumps({"pair": pair, "category": category}))
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_sitting_ends_with_ctrl_c_and_a_later_one_goes_on(folder, start):
    process, place, path, said = start("--top", "2")
    assert said[0] == f"0 of 3 pairs of picture and label are judged, in {folder / '_class_annotations.json'}\n"
    assert judge(place, path, 1, "correct_primary") == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert out.endswith(f"\n1 of 3 pairs are judged, in {folder / '_class_annotations.json'}\n")
    assert json.loads((folder / "_class_annotations.json").read_text())["a.png"]["correct_primary"] == ["mug"]

    process, place, path, _ = start("--top", "2", "--json")
    assert judge(place, path, 0, "close_primary") == 200
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out) == {"pairs": 3, "judged": 2, "judged_before": 1,
                               "file": str(folder / "_class_annotations.json")}


def test_judgements_are_safe_when_the_program_is_killed(folder, start):
    process, place, path, said = start("--output", "deep/er/judged.json", "--quiet")
    assert len(said) == 1 and said[0].startswith("http://127.0.0.1:")
    assert judge(place, path, 0, "incorrect") == 200
    process.kill()
    process.communicate()
    judged = json.loads((folder / "deep/er/judged.json").read_text())
    assert judged["a.png"]["incorrect"] == ["cup"]


@pytest.mark.parametrize(("options", "message"), [
    (["labels.json", "--pictures", "nowhere"], "nowhere: expected a folder of pictures, found none"),
    (["nowhere.json", "--pictures", "."], "nowhere.json: expected a JSON file: "),
    (["other.json", "--pictures", "."], "other.json: expected labels of pictures in ., found none; "),
    (["labels.json", "--pictures", ".", "--top", "0"], "at least one label of each picture, got 0"),
    (["labels.json", "--pictures", ".", "--port", "70000"], "--port: expected a number from 0 to 65535, got 70000"),
    (["labels.json", "--pictures", ".", "--output", "damaged.json"], "damaged.json: expected a JSON file: "),
    (["labels.json", "--pictures", ".", "--output", "labels.json/x"], "labels.json"),
])  # fmt: skip
def test_what_cannot_be_used_is_one_line_and_exit_code_2(folder, monkeypatch, capsys, options, message):
    monkeypatch.chdir(folder)
    (folder / "other.json").write_text(json.dumps({"unknown.png": SAID["b.png"]}))
    (folder / "damaged.json").write_text("{")
    assert main(["evaluate", "annotate", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("novic evaluate: ") and message in err
    assert err.count("\n") == 1
    assert not (folder / "_class_annotations.json").exists()
