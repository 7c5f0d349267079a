"""What all of `novic evaluate` share: exit codes, what is printed where, and the progress bar after two seconds."""

import argparse
import io
import json

import pytest
from rich.console import Console

from novic_ros.cli.evaluate_output import ProgressBar, add_output_options, finish
from novic_ros.evaluation.results import Evaluation, Figure, Item

FOUND = Evaluation("images", "t", (Figure("exact", 0.5, (0.25, 0.75), 1, 2, "of all"), Figure("distinct labels", 3)),
                   (Item("a.jpg"),), counts={"unreadable": 1, "pictures": 1234}, problems=("b.jpg: cut short",))


def options(*arguments):
    parser = argparse.ArgumentParser()
    add_output_options(parser)
    return parser.parse_args(arguments)


def test_figures_counts_and_problems(capsys):
    assert finish(FOUND, options()) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == ["exact            1 of 2 (0.500, 95 % interval 0.250 to 0.750): of all",
                                "distinct labels  3", "pictures 1,234, unreadable 1"]
    assert err == "novic evaluate: b.jpg: cut short\n"


def test_no_problems_no_error(capsys):
    assert finish(Evaluation("images", "t"), options()) == 0
    assert capsys.readouterr().err == ""


def test_many_problems_are_shortened(capsys, tmp_path):
    many = Evaluation("images", "t", problems=tuple(f"{n}.jpg: bad" for n in range(13)))
    assert finish(many, options()) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 11 and err[-1] == "novic evaluate: and 3 more such problems"
    finish(many, options("--output", str(tmp_path)))
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"all in {tmp_path / 'report.json'}")
    assert len(Evaluation.load(tmp_path).problems) == 13


def test_for_scripts(capsys):
    finish(FOUND, options("--json"))
    out, _ = capsys.readouterr()
    assert len(out.splitlines()) == 1
    content = json.loads(out)
    assert content["figures"]["exact"]["k"] == 1 and content["problems"] == ["b.jpg: cut short"]
    finish(FOUND, options("--quiet"))
    assert capsys.readouterr() == ("", "novic evaluate: b.jpg: cut short\n")


def test_a_report_is_written_and_named(capsys, tmp_path):
    assert finish(FOUND, options("--output", str(tmp_path / "out"))) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"report in {tmp_path / 'out' / 'report.html'}"
    assert {"report.html", "report.json", "timing.json"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert Evaluation.load(tmp_path / "out") == FOUND


def test_a_report_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert finish(FOUND, options("--output", str(tmp_path / "file"))) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and "cannot be written" in err


class Clock:
    """Seconds that pass only when told to."""

    now = 0.0

    def __call__(self):
        return self.now


def shown(steps, total=100, quiet=False, terminal=False):
    """What a bar writes for (seconds, done) steps."""
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, soft_wrap=True, highlight=False)
    with ProgressBar("labelling", total, quiet=quiet, console=console, clock=clock) as bar:
        for seconds, done in steps:
            clock.now += seconds
            bar.advance(done)
    return stream.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_is_shown_in_the_first_two_seconds_or_when_quiet(terminal):
    assert shown([(0.5, 10), (1.4, 20)], terminal=terminal) == ""
    assert shown([(5, 10), (100, 20)], terminal=terminal, quiet=True) == ""


def test_a_log_gets_a_line_every_half_minute_with_rate_and_time_left():
    text = shown([(10, 10), (15, 5), (6, 16), (1, 1), (29, 1), (1, 1)])
    assert text.splitlines() == ["labelling: 31 of 100, 1.0/s, about 69 s left",
                                 "labelling: 33 of 100, 0.5/s, about 124 s left"]
    assert shown([(40, 20)], total=None) == "labelling: 20, 0.5/s\n"


def test_a_terminal_gets_a_bar_with_count_rate_and_time():
    text = shown([(3, 30), (1, 10)], terminal=True)
    assert "labelling" in text and "/100" in text and "10.0/s" in text
