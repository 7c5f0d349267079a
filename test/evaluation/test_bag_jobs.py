"""Journals and crews: what is done stays done whoever is killed, nothing is done twice, a bad bag harms no other."""

import dataclasses
import json
import threading

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers
from hypothesis import given, settings
from hypothesis import strategies as some

from novic_ros.evaluation.bag_jobs import Journal, JournalError, bag_fingerprint, run_jobs
from novic_ros.evaluation.bag_run import BagJob, FrameLabels, label_bag
from novic_ros.evaluation.bag_workers import WorkerError, WorkerLost
from novic_ros.labels import Label, Labels

HEADING = {"model": "m", "bag": [["a.mcap", 5, 7]]}


def frame(index):
    return FrameLabels("/a", index, index + 1, index + 1, (Labels((Label(f"red {index}", 0.5),), 0.25),))


def test_a_journal_gives_back_what_it_got(tmp_path):
    path = tmp_path / "deep" / "bag.jsonl"
    journal = Journal(path, HEADING)
    assert (journal.frames, journal.finished) == ([], False)
    journal.describe({"device": "cpu"})
    journal.describe({"device": "another"})  # who goes on does not change who began
    for index in range(3):
        journal.add(frame(index))
    again = Journal(path, HEADING)  # while the first is open, as after a kill
    assert (again.frames, again.finished, again.environment) == ([frame(n) for n in range(3)], False, {"device": "cpu"})
    again.finish(["a problem"])
    again.close()
    done = Journal(path, HEADING)
    assert (done.finished, done.problems, len(done.frames)) == (True, ["a problem"], 3)


def test_other_work_is_begun_anew(tmp_path):
    path = tmp_path / "bag.jsonl"
    Journal(path, HEADING).add(frame(0))
    assert Journal(path, HEADING | {"model": "other"}).frames == []
    assert Journal(path, HEADING).frames == []  # the other run has taken the file over


@settings(max_examples=50, deadline=None)
@given(some.data())
def test_whatever_a_kill_leaves_the_whole_lines_count(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("kill") / "bag.jsonl"
    journal = Journal(path, HEADING)
    for index in range(4):
        journal.add(frame(index))
    journal.finish([])
    journal.close()
    content = path.read_bytes()
    cut = data.draw(some.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = max(0, content[:cut].count(b"\n") - 1)
    again = Journal(path, HEADING)
    assert again.frames == [frame(n) for n in range(min(whole, 4))]
    assert again.finished == (whole == 5)
    again.add(frame(9))
    again.close()
    assert Journal(path, HEADING).frames == [*again.frames]
    for line in path.read_bytes().splitlines():
        json.loads(line)


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"frame": {}}', '{"frame": {"topic": 1}}', '{"other": 1}'])
def test_a_line_that_is_not_ours_ends_what_counts(tmp_path, line):
    path = tmp_path / "bag.jsonl"
    journal = Journal(path, HEADING)
    journal.add(frame(0))
    journal.close()
    with path.open("a") as file:
        file.write(line + "\n" + json.dumps({"frame": frame(1).to_json()}) + "\n")
    expected = 2 if line == "{}" else 1  # an empty object says nothing, and harms nothing
    assert len(Journal(path, HEADING).frames) == expected


def test_a_journal_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file/bag.jsonl: the journal cannot be written"):
        Journal(tmp_path / "file" / "bag.jsonl", HEADING)


def test_a_bag_that_changed_is_another_one(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(2))
    before = bag_fingerprint(path)
    assert before == bag_fingerprint(path) == json.loads(json.dumps(before))
    with makers.storage_file(path).open("ab") as file:
        file.write(b"more")
    assert bag_fingerprint(path) != before


class FakeWorker:
    """Labels in its thread; loses itself, or fails, where the test says so."""

    asked = []
    made = 0

    def __init__(self, lose_at=None, error=None, gate=None):
        self.environment = {"worker": "fake"}
        self._lose_at, self._error, self._gate = lose_at, error, gate
        self.closed = False
        type(self).made += 1

    def load(self):
        if self._error:
            raise self._error
        return ["a warning"]

    def label(self, job, done, problems):
        for number, one in enumerate(label_bag(job, makers.ColourLabeller(), done, problems), start=done):
            if self._lose_at == number:
                raise WorkerLost("killed")
            if self._gate is not None:
                self._gate(job)
            self.asked.append((job.name, number))
            yield one

    def close(self):
        self.closed = True


@pytest.fixture
def fake():
    FakeWorker.asked, FakeWorker.made = [], 0
    return FakeWorker


def jobs_of(tmp_path, counts, storage="mcap"):
    found = []
    for number, count in enumerate(counts):
        path = makers.write_bag(tmp_path / f"bag{number}", makers.camera(count), storage)
        found.append((BagJob(str(path), path.name), Journal(tmp_path / f"{number}.jsonl", {"bag": number})))
    return found


def timeless(frames):
    return [dataclasses.replace(one, seconds={}) for one in frames]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_all_bags_are_labelled_once_by_as_many_workers_as_asked(tmp_path, fake, workers):
    jobs, counted, warned = jobs_of(tmp_path, (3, 0, 5, 4)), [], []
    jobs[1][1].finish([])  # a bag that is finished is not touched
    run_jobs(jobs, fake, workers, counted.append, warned.append)
    assert [len(journal.frames) for _, journal in jobs] == [3, 0, 5, 4]
    assert sorted(fake.asked) == [(f"bag{bag}", n) for bag, count in ((0, 3), (2, 5), (3, 4)) for n in range(count)]
    assert sum(counted) == 12
    assert warned == ["a warning"]
    assert all(journal.finished for _, journal in jobs)
    assert fake.made == min(workers, 3)
    assert jobs[0][1].environment == {"worker": "fake"}


def test_workers_do_work_at_the_same_time(tmp_path, fake):
    both = threading.Barrier(2, timeout=30)

    def gate(job):
        both.wait()  # passes only while two bags are in work

    run_jobs(jobs_of(tmp_path, (3, 3)), lambda: fake(gate=gate), 2)
    assert len(fake.asked) == 6


def test_a_lost_worker_is_replaced_and_nothing_is_done_twice(tmp_path, fake):
    ((job, journal),) = jobs = jobs_of(tmp_path, (8,))
    lose_at = iter([3, 5, 5, None])
    run_jobs(jobs, lambda: fake(lose_at=next(lose_at)), 1)
    assert fake.asked == [("bag0", n) for n in range(8)]
    assert [one.index for one in journal.frames] == list(range(8))
    assert (journal.finished, journal.problems, fake.made) == (True, [], 4)


def test_a_bag_that_kills_its_workers_is_given_up_and_the_others_go_on(tmp_path, fake):
    jobs = jobs_of(tmp_path, (5, 2))
    lose_at = iter([2, 2, 2, None])
    run_jobs(jobs, lambda: fake(lose_at=next(lose_at)), 1)
    (_, first), (_, second) = jobs
    assert [one.index for one in first.frames] == [0, 1]
    assert first.problems == ["bag0: given up after 2 frames, as 3 workers in a row were lost at the next one (killed)"]
    assert [one.index for one in second.frames] == [0, 1]
    assert second.problems == []


def test_a_bag_that_cannot_be_read_harms_no_other(tmp_path, fake):
    jobs = jobs_of(tmp_path, (2, 2))
    makers.storage_file(tmp_path / "bag0").write_bytes(b"")
    run_jobs(jobs, fake, 2)
    assert "cannot be read" in jobs[0][1].problems[0]
    assert [len(journal.frames) for _, journal in jobs] == [0, 2]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_cannot_be_loaded_ends_the_run(tmp_path, fake, workers):
    jobs = jobs_of(tmp_path, (2, 2, 2))
    with pytest.raises(WorkerError, match="no such model"):
        run_jobs(jobs, lambda: fake(error=WorkerError("no such model")), workers)
    assert not any(journal.finished for _, journal in jobs)


def test_a_run_that_was_killed_goes_on_where_it_stopped(tmp_path, fake):
    class Killed(Exception):
        pass

    def advance(count):
        if len(fake.asked) == 7:
            raise Killed

    first = jobs_of(tmp_path, (5, 5))
    with pytest.raises(Killed):
        run_jobs(first, fake, 1, advance)
    second = [(job, Journal(tmp_path / f"{n}.jsonl", {"bag": n})) for n, (job, _) in enumerate(first)]
    assert [len(journal.frames) for _, journal in second] == [5, 2]
    run_jobs(second, fake, 1)
    assert fake.asked == [("bag0", n) for n in range(5)] + [("bag1", n) for n in range(5)]
    (tmp_path / "whole").mkdir()
    whole = jobs_of(tmp_path / "whole", (5, 5))
    run_jobs(whole, fake, 1)
    assert [timeless(journal.frames) for _, journal in second] == [timeless(journal.frames) for _, journal in whole]
