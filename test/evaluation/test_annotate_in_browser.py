"""The annotation page in a headless Chromium: judged by keys alone, taken back, gone on with, honest about trouble."""

import json
import threading

import pytest
from browser import DESKTOP, PHONE, complaints_of, expect, started_browser
from PIL import Image

from novic_ros.evaluation.annotate import Pair, Sitting
from novic_ros.evaluation.annotate_server import AnnotationServer

PAIRS = [Pair("a.png", "cup"), Pair("a.png", "mug"), Pair("b.png", "<b>dog</b>"), Pair("gone.png", "cat")]


@pytest.fixture(scope="module")
def browser():
    with started_browser() as started:
        yield started


@pytest.fixture
def sit(tmp_path, browser):
    """Start a sitting, as the program does, and open its page: (page, what the console said, server)."""
    Image.new("RGB", (640, 480), (200, 120, 40)).save(tmp_path / "a.png")
    Image.new("RGB", (480, 640), (40, 120, 200)).save(tmp_path / "b.png")
    started = []

    def start(size=DESKTOP, scheme="light"):
        files = {name: tmp_path / name for name in ("a.png", "b.png", "gone.png")}
        server = AnnotationServer(Sitting(PAIRS, tmp_path / "judged.json"), files)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        context = browser.new_context(viewport=dict(zip(("width", "height"), size)), color_scheme=scheme)
        started.append((server, thread, context))
        page = context.new_page()
        said = complaints_of(page)
        page.goto(server.address)
        expect(page.locator("#count")).not_to_be_empty()
        return page, said, server

    yield start
    for server, thread, context in started:
        context.close()
        end(server, thread)


def end(server, thread=None):
    server.shutdown()
    server.server_close()
    if thread is not None:
        thread.join()


def saved(server, count):
    """The file, once it holds `count` judgements."""
    judged = json.loads(server.sitting.path.read_text())
    assert sum(len(labels) for lists in judged.values() for labels in lists.values()) == count
    return judged


def press(page, *keys):
    """Press keys one after the other, and wait until the judgements have arrived."""
    for key in keys:
        if key in "12345":
            with page.expect_response("**/judge"):
                page.keyboard.press(key)
        else:
            page.keyboard.press(key)


def test_everything_is_judged_with_keys_alone(sit):
    page, said, server = sit()
    assert page.inner_text("#label") == "cup"
    assert page.inner_text("#where") == "a.png"
    press(page, "1")
    assert page.inner_text("#label") == "mug"
    assert page.inner_text("#count") == "1 of 4 judged"
    press(page, "3", "4", "5")
    assert page.locator("#done").is_visible()
    assert not page.locator("#ask").is_visible()
    judged = saved(server, 4)
    assert judged["a.png"]["correct_primary"] == ["cup"]
    assert judged["a.png"]["close_primary"] == ["mug"]
    assert judged["b.png"]["close_secondary"] == ["<b>dog</b>"]
    assert judged["gone.png"]["incorrect"] == ["cat"]
    assert not [line for line in said if "Content Security Policy" in line or line.startswith("error: ")
                and "404" not in line]


def test_labels_are_shown_as_text_and_pictures_that_cannot_be_read_as_such(sit):
    page, _, _ = sit()
    press(page, "ArrowRight", "ArrowRight")
    assert page.inner_text("#label") == "<b>dog</b>"
    assert page.locator("#picture").is_visible()
    page.keyboard.press("ArrowRight")
    page.locator("#broken").wait_for(state="visible")
    assert not page.locator("#picture").is_visible()
    page.keyboard.press("ArrowLeft")
    page.locator("#picture").wait_for(state="visible")


def test_moving_about_and_taking_back(sit):
    page, _, server = sit()
    press(page, "2", "5")
    assert page.inner_text("#label") == "<b>dog</b>"
    with page.expect_response("**/judge"):
        page.keyboard.press("u")
    assert page.inner_text("#label") == "mug"
    assert page.inner_text("#count") == "1 of 4 judged"
    saved(server, 1)
    page.keyboard.press("ArrowLeft")
    assert page.locator("#answers .chosen").get_attribute("data-category") == "correct_secondary"
    press(page, "1")  # thinks better of it, and lands on the next open one
    assert page.inner_text("#label") == "mug"
    with page.expect_response("**/judge"):
        page.keyboard.press("Backspace")  # back to what was said before, not to nothing
    assert page.locator("#answers .chosen").get_attribute("data-category") == "correct_secondary"
    page.keyboard.press("n")
    assert page.inner_text("#label") == "mug"
    assert saved(server, 1)["a.png"]["correct_secondary"] == ["cup"]


def test_a_new_sitting_goes_on_at_the_first_open_pair(sit):
    page, _, server = sit()
    press(page, "1")
    press(page, "ArrowRight", "1")
    end(server)
    page, _, again = sit()
    assert page.inner_text("#label") == "mug"
    assert page.inner_text("#count") == "2 of 4 judged"
    press(page, "5")
    assert page.inner_text("#label") == "cat"
    saved(again, 3)


def test_keys_pressed_faster_than_the_answers_come_are_not_lost(sit):
    page, _, server = sit()
    with page.expect_response(lambda response: json.loads(response.request.post_data or "{}").get("pair") == 3):
        for key in "1255":
            page.keyboard.press(key)
    assert saved(server, 4)["a.png"]["correct_secondary"] == ["mug"]


def test_what_was_not_saved_is_said_and_stays_open(sit):
    page, _, server = sit()
    press(page, "1")
    server.sitting.path.write_text('{"z.png": {"incorrect": ["x"]}}')
    press(page, "2")
    page.locator("#trouble").wait_for(state="visible")
    assert "Not saved: " in page.inner_text("#trouble")
    assert "changed by another program" in page.inner_text("#trouble")
    assert page.inner_text("#label") == "mug"
    assert page.inner_text("#count") == "1 of 4 judged"
    page.context.set_offline(True)  # as when the program has ended
    page.keyboard.press("2")
    expect(page.locator("#trouble")).to_contain_text("the program has ended")
    assert page.inner_text("#count") == "1 of 4 judged"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_judges_by_touch(sit, scheme):
    page, _, server = sit(PHONE, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    boxes = [button.bounding_box() for button in page.locator("#answers button").all()]
    assert all(box["height"] >= 44 and box["width"] >= 100 for box in boxes)
    assert max(box["y"] + box["height"] for box in boxes) < PHONE[1]  # no scrolling between picture and answers
    with page.expect_response("**/judge"):
        page.click("[data-category=close_secondary]")
    assert saved(server, 1)["a.png"]["close_secondary"] == ["cup"]
    page.click("[data-pair='0']")
    assert page.inner_text("#label") == "cup"


def test_a_desktop_needs_no_scrolling(sit):
    page, _, _ = sit(DESKTOP)
    assert page.evaluate("document.documentElement.scrollHeight") == DESKTOP[1]
    assert page.evaluate("document.documentElement.scrollWidth") == DESKTOP[0]
