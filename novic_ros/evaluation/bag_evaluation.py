"""From the labels of bags' frames to an `Evaluation`: items, figures, counts and problems.

With truth, the figures are those of pictures (`figures.py`). Without, they tell how steady, sure and varied labels are.
Frames that follow each other look alike, so that a thousand of them tell far less than a thousand pictures: intervals
come from drawing whole *stretches* again (`stretches.py`), not single frames. Nothing is labelled or read here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from novic_ros.evaluation.bag_run import FrameLabels
from novic_ros.evaluation.bag_truth import BagTruth
from novic_ros.evaluation.figures import SURE, frequency_curve, reliability_curve
from novic_ros.evaluation.hierarchy_scores import (
    Truth,
    hierarchical_score,
    is_generic,
    is_over_generic,
    is_truthful,
)
from novic_ros.evaluation.results import Evaluation, Figure, Item
from novic_ros.evaluation.scores import diversity
from novic_ros.evaluation.stretches import Stretches

__all__ = ["LabelledBag", "evaluate_bags", "failures", "frame_of"]

NO_FAULT = ("no boxes",)  # causes that are no fault of the bag's
STRETCH = 10**9  # ns, of frames that count as alike where no truth says which are
FREQUENT = 20


@dataclass(frozen=True)
class LabelledBag:
    """A bag with what was said about its frames, in the order of recording, and what these show."""

    name: str
    frames: Sequence[FrameLabels]
    problems: Sequence[str] = ()
    truth: BagTruth = field(default_factory=BagTruth)
    environment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Look:
    """An item with what belongs to it but not into the report."""

    item: Item
    thing: tuple[str, ...]  # the camera or track that it is a look at
    time: int  # ns
    recorded: int
    group: str  # of its truth; "" without

    @property
    def stretch(self) -> str:
        """The frames that are drawn together: those of one truth, else those of one camera and second."""
        return " ".join((self.thing[0], self.group or f"{self.thing[1]} {self.recorded // STRETCH}"))


def evaluate_bags(bags: Sequence[LabelledBag], title: str, command: str = "",
                  unread: Sequence[str] = ()) -> Evaluation:
    """The evaluation of some bags together, with a row for each of their topics in the curve `bags`.

    unread: why other bags are not among them.
    """
    looks: list[_Look] = []
    counts: Counter[str] = Counter()
    problems: list[str] = list(unread)
    timing: dict[str, list[float]] = {}
    for bag in bags:
        looks += _looks(bag)
        _count(bag, counts)
        problems += [*bag.problems, *failures(bag)]
        for frame in bag.frames:
            for stage, seconds in (*frame.seconds.items(), ("total", sum(frame.seconds.values()))):
                timing.setdefault(stage, []).append(seconds)
    items = [look.item for look in looks]
    judged = [look for look in looks if look.item.truth is not None]
    if unread:
        counts["bags not read"] = len(unread)
    counts["items"] = len(items)
    if 0 < len(judged) < len(items):
        counts["items without truth"] = len(items) - len(judged)
    figures = [*(_truth_figures(judged) if judged else []), *_steadiness(looks), *_diversity(looks)]
    curves: dict[str, Sequence] = {"bags": _rows(bags, looks), "frequent labels": frequency_curve(items)}
    if judged:
        curves["reliability"] = reliability_curve([look.item for look in judged],
                                                  lambda item: is_truthful(item.best.text, item.truth))
    return Evaluation("bag", title, tuple(figures), tuple(items), curves, dict(counts), tuple(problems), timing,
                      next((bag.environment for bag in bags if bag.environment), {}), command)


def frame_of(item: Item) -> tuple[str, str, int]:
    """(bag's name, topic, index) of the frame that an item of `evaluate_bags` is about."""
    frame, _, index = item.id.rpartition("#")
    name, _, topic = frame.rpartition(":")
    return name, topic, int(index.partition(".")[0])


def _looks(bag: LabelledBag) -> Iterator[_Look]:
    """An item for each frame and crop, also for those about which nothing was said."""
    for frame in bag.frames:
        crops = 0
        for labels in frame.labels:
            region = labels.region
            crops += region is not None
            track = None if region is None else region.id
            fact = bag.truth.of(frame.topic, frame.stamp, frame.recorded, track) if track != "" else None
            truth = None if fact is None else fact.truth
            said = labels.best.text if labels.best else ""
            item = Item(
                id=f"{bag.name}:{frame.topic}#{frame.index:06d}{'' if region is None else f'.{crops}'}",
                source=f"{bag.name}:{frame.topic}", stamp=frame.time * 1e-9, labels=labels.labels,
                evidence=labels.evidence, truth=truth, region=region,
                score=None if truth is None else hierarchical_score(said, truth))
            thing = (bag.name, frame.topic, *(() if track is None else (track or item.id,)))
            yield _Look(item, thing, frame.time, frame.recorded, "" if fact is None else fact.group)


def _count(bag: LabelledBag, counts: Counter[str]) -> None:
    counts["bags"] += 1
    newest: dict[str, int] = {}
    for frame in bag.frames:
        counts["frames"] += 1
        counts["frames labelled"] += not frame.cause
        counts["crops labelled"] += sum(labels.region is not None for labels in frame.labels)
        if frame.cause:
            counts[f"frames not labelled, {frame.cause}"] += 1
        for cause, number in frame.skipped.items():
            counts[f"boxes left out, {cause}"] += number
        if not frame.stamp:
            counts["frames without a stamp"] += 1
        elif frame.stamp < newest.get(frame.topic, 0):
            counts["frames whose stamp goes back"] += 1
        newest[frame.topic] = frame.stamp
    for name in [name for name, number in counts.items() if number == 0 and name != "frames"]:
        del counts[name]


def failures(bag: LabelledBag) -> Iterator[str]:
    """What could not be labelled: a sentence for each topic and cause."""
    failed: dict[tuple[str, str], list[FrameLabels]] = {}
    for frame in bag.frames:
        if frame.cause and frame.cause not in NO_FAULT:
            failed.setdefault((frame.topic, frame.cause), []).append(frame)
    for (topic, cause), frames in failed.items():
        of = sum(frame.topic == topic for frame in bag.frames)
        yield (f"{bag.name}:{topic}: {len(frames)} of {of} frames could not be labelled, cause {cause}; the first is "
               f"frame {frames[0].index}: {frames[0].reason}")


def _truth_figures(judged: Sequence[_Look]) -> list[Figure]:
    """As `figures.truth_figures`, with intervals over stretches."""
    def right(word: str, truth: Truth) -> bool:
        return hierarchical_score(word, truth) == 1

    said = [(look.item.best.text if look.item.best else "", look.item.truth) for look in judged]
    stretches = Stretches([look.stretch for look in judged])
    scores = [hierarchical_score(*one) for one in said]
    graded = any(truth.hypernyms or truth.hyponyms for _, truth in said)
    found = [stretches.mean("score", scores)] if graded else []
    found += [stretches.rate("exact", [score == 1 for score in scores]),
              stretches.rate("exact in list", [any(right(label.text, look.item.truth) for label in look.item.labels)
                                               for look in judged])]
    if graded:
        found += [stretches.rate("over-generic", [is_over_generic(*one) for one in said]),
                  stretches.rate("close", [score > 0 for score in scores],
                                 "exact, or at most two steps too broad or narrow")]
    found.append(stretches.rate("answered", [bool(word) for word, _ in said]))
    answered = [look for look in judged if look.item.best]
    if not answered:
        return found
    stretches = Stretches([look.stretch for look in answered])
    true = [is_truthful(look.item.best.text, look.item.truth) for look in answered]
    if graded:
        found += [stretches.rate("truthful", true, "of the answers"),
                  stretches.rate("generic", [is_generic(look.item.best.text, look.item.truth) for look in answered],
                                 "of the answers")]
    found.append(stretches.calibration_error(
        "calibration error", [look.item.best.score for look in answered], true,
        f"of scores against {'truthful' if graded else 'right'} answers"))
    sure = [look for look in answered if look.item.best.score >= SURE]
    if sure:
        hits = [hierarchical_score(look.item.best.text, look.item.truth) > 0 for look in sure]
        found.append(Stretches([look.stretch for look in sure]).rate(
            f"right at {SURE}", hits, f"{'exact or close' if graded else 'exact'}, of scores from {SURE} on"))
    return found


def _steadiness(looks: Sequence[_Look]) -> list[Figure]:
    """How often the best label stays what it was in the frame before, of the same camera or track."""
    before: dict[tuple[str, ...], _Look] = {}
    same, stretches, seconds = [], [], 0.0
    for look in looks:
        last = before.get(look.thing)
        if last is not None and last.group == look.group:  # where the truth changes, so may the label
            same.append(_word(last) == _word(look))
            stretches.append(look.stretch)
            seconds += max(0.0, (look.time - last.time) * 1e-9)
        before[look.thing] = look
    if not same:
        return []
    found = [Stretches(stretches).rate("steady", same, "the best label is that of the frame before")]
    if seconds > 0:
        changes = same.count(False)
        found.append(Figure("changes per minute", 60 * changes / seconds, n=len(same), note="of the best label"))
    return found


def _diversity(looks: Sequence[_Look]) -> list[Figure]:
    """How varied and how sure the best labels are."""
    said = [look for look in looks if look.item.best]
    if not said:
        return []
    found = diversity([_word(look) for look in said], FREQUENT)
    stretches = Stretches([look.stretch for look in said])
    return [Figure("distinct labels", found.distinct, n=len(said), note="as best label"),
            Figure(f"{FREQUENT} most frequent", found.frequent.k / found.frequent.n, None, found.frequent.k,
                   found.frequent.n, "of the best labels are one of these"),
            stretches.mean("mean score", [look.item.best.score for look in said], "of the best labels")]


def _rows(bags: Sequence[LabelledBag], looks: Sequence[_Look]) -> list[dict[str, Any]]:
    """A row for each topic of each bag."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for bag in bags:
        for frame in bag.frames:
            row = rows.setdefault((bag.name, frame.topic), {"bag": bag.name, "topic": frame.topic, "frames": 0,
                                                            "labelled": 0, "judged": 0, "score": None})
            row["frames"] += 1
            row["labelled"] += not frame.cause
    totals: Counter[tuple[str, str]] = Counter()
    for look in looks:
        if look.item.score is not None:
            rows[look.thing[:2]]["judged"] += 1
            totals[look.thing[:2]] += look.item.score
    for key, total in totals.items():
        rows[key]["score"] = total / rows[key]["judged"]
    return [rows[key] for key in sorted(rows)]


def _word(look: _Look) -> str:
    return look.item.best.text if look.item.best else ""
