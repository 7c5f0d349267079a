"""`novic` itself: help, version, wrong usage, and what it does not load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from novic_ros import __version__
from novic_ros.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("label", "evaluate", "demo")  # others have tests of their own


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, **options)


def test_help_is_quick_and_loads_no_library_of_models():
    """Wall time is noisy on a busy machine; processor time is not."""
    code = """
import resource, sys
from novic_ros.cli.main import main
try:
    main(["--help"])
except SystemExit as end:
    print("exit code", end.code)
used = resource.getrusage(resource.RUSAGE_SELF)
print("seconds", used.ru_utime + used.ru_stime)
print("loaded", sorted({"torch", "torchvision", "open_clip", "timm", "transformers", "rclpy"} & set(sys.modules)))
"""
    done = python("-c", code, check=True)
    said = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines()[-3:])
    assert said["exit code"] == "0"
    assert said["loaded"] == "[]"
    assert float(said["seconds"]) < 2
    assert all(f"\n  {command} " in done.stdout or f"\n    {command} " in done.stdout for command in COMMANDS)
    assert done.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: novic {command}")


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"novic_ros {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["lable"], ["--fast"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: novic ")
    assert "Traceback" not in err


def test_as_a_program(tmp_path, tiny_model):
    """From start to exit code in a process of its own: one broken file, no traceback, nothing said twice."""
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    done = python("-m", "novic_ros.cli.main", "label", str(tmp_path / "broken.jpg"), "--model", str(tiny_model),
                  env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away(tmp_path, unbuffered):
    """`novic ... | head -0`: exit code 1, not a word."""
    labels, truth = tmp_path / "labels.json", tmp_path / "truth.json"
    labels.write_text('{"a.jpg": {"labels": []}}')
    truth.write_text('[{"file": "a.jpg", "synonyms": [], "hypernyms": [], "hyponyms": []}]')
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "novic_ros.cli.main", "evaluate", "labels", labels, "--truth", truth]
        done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60,
                              env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert done.stderr == ""
