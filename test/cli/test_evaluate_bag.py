"""`novic evaluate bag` and `record` on small bags with a tiny model: figures, reports, exit codes, and going on."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers

from novic_ros.cli.main import main
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.evaluation.results import Evaluation

BEGIN, STEP = makers.BEGIN, makers.STEP


@pytest.fixture
def evaluate(tiny_model, capsys):
    """Runs `novic evaluate KIND ...` with the tiny model; (exit code, standard output, standard error)."""
    def run(*arguments, kind="bag"):
        code = main(["evaluate", kind, *map(str, arguments), "--model", str(tiny_model), "--device", "cpu"])
        return code, *capsys.readouterr()

    return run


def test_figures_are_printed_and_a_report_is_written(evaluate, tmp_path):
    path = makers.write_bag(tmp_path / "run", makers.camera(6))
    (tmp_path / "truth.csv").write_text("start,end,label\n0,0.3,dog\n0.3,9,cat\n")
    code, out, err = evaluate(path, "--truth", tmp_path / "truth.csv", "--output", tmp_path / "out")
    assert (code, err) == (0, "")
    for text in ("exact", "of 6", "steady", "bags 1, frames 6, frames labelled 6, items 6", "report.html"):
        assert text in out
    assert sorted(one.name for one in (tmp_path / "out").iterdir() if one.suffix != ".png") == [
        "report.html", "report.json", "timing.json"]  # nothing of the work is left
    found = Evaluation.load(tmp_path / "out")
    assert (found.kind, found.title, len(found.items)) == ("bag", "run", 6)
    assert [one.truth.name for one in found.items] == ["dog"] * 3 + ["cat"] * 3
    assert set(found.timing) == {"read", "preprocess", "embed", "decode", "total"}
    assert found.environment["model"]
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").count("data:image/jpeg") >= 1


def test_two_runs_and_two_storages_give_the_same_bytes(evaluate, tmp_path):
    reports = []
    for number, storage in enumerate(("mcap", "mcap", "sqlite3")):
        folder = tmp_path / str(number)
        folder.mkdir()
        plan = [*makers.camera(5), *makers.camera(4, "/b", makers.COMPRESSED)]
        path = makers.write_bag(folder / "run", plan, storage)
        assert evaluate(path, "--output", folder / "out")[0] == 0
        reports.append((folder / "out" / "report.json").read_bytes())
    assert reports[0] == reports[1]
    assert reports[0].replace(b"0/run", b"2/run") == reports[2]


def test_no_report_no_files(evaluate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    makers.write_bag(tmp_path / "run", makers.camera(2))
    code, out, _ = evaluate("run", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["counts"]["frames"] == 2
    assert [one.name for one in tmp_path.iterdir()] == ["run"]
    assert evaluate("run", "--quiet") == (0, "", "")


def test_truth_may_come_from_the_bag(evaluate, tmp_path):
    plan = [*makers.camera(4), ("/truth", makers.STRING, BEGIN, makers.string("dog"))]
    path = makers.write_bag(tmp_path / "run", plan)
    code, _, _ = evaluate(path, "--truth-topic", "/truth", "--output", tmp_path / "out")
    assert code == 0
    assert [one.truth.name for one in Evaluation.load(tmp_path / "out").items] == ["dog"] * 4


def test_boxes_are_labelled_too(evaluate, tmp_path):
    box = makers.detections(BEGIN, makers.detection(BEGIN, (20, 20, 10, 10), "7"))
    path = makers.write_bag(tmp_path / "run", [*makers.camera(2), ("/boxes", makers.DETECTIONS, BEGIN, box)])
    assert evaluate(path, "--detections", "/camera/image=/boxes", "--output", tmp_path / "out")[0] == 0
    assert [one.id for one in Evaluation.load(tmp_path / "out").items] == [
        "run:/camera/image#000000", "run:/camera/image#000000.1", "run:/camera/image#000001"]
    code, out, _ = evaluate(path, "--detections", "/boxes", "--no-frame", "--json")
    assert (code, json.loads(out)["counts"]["items"]) == (0, 1)


def damage_metadata(path):
    (path / "metadata.yaml").unlink()


def damage_file(path):
    file = makers.storage_file(path)
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize(("plan", "damage", "problem", "count"), [
    (makers.camera(5), damage_metadata, "run: has no metadata.yaml", {"frames labelled": 5}),
    (makers.noise(6), damage_file, "run/run.mcap: it has no end", {}),
    ([(topic, kind, time, makers.raw(time, 0, encoding="surprise8" if number else "rgb8"))
      for number, (topic, kind, time, _) in enumerate(makers.camera(4))], None,
     "run:/camera/image: 3 of 4 frames could not be labelled, cause image; the first is frame 1: encoding 'surprise8' "
     "is not supported", {"frames labelled": 1, "frames not labelled, image": 3}),
])
def test_damage_is_told_and_counted(evaluate, tmp_path, plan, damage, problem, count):
    path = makers.write_bag(tmp_path / "run", plan)
    if damage:
        damage(path)
    code, out, err = evaluate(path, "--output", tmp_path / "out")
    assert code == 1
    assert err.startswith(f"novic evaluate: {problem}")
    found = Evaluation.load(tmp_path / "out")
    assert any(one.startswith(problem) for one in found.problems)
    assert {name: found.counts[name] for name in count} == count
    assert found.counts["frames labelled"] >= 1


def test_stamps_that_go_back_are_counted(evaluate, tmp_path):
    stamps = [5, 3, 4, 0]
    plan = [("/a", makers.IMAGE, BEGIN + n, makers.raw(stamp * STEP, n)) for n, stamp in enumerate(stamps)]
    code, out, _ = evaluate(makers.write_bag(tmp_path / "run", plan), "--json")
    assert code == 0
    counts = json.loads(out)["counts"]
    assert (counts["frames labelled"], counts["frames without a stamp"]) == (4, 1)
    assert counts["frames whose stamp goes back"] == 1


@pytest.mark.parametrize(("arguments", "expected"), [
    (["nowhere"], "nowhere: there is no such file or folder"),
    (["run", "--image", "/other"], "expected image topic /other, image topics in it: /camera/image (3 frames)"),
    (["run", "--detections", "/boxes"], "expected a topic /boxes of type vision_msgs/msg/Detection2DArray"),
    (["run", "--no-frame"], "--no-frame: expected --detections too"),
    (["run", "--crop-margin", "-1"], "margin: expected a share"),
    (["run", "--crop-slop", "nan"], "--crop-slop: expected seconds from 0 to 3600, got nan"),
    (["run", "--truth", "no.csv"], "no.csv: expected a table"),
    (["run", "--truth-topic", "/t"], "expected /t as a topic of"),
    (["run", "--workers", "0"], "--workers: expected a whole number of at least 1, got 0"),
    (["run", "--top", "0"], "top_k: expected a whole number"),
    (["run", "--nouns", "no.txt"], "no.txt"),
    (["run", "--output", "run/metadata.yaml/out"], "cannot be written"),
])
def test_what_cannot_be_done_is_one_line_and_2(evaluate, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    makers.write_bag(tmp_path / "run", makers.camera(3))
    code, out, err = evaluate(*arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert len(err.splitlines()) == 1


def test_many_bags_are_labelled_by_processes_and_a_bad_one_harms_no_other(evaluate, tmp_path):
    paths = [makers.write_bag(tmp_path / name / "run", makers.camera(count)) for name, count in (("a", 3), ("b", 4))]
    (tmp_path / "bad").mkdir()
    code, out, err = evaluate(*paths, tmp_path / "bad", "--workers", "2", "--output", tmp_path / "out")
    assert code == 1
    assert "bad: expected a rosbag2 recording" in err
    found = Evaluation.load(tmp_path / "out")
    assert found.title == "2 bags"
    assert [(row["bag"], row["frames"]) for row in found.curves["bags"]] == [("run", 3), ("run~2", 4)]
    assert (found.counts["bags"], found.counts["bags not read"], len(found.items)) == (2, 1, 7)
    one_by_one = evaluate(*paths, "--workers", "1", "--output", tmp_path / "alone")
    assert one_by_one[0] == 0
    alone = Evaluation.load(tmp_path / "alone")
    assert [(one.id, one.labels) for one in alone.items] == [(one.id, one.labels) for one in found.items]


def start(arguments, tiny_model):
    command = [sys.executable, "-m", "novic_ros.cli.main", "evaluate", "bag", *map(str, arguments),
               "--model", str(tiny_model), "--device", "cpu"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "bags"), [(signal.SIGINT, 1), (signal.SIGKILL, 2)])
def test_a_run_that_was_stopped_goes_on_and_gives_the_same(evaluate, tiny_model, tmp_path, number, bags):
    paths = [makers.write_bag(tmp_path / f"run{n}", makers.camera(400)) for n in range(bags)]
    out, work = tmp_path / "out", tmp_path / "out" / "work"
    arguments = [*paths, "--output", out, "--workers", bags]
    process = start(arguments, tiny_model)
    journals = [work / f"run{n}.jsonl" for n in range(bags)]
    while process.poll() is None and not all(one.exists() and one.read_bytes().count(b"\n") > 10 for one in journals):
        time.sleep(0.005)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    done = [max(0, one.read_bytes().count(b"\n") - 2) for one in journals]
    assert all(0 < count < 400 for count in done), "the run was over before it could be stopped"
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    if number == signal.SIGINT:
        assert f"what is done so far is kept in {work}" in err
    before = journals[0].read_bytes()

    process = start(arguments, tiny_model)
    printed, err = process.communicate(timeout=200)
    assert (process.returncode, err.splitlines()[0]) == (
        0, f"novic evaluate: going on after {sum(done)} frames that an earlier run has labelled"), err
    assert not work.exists()
    found = Evaluation.load(out)
    assert found.counts["frames labelled"] == len(found.items) == 400 * bags  # ids are unique, so each frame once
    times = [json.loads(line)["frame"]["seconds"]["embed"] for line in before.splitlines()[2:2 + done[0]]]
    assert found.timing["embed"][:done[0]] == [round(one, 6) for one in times]  # those frames were not labelled again
    assert evaluate(paths[0], "--output", tmp_path / "whole")[0] == 0
    whole = Evaluation.load(tmp_path / "whole")
    assert [(one.id, one.labels) for one in whole.items] == [(one.id, one.labels) for one in found.items[:400]]


def test_a_second_run_into_the_same_folder_is_refused(evaluate, tmp_path):
    path = makers.write_bag(tmp_path / "run", makers.camera(2))
    (tmp_path / "out" / "work").mkdir(parents=True)
    with (tmp_path / "out" / "work" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = evaluate(path, "--output", tmp_path / "out")
    assert code == 2
    assert "another run is writing there" in err


def test_a_labelled_bag_is_recorded(evaluate, tmp_path):
    path = makers.write_bag(tmp_path / "run", makers.camera(3))
    code, out, err = evaluate(path, "--output", tmp_path / "out", "--storage", "sqlite3", kind="record")
    assert (code, err) == (0, "")
    assert out == f"{tmp_path / 'out'}: 3 of 3 frames labelled, in /camera/labels\n"
    with Bag(tmp_path / "out") as bag:
        assert bag.counts == {"/camera/image": 3, "/camera/labels": 3, "/camera/classification": 3, "/camera/label": 3}
    assert makers.storage_file(tmp_path / "out").suffix == ".db3"
    code, out, err = evaluate(path, "--output", tmp_path / "out", kind="record")
    assert (code, out) == (2, "")
    assert "expected a folder that is not there yet" in err


def test_what_could_not_be_recorded_is_told(evaluate, tmp_path):
    plan = makers.camera(3)
    plan[1] = (*plan[1][:3], makers.raw(BEGIN, 0, encoding="surprise8"))
    path = makers.write_bag(tmp_path / "run", plan)
    code, out, err = evaluate(path, "--output", tmp_path / "out", "--json", kind="record")
    assert code == 1
    assert "1 of 3 frames could not be labelled, cause image" in err
    assert json.loads(out)["labelled"] == 2
    assert evaluate(path, "--image", "/b", "--output", tmp_path / "b", kind="record")[0] == 2
