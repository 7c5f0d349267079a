"""Made-up evaluations for tests of the report. No tests."""

import numpy as np

from novic_ros.evaluation.hierarchy_scores import Truth, hierarchical_score
from novic_ros.evaluation.results import Evaluation, Figure, Item
from novic_ros.labels import Label, Region

TRUTHS = {
    "dog": Truth(frozenset({"dog"}), (frozenset({"canine"}), frozenset({"carnivore"}), frozenset({"mammal"}),
                                      frozenset({"animal"})), frozenset({"poodle"}), "dog"),
    "cat": Truth(frozenset({"cat"}), (frozenset({"feline"}), frozenset({"carnivore"}), frozenset({"mammal"}),
                                      frozenset({"animal"})), frozenset({"tabby"}), "cat"),
    "truck": Truth(frozenset({"truck"}), (frozenset({"motor vehicle"}), frozenset({"vehicle"})),
                   frozenset({"dump truck"}), "truck"),
}


def item(name, *said, truth=None, judged=True, **more):
    """An item with (label, score) pairs; `truth` is a key of TRUTHS."""
    labels = tuple(Label(text, score) for text, score in said)
    known = TRUTHS.get(truth)
    score = hierarchical_score(labels[0].text if labels else "", known) if known and judged else None
    return Item(name, labels=labels, truth=known, score=score, **more)


def stream(labels, source="bag /front", step=0.1, start=100.0, truth=None, score=0.8):
    """Frames with these labels one after the other; "" is a frame without any."""
    return [item(f"{source}/{number:05d}", *([(label, score)] if label else []), truth=truth, source=source,
                 stamp=start + step * number, picture="dot.png") for number, label in enumerate(labels)]


def some_evaluation(items, kind="images", **more):
    """An evaluation with a bit of everything."""
    figures = (Figure("exact", 0.5, (0.3, 0.7), 5, 10, "of all"), Figure("distinct labels", 7, n=10),
               Figure("frames per second", 41.25))
    times = np.linspace(0.01, 0.05, 50).tolist()
    return Evaluation(**{
        "kind": kind, "title": "A title", "figures": figures, "items": tuple(items),
        "curves": {"reliability": [{"score": 0.2, "right": 0.25, "k": 1, "n": 4, "low": 0.05, "high": 0.7},
                                   {"score": 0.9, "right": 1.0, "k": 4, "n": 4, "low": 0.51, "high": 1.0}],
                   "frequent labels": [{"label": "dog", "n": 5}, {"label": "cat", "n": 1}]},
        "counts": {"pictures": len(items)}, "problems": ("broken.jpg: cut short",),
        "timing": {"embed": times, "total": [2 * one for one in times], "nothing": []},
        "environment": {"package": "novic_ros 0.1", "model": "novic_mini", "calibrated": True},
        "command": "novic evaluate images photos --truth 'a b.json'", **more})


def region(number, track=""):
    """A small box."""
    return Region(number, number, 8, 6, track)
