"""Timelines: spans of one label, gaps, lanes, and what has no place on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_evaluations import item, region, stream

from novic_ros.evaluation.report_timeline import MOST_LANES, lay_out


def spans(timeline, lane=0):
    return [(span.label, round(span.begin, 3), round(span.end, 3), span.frames) for span in timeline.lanes[lane].spans]


def test_frames_with_one_label_are_one_span():
    timeline = lay_out(stream(["dog", "dog", "cat", "", "", "dog"]))
    assert spans(timeline) == [("dog", 0, 0.2, 2), ("cat", 0.2, 0.3, 1), ("", 0.3, 0.5, 2), ("dog", 0.5, 0.6, 1)]
    assert timeline.lanes[0].changes == 3
    assert timeline.start == 100.0
    assert timeline.length == pytest.approx(0.6)
    assert timeline.labels == ["dog", "cat"]


def test_a_gap_ends_a_span_and_is_no_change_of_label():
    frames = stream(["dog"] * 4) + [item("late", ("cat", 0.5), source="bag /front", stamp=130.0),
                                    item("later", ("cat", 0.5), source="bag /front", stamp=130.1)]
    timeline = lay_out(frames)
    assert spans(timeline) == [("dog", 0, 0.4, 4), ("cat", 30, 30.2, 2)]
    assert timeline.lanes[0].changes == 0


def test_frames_out_of_order_are_put_in_order():
    frames = stream(["dog", "dog", "cat", "cat"])
    assert spans(lay_out(frames[::-1])) == spans(lay_out(frames))


def test_each_camera_and_each_track_has_a_lane_and_the_rest_is_counted():
    frames = stream(["dog"] * 3) + stream(["cat"] * 3, source="bag /rear")
    frames += [item(f"box{number}", ("cat", 0.5), source="bag /rear", stamp=100.0 + number, region=region(1, track))
               for number, track in enumerate(("7", "7", "", "8"))]
    frames += [item("photo", ("cat", 0.5))]
    timeline = lay_out(frames)
    assert [lane.name for lane in timeline.lanes] == ["bag /front", "bag /rear", "bag /rear · 7", "bag /rear · 8"]
    assert timeline.left_out == {"crops without an id": 1, "frames without a stamp": 1}


def test_only_the_longest_lanes_are_shown():
    frames = [frame for number in range(MOST_LANES + 3)
              for frame in stream(["dog"] * (number + 2), source=f"camera{number:02}")]
    timeline = lay_out(frames)
    assert [lane.name for lane in timeline.lanes] == [f"camera{number:02}" for number in range(3, MOST_LANES + 3)]
    assert timeline.left_out == {"cameras or tracks with fewer frames": 3}


@pytest.mark.parametrize("items", [[], [item("a", ("dog", 1.0))], stream(["dog"]), stream(["dog", "cat"], step=0.0)])
def test_less_than_two_stamps_are_no_timeline(items):
    assert lay_out(items) is None


def test_equal_stamps_have_a_length_all_the_same():
    timeline = lay_out(stream(["dog", "cat"], step=0.0) + stream(["cow"], source="bag /front", start=101.0))
    assert all(span.end > span.begin for span in timeline.lanes[0].spans)


def test_a_span_knows_its_mean_score_its_middle_and_what_most_of_it_is_worth():
    frames = stream(["dog", "dog", "dog"], truth="dog") + [
        item("x", ("dog", 0.2), truth="cat", source="bag /front", stamp=100.3)]
    [span] = lay_out(frames).lanes[0].spans
    assert span.score == pytest.approx(0.65)
    assert span.middle.id == frames[2].id
    assert span.verdicts == {"right": 3, "wrong": 1}
    assert span.verdict == "right"


def test_worth_a_look_is_one_span_of_each_label_before_a_second_of_any():
    labels = ["dog"] * 9 + ["cat"] * 2 + ["dog"] * 8 + ["cow"] * 1 + ["cat"] * 3
    [lane] = lay_out(stream(labels)).lanes
    assert [(span.label, span.frames) for span in lane.worth_a_look(3)] == [("dog", 9), ("cow", 1), ("cat", 3)]
    assert [(span.label, span.frames) for span in lane.worth_a_look(4)] \
        == [("dog", 9), ("dog", 8), ("cow", 1), ("cat", 3)]
    assert len(lane.worth_a_look(99)) == len(lane.spans)


STAMPS = st.floats(-1e6, 1e6) | st.floats(0, 3)


@given(st.lists(st.tuples(st.sampled_from(["dog", "cat", ""]), STAMPS, st.sampled_from("ab")), max_size=40))
def test_every_frame_is_in_one_span_and_spans_follow_each_other(rows):
    items = [item(str(number), *([(label, 0.5)] if label else []), stamp=stamp, source=source)
             for number, (label, stamp, source) in enumerate(rows)]
    timeline = lay_out(items)
    if timeline is None:
        return
    assert sum(span.frames for lane in timeline.lanes for span in lane.spans) == len(items)
    for lane in timeline.lanes:
        edges = [edge for span in lane.spans for edge in (span.begin, span.end)]
        assert 0 <= edges[0] and max(edges) <= timeline.length
        assert all(span.begin < span.end for span in lane.spans)
        assert [span.begin for span in lane.spans] == sorted(span.begin for span in lane.spans)
        assert 0 <= lane.changes < len(lane.spans)
