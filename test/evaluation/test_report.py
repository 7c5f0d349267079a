"""report.html and the plots: what is written, what is in it, what is escaped, and that it is the same every time."""

import base64
import io
import json
import logging
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from made_evaluations import item, region, some_evaluation, stream
from PIL import Image

from novic_ros.evaluation.report import ReportError, write_report
from novic_ros.evaluation.report_plots import PLOT_FILES
from novic_ros.evaluation.results import Item
from novic_ros.labels import Label

MISTAKES = [item("a.png", ("cat", 0.9), ("dog", 0.1), truth="dog", picture="a.png"),
            item("b.png", ("dog", 0.8), truth="dog", picture="b.png"),
            item("c.png", truth="truck", picture="c.png")]  # fmt: skip


class Page(HTMLParser):
    """The tags, their attributes, and the text of a page, as a browser would see them."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.texts, self._open = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open[-1:]):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def sections(self):
        return [one["id"] for one in self.all("section")]


@pytest.fixture
def report(tmp_path):
    """Write a report of these items, with small pictures beside it: (page, folder)."""
    def write(items, read=None, **more):
        for number, name in enumerate("abc"):
            Image.new("RGB", (40, 30), (90 * number, 90, 90)).save(tmp_path / f"{name}.png")
        write_report(some_evaluation(items, **more), tmp_path, read)
        return Page(tmp_path / "report.html"), tmp_path

    return write


def test_a_report_has_all_its_parts(report):
    page, folder = report(MISTAKES)
    assert page.sections == ["scores", "sheet1", "sheet2", "frequent", "reliability", "times", "list", "how"]
    for text in ("A title", "0.500 5 of 10", "95 % interval 0.300 to 0.700", "n = 10", "41.2",
                 "Most confident mistakes", "cat 0.90", "is dog", "broken.jpg: cut short",
                 "novic evaluate images photos --truth 'a b.json'",
                 "novic_ros 0.1", "calibrated yes", "wrong 1", "median"):
        assert text in page.text, text
    anchors = {one["href"] for one in page.all("a")}
    assert anchors == {f"#{name}" for name in page.sections}
    assert sorted(path.name for path in folder.glob("*.png") if path.name in PLOT_FILES) \
        == ["reliability.png", "times.png"]


def test_pictures_are_in_the_page_and_nothing_else_is_loaded(report):
    page, _ = report(MISTAKES)
    shown = [one["src"] for one in page.all("img") if "src" in one]
    assert len(shown) == 2  # the mistake and the silent one
    assert all(source.startswith("data:image/jpeg;base64,") for source in shown)
    assert not page.all("link")
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page.source)
    policy = next(one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_bags_have_a_timeline(report):
    frames = stream(["dog"] * 20 + ["cat"] * 5 + [""], truth="dog", source="bag <1> /front")
    page, folder = report(frames, kind="bag", curves={}, timing={})
    assert page.sections == ["scores", "timeline", "sheet1", "sheet2", "confusion", "list", "how"]
    assert "bag <1> /front 26 frames, 2 changes of label" in page.text
    spans = [one for one in page.all("a") if one.get("id", "").startswith("span0-")]
    assert [one["title"].partition(":")[0] for one in spans] == ["dog", "cat", "no label"]
    assert sorted(path.name for path in folder.glob("*.png") if path.name in PLOT_FILES) == ["timeline.png"]


def test_confusion_is_drawn_where_there_are_kinds(report):
    many = [item(f"{truth}{number}", (said, 0.9), truth=truth) for number in range(2)
            for truth, said in (("dog", "cat"), ("cat", "cat"), ("truck", "dog"))]
    page, folder = report(many, curves={}, timing={})
    assert "confusion" in page.sections
    assert "dog called cat 2 times" in page.text
    assert (folder / "confusion.png").is_file()


def test_a_region_is_shown_not_its_frame(report):
    def read(items):
        image = np.zeros((60, 80, 3), np.uint8)
        image[10:, 20:] = 255
        for one in items:
            yield one, image

    box = item("crop", ("cat", 0.9), truth="dog", region=type(region(1))(20, 10, 30, 20, "7"))
    page, _ = report([box], read)
    [picture] = [one["src"] for one in page.all("img") if "src" in one]
    shown = Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2])))
    assert shown.size == (30, 20)
    assert np.asarray(shown).min() > 240


def test_pictures_that_cannot_be_read_are_left_away_with_one_warning(report, caplog):
    gone = [item(f"gone{number}", ("cat", 0.9), truth="dog", picture=f"gone{number}.png") for number in range(3)]
    page, _ = report([*gone, *MISTAKES])
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "the report is without 3 of its 5 pictures; the first: " in caplog.text
    assert page.text.count("no picture") == 3


def test_a_region_outside_its_frame_is_left_away(report, caplog):
    page, _ = report([item("far", ("cat", 0.9), truth="dog", picture="a.png", region=region(500))])
    assert "the report is without the picture of far" in caplog.text
    assert "no picture" in page.text


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028\"'&"


def test_text_from_elsewhere_stays_text(report):
    evil = Item(EVIL, source=EVIL, stamp=1.0, labels=(Label(EVIL, 0.5),), score=0.0)
    other = Item("b", source=EVIL, stamp=2.0, labels=(Label("x", 0.5),), score=0.0)
    page, _ = report([evil, other], title=EVIL, command=EVIL, problems=(EVIL,), environment={EVIL: EVIL},
                     counts={EVIL: 1}, curves={"frequent labels": [{"label": EVIL, "n": 3}]})
    assert len(page.all("script")) == 2
    assert all(one.get("src", "data:").startswith("data:") for one in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    [rows] = re.findall(r'<script type="application/json" id="rows">(.*?)</script>', page.source)
    assert json.loads(rows)["rows"][0][0] == EVIL


def test_names_that_are_no_valid_text_do_not_stop_a_report(report):
    page, _ = report([Item("caf\udce9.png", labels=(Label("cat", 0.5),))])
    assert "caf" in page.text


def test_the_same_evaluation_gives_the_same_bytes(report, tmp_path):
    frames = stream(["dog", "cat", "", "cat", "dog"] * 4, truth="dog")
    names = ("report.html", "times.png", "reliability.png", "timeline.png")
    contents = []
    for _ in range(2):
        report(frames, kind="bag")
        contents.append([(tmp_path / name).read_bytes() for name in names])
    assert contents[0] == contents[1]
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]  # no half files


def test_a_plot_of_an_earlier_run_does_not_stay(report):
    _, folder = report(MISTAKES)
    assert (folder / "times.png").is_file()
    report(MISTAKES, timing={})
    assert not (folder / "times.png").exists()


def test_nothing_evaluated_is_a_report_too(report):
    page, _ = report([], figures=(), curves={}, counts={}, problems=(), timing={}, environment={}, command="")
    assert page.sections == ["how"]


def test_a_very_long_list_ends_and_says_so(report, monkeypatch):
    monkeypatch.setattr("novic_ros.evaluation.report_page.MOST_ROWS", 2)
    page, _ = report(MISTAKES)
    assert "All 3 pictures The first 2 are listed here, all of them are in report.json." in page.text
    [rows] = re.findall(r'<script type="application/json" id="rows">(.*?)</script>', page.source)
    assert [row[-1] for row in json.loads(rows)["rows"]] == ["a.png", "b.png"]


def test_without_matplotlib_there_are_no_plots(report, monkeypatch, caplog):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"] + ["matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    page, folder = report(MISTAKES)
    assert "reliability" in page.sections
    assert not any((folder / name).exists() for name in PLOT_FILES)
    assert "no PNG plots are drawn" in caplog.text


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"file: the report cannot be written: File exists"):
        write_report(some_evaluation([]), tmp_path / "file")


def test_only_so_many_pictures_are_asked_for(tmp_path):
    asked = []

    def read(items):
        asked.extend(items)
        return iter(())

    labels = ["dog", "cat", "truck", "", "poodle"] * 400
    write_report(some_evaluation(stream(labels, truth="dog"), kind="bag"), tmp_path, read)
    assert 40 < len(asked) <= 112
    assert len({one.id for one in asked}) == len(asked)
