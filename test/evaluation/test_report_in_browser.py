"""report.html in a headless Chromium: opens fast with 2,000 items, fits a phone, searches, and lets nothing run."""

import numpy as np
import pytest
from browser import DESKTOP, PHONE, complaints_of, started_browser
from made_evaluations import item, some_evaluation, stream
from PIL import Image

from novic_ros.evaluation.report import write_report
from novic_ros.evaluation.results import Item
from novic_ros.labels import Label

EVIL = "</script><script>window.caught = 1</script><img src=x onerror='window.caught = 2'>"
LABELS = ["dog", "cat", "truck", "", "poodle", "frying pan"]


@pytest.fixture(scope="module")
def browser():
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A report of 2,000 frames of two cameras, with noisy pictures, which make large thumbnails."""
    folder = tmp_path_factory.mktemp("large")
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 255, (480, 640, 3), dtype=np.uint8)).save(folder / "dot.png")
    frames = [frame for camera in ("front", "rear") for frame in stream(
        [LABELS[number] for number in random.integers(0, len(LABELS), 1000)], f"bag /{camera}", truth="dog")]
    write_report(some_evaluation(frames, kind="bag"), folder)
    return folder / "report.html"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A report of some pictures, one of them with names that want to be code."""
    folder = tmp_path_factory.mktemp("small")
    Image.new("RGB", (64, 48), (200, 30, 30)).save(folder / "a.png")
    items = [item("first.png", ("cat", 0.9), truth="dog", picture="a.png"),
             item("second.png", ("dog", 0.8), truth="dog"),
             Item(EVIL, source=EVIL, picture="a.png", labels=(Label(EVIL, 0.5),), score=0.0)]
    write_report(some_evaluation(items, title=EVIL, problems=(EVIL,), environment={EVIL: EVIL}), folder)
    return folder / "report.html"


@pytest.fixture
def visit(browser):
    """Open a file: (page, what its console said, and all that it loaded). Closed after the test."""
    contexts = []

    def open_page(path, size=DESKTOP, scheme="light"):
        contexts.append(browser.new_context(viewport=dict(zip(("width", "height"), size)), color_scheme=scheme))
        page = contexts[-1].new_page()
        said = complaints_of(page)
        page.goto(path.as_uri())
        said.remove(f"loads {path.as_uri()[:100]}")
        return page, said

    yield open_page
    for context in contexts:
        context.close()


def test_two_thousand_items_open_fast(visit, large):
    assert large.stat().st_size < 6_000_000
    page, said = visit(large)
    ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert ready < 5000  # milliseconds; about 500 on one idle core, and this machine may be busy
    assert page.locator(".list tbody tr").count() == 100
    assert 60 < page.locator("img").count() <= 120
    assert said == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_screen_and_can_be_read(visit, large, size, scheme):
    page, said = visit(large, size, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    paper, ink = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    assert contrast(paper, ink) > 7  # WCAG AAA
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    too_small = page.evaluate("""[...document.querySelectorAll("main *")].filter((one) => one.childNodes.length === 1
        && one.firstChild.nodeType === 3 && !one.closest("svg") && parseFloat(getComputedStyle(one).fontSize) < 10.5)
        .map((one) => one.outerHTML.slice(0, 80))""")
    assert too_small == []
    assert said == []


def luminance(colour):
    """WCAG 2's relative luminance of "rgb(r, g, b)"."""
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_list_is_searched_and_goes_on(visit, large):
    page, _ = visit(large)
    rows = page.locator(".list tbody tr")
    page.click("#more")
    assert rows.count() == 200
    page.fill("#search input", "frying")
    assert "frying pan" in rows.first.inner_text()
    found, everything = map(int, page.inner_text("#search output").split(" of "))
    assert 250 < found < 420 and everything == 2000
    page.select_option("#search select", label="right")
    assert rows.count() == 0
    page.fill("#search input", "")
    assert rows.count() == 100
    assert all(text.startswith("dog") for text in rows.all_inner_texts())


def test_a_picture_opens_large_and_closes(visit, small):
    page, _ = visit(small)
    page.click(".frame img >> nth=0")
    assert page.locator("dialog").is_visible()
    assert page.inner_text("dialog p") == "first.png"
    page.click("dialog img")
    assert not page.locator("dialog").is_visible()


def test_a_picture_of_the_strip_points_at_its_span(visit, large):
    page, _ = visit(large)
    card = page.locator(".strip li").first
    card.hover()
    assert "on" in page.locator(f"#{card.get_attribute('data-span')}").get_attribute("class").split()


def test_names_that_want_to_be_code_are_shown_and_not_run(visit, small):
    page, said = visit(small)
    assert page.evaluate("window.caught") is None
    assert page.inner_text("h1") == EVIL
    assert EVIL in page.inner_text(".list tbody")
    assert said == []


def test_the_policy_stops_code_that_got_in_all_the_same(visit, small, tmp_path):
    broken = tmp_path / "report.html"
    broken.write_text(small.read_text().replace("<main>", "<main><script>window.caught = 3</script>"
                                                "<img src='https://example.invalid/x.png'>", 1))
    page, said = visit(broken)
    assert page.evaluate("window.caught") is None
    assert len([line for line in said if "Content Security Policy" in line]) == 2
