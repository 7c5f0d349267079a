"""docs/reliability.md names a test for every row, and every test that it names exists."""

import ast
import re

import pytest

REFERENCE = re.compile(r"(test_\w+\.py)::(test_\w+)(?:\[([^\]]+)\])?")


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "docs" / "reliability.md").read_text(encoding="utf-8")


def rows(page: str) -> list[list[str]]:
    """The cells of every row of its tables, without headings."""
    lines = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [cells for cells in lines if cells[-1].strip() != "test"]


def test_every_row_names_a_test(page):
    assert len(rows(page)) > 40
    without = [cells[0] for cells in rows(page) if not REFERENCE.search(cells[-1])]
    assert without == []


def test_every_test_that_is_named_exists(page, root):
    named = set(REFERENCE.findall(page))
    assert len(named) > 40
    kinds = (root / "test" / "system" / "bad_frames.py").read_text(encoding="utf-8")
    for file, function, case in sorted(named):
        path = root / "test" / "system" / file
        defined = {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body
                   if isinstance(node, ast.FunctionDef)}  # fmt: skip
        assert function in defined, f"{file} has no {function}"
        assert not case or f'"{case}": ' in kinds, f"{function} has no case {case!r}"


def test_every_kind_of_bad_frame_is_on_the_page(page, root):
    source = (root / "test" / "system" / "bad_frames.py").read_text(encoding="utf-8")
    kinds = re.findall(r'^    "([^"]+)": lambda', source, re.MULTILINE)
    assert len(kinds) == 13
    assert [kind for kind in kinds if f"[{kind}]" not in page] == []
