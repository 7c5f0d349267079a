"""Caption files: checked line by line, read in any order, and faults told by line."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training.caption_file import CaptionFile, CaptionFileError

LINES = [
    {"text": "a dog", "nouns": ["dog"]},
    {"text": "a cat and a dog", "nouns": ["cat", "dog"]},
    {"text": "a café, a dog and a cat", "nouns": ["café", "dog", "cat"], "weights": [1, 3, 2]},
    {"text": "dogs", "nouns": ["dog"], "weights": [7]},
]


@pytest.fixture
def write(tmp_path):
    def written(*lines, end="\n"):
        path = tmp_path / "captions.jsonl"
        text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
        path.write_text(text + end, encoding="utf-8")
        return path

    return written


@pytest.mark.parametrize("end", ["\n", ""])
def test_lines_come_back_with_targets_by_weight(write, end):
    with CaptionFile(write(*LINES, end=end)) as captions:
        assert (captions.rows, captions.max_targets, captions.nouns) == (4, 3, ("dog", "cat", "café"))
        texts, targets, weights = captions.read(np.array([2, 0, 1, 3, 2]))
    assert texts == [LINES[row]["text"] for row in (2, 0, 1, 3, 2)]
    assert targets.tolist() == [[0, 1, 2], [0, -1, -1], [1, 0, -1], [0, -1, -1], [0, 1, 2]]
    assert weights.tolist() == [[3, 2, 1], [1, 0, 0], [0.5, 0.5, 0], [7, 0, 0], [3, 2, 1]]
    assert (targets.dtype, weights.dtype) == (np.int32, np.float32)


def test_nouns_that_are_given(write):
    with CaptionFile(write(*LINES), nouns=["cat", "emu", "café", "dog"]) as captions:
        assert captions.nouns == ("cat", "emu", "café", "dog")
        assert captions.read(np.array([1]))[1].tolist() == [[0, 3, -1]]
    with pytest.raises(CaptionFileError, match="line 3: expected one of the 2 nouns given, found 'café'"):
        CaptionFile(write(*LINES), nouns=["cat", "dog"])


@given(st.lists(st.text(min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=200),
       st.lists(st.integers(0, 10**6), max_size=30))
@settings(max_examples=40, deadline=None)
def test_any_line_can_be_read(tmp_path_factory, texts, rows):
    """Of texts of any signs, far beyond the 64 lines between remembered places."""
    path = tmp_path_factory.mktemp("captions") / "c.jsonl"
    path.write_text("".join(json.dumps({"text": text, "nouns": ["a"]}) + "\n" for text in texts))
    rows = np.array([row % len(texts) for row in rows], dtype=np.int64)
    with CaptionFile(path) as captions:
        assert captions.rows == len(texts)
        assert captions.read(rows)[0] == [texts[row] for row in rows]


def test_digest_and_progress(write):
    seen = []
    with CaptionFile(write(*LINES * 6000), on_bytes=seen.append) as captions:
        digest = captions.digest
        assert seen[-1] == captions.path.stat().st_size
    assert len(seen) == 3
    assert sorted(seen) == seen
    with CaptionFile(write(*LINES * 6000)) as captions:
        assert captions.digest == digest
    with CaptionFile(write(*LINES * 6000, LINES[0])) as captions:
        assert captions.digest != digest


@pytest.mark.parametrize(("line", "message"), [
    ("{", "expected a JSON object, "), ("", "expected a JSON object, "), ("[]", "found b'[]"), ("3", "found b'3"),
    ({"text": "a"}, "expected {text, nouns}"), ({"nouns": ["a"]}, "expected {text, nouns}"),
    ({"text": "a", "nouns": ["a"], "weight": [1]}, "perhaps weights"),
    ({"text": "", "nouns": ["a"]}, "expected text as words, found ''"), ({"text": 3, "nouns": ["a"]}, "found 3"),
    ({"text": "a", "nouns": []}, "one or more words, found []"), ({"text": "a", "nouns": "a"}, "found 'a'"),
    ({"text": "a", "nouns": ["a", ""]}, "found ['a', '']"), ({"text": "a", "nouns": [1]}, "found [1]"),
    ({"text": "a", "nouns": ["a"], "weights": [1, 2]}, "expected weights as 1 numbers above 0, found [1, 2]"),
    ({"text": "a", "nouns": ["a"], "weights": [0]}, "found [0]"),
    ({"text": "a", "nouns": ["a"], "weights": 1}, "found 1"),
    ({"text": "a", "nouns": ["a"], "weights": [True]}, "found [True]"),
    ('{"text": "a", "nouns": ["a"], "weights": [NaN]}', "found [nan]"),
])
def test_faulty_lines(write, line, message):
    path = write(*LINES, line)
    with pytest.raises(CaptionFileError) as error:
        CaptionFile(path)
    assert str(error.value).startswith(f"{path}, line 5: ")
    assert message in str(error.value)


def test_bytes_that_are_no_text(write):
    path = write(*LINES)
    with open(path, "ab") as file:
        file.write(b'{"text": "\xff", "nouns": ["a"]}\n')
    with pytest.raises(CaptionFileError, match="line 5: "):
        CaptionFile(path)


def test_missing_and_empty_files(tmp_path):
    (tmp_path / "empty").touch()
    for path in (tmp_path / "empty", tmp_path / "absent", tmp_path):
        with pytest.raises(CaptionFileError) as error:
            CaptionFile(path)
        assert f"{path}: expected a file of captions, one JSON object per line" in str(error.value)
