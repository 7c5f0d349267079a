"""`novic evaluate bag PATH...`: label every frame of recordings, and say how good, steady and fast the labels are.

No ROS is needed. Exit codes: 0 done, 1 done but some of it could not be read (listed and counted), 2 cannot be used as
asked. With --output, a run that was killed goes on where it stopped when it is started again in the same way.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from novic_ros.cli.evaluate_labeller import add_labeller_options
from novic_ros.cli.evaluate_output import ProgressBar, add_output_options, complain, finish

if TYPE_CHECKING:
    from novic_ros.evaluation.bag_evaluation import LabelledBag
    from novic_ros.evaluation.bag_frames import FrameWishes
    from novic_ros.evaluation.bag_jobs import Journal
    from novic_ros.evaluation.bag_run import BagJob, Labelling
    from novic_ros.evaluation.bag_truth import BagTruth
    from novic_ros.evaluation.bag_workers import Worker

__all__ = ["add_frame_options", "add_parser", "labelling_of", "run", "wishes_of"]

WORK = "work"  # folder in --output for what is done so far


@dataclass(frozen=True)
class Plan:
    """One bag that is there: what to do with it, how many frames it has, and what they show."""

    job: BagJob
    frames: int
    truth: BagTruth


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("bag", help="rosbag2 recordings", description=__doc__.split("\n")[0])
    parser.add_argument("bags", nargs="+", metavar="PATH",
                        help="folder of a rosbag2 recording, or a .mcap or .db3 file of one")
    add_frame_options(parser)
    truth = parser.add_mutually_exclusive_group()
    truth.add_argument("--truth", type=Path, metavar="FILE",
                       help="what frames show, by time: CSV or JSON with start, end (seconds) and label")
    truth.add_argument("--truth-topic", metavar="TOPIC", help="what frames show, from a topic of the bag: "
                                                              "Detection2DArray, Classification or String")
    parser.add_argument("--workers", type=int, metavar="N", help="bags labelled at once, each by a process of its own "
                                                                 "(default: one per processor)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--ray", metavar="ADDRESS", help="label on a Ray cluster: auto, local or HOST:PORT")
    how.add_argument("--through-node", action="store_true",
                     help="play the bags into the ROS 2 node and take its labels")
    add_labeller_options(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def add_frame_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which frames are looked at, and what in them."""
    parser.add_argument("--image", action="append", default=[], metavar="TOPIC",
                        help="image topic, raw or compressed; may be given again (default: every one)")
    parser.add_argument("--detections", action="append", default=[], metavar="[IMAGE=]TOPIC",
                        help="label the boxes of this Detection2DArray topic too; may be given again")
    parser.add_argument("--crop-margin", type=float, default=0.1, metavar="SHARE",
                        help="added around each box on every side, as a share of its size (default %(default)s)")
    parser.add_argument("--crop-max-count", type=int, default=16, metavar="N",
                        help="boxes per frame, the largest ones (default %(default)s)")
    parser.add_argument("--crop-min-size", type=int, default=8, metavar="PIXELS",
                        help="least shorter side of a box (default %(default)s)")
    parser.add_argument("--crop-slop", type=float, default=0.0, metavar="SECONDS",
                        help="how far stamps of a frame and its boxes may differ (default %(default)s)")
    parser.add_argument("--no-frame", action="store_true", help="label only the boxes, not the whole frame")


def wishes_of(args: argparse.Namespace) -> FrameWishes:
    """What `add_frame_options` parsed. Raises ValueError."""
    from novic_ros.evaluation.bag_frames import FrameWishes
    from novic_ros.regions import CropRules

    if args.no_frame and not args.detections:
        raise ValueError("--no-frame: expected --detections too, or nothing would be labelled")
    if not 0 <= args.crop_slop <= 3600:
        raise ValueError(f"--crop-slop: expected seconds from 0 to 3600, got {args.crop_slop}")
    detections = tuple((image, topic) for image, _, topic in (one.rpartition("=") for one in args.detections))
    rules = CropRules(args.crop_margin, args.crop_max_count, args.crop_min_size)
    return FrameWishes(tuple(args.image), detections, rules, not args.no_frame, args.crop_slop)


def labelling_of(args: argparse.Namespace) -> Labelling:
    """What `add_labeller_options` parsed."""
    from novic_ros.evaluation.bag_run import Labelling

    return Labelling(model=args.checkpoint or args.model, embedder=args.embedder, gencfg=args.gencfg, views=args.views,
                     device=args.device, top_k=args.top, min_score=args.min_score, on_unsure=args.on_unsure,
                     guide=(f"@{Path(args.nouns).absolute()}",) if args.nouns else ())


def run(args: argparse.Namespace) -> int:
    """Label and score; 0, 1 if some of it could not be read, 2 if it cannot be done as asked."""
    from novic_ros.evaluation.bag_evaluation import evaluate_bags
    from novic_ros.evaluation.bag_jobs import JournalError
    from novic_ros.evaluation.bag_pictures import bag_pictures
    from novic_ros.evaluation.environment import command_text

    try:
        if args.workers is not None and args.workers < 1:
            raise ValueError(f"--workers: expected a whole number of at least 1, got {args.workers}")
        plans, unread = _plans(args, wishes_of(args))
        with _work_folder(args.output) as work:
            bags = _label(args, plans, labelling_of(args), work)
    except (ValueError, JournalError) as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        if args.output is not None:
            complain(f"what is done so far is kept in {args.output / WORK}; the same command goes on from there")
        raise
    title = bags[0].name if len(bags) == 1 else f"{len(bags)} bags"
    evaluation = evaluate_bags(bags, title, command_text(args.arguments), unread)
    paths = {plan.job.name: plan.job.path for plan in plans}
    code = finish(evaluation, args, bag_pictures(paths, bags))
    if args.output is not None and code < 2:
        shutil.rmtree(args.output / WORK)
    return code


def _plans(args: argparse.Namespace, wishes: FrameWishes) -> tuple[list[Plan], list[str]]:
    """The bags that can be used, and why others cannot. Raises ValueError if none can."""
    from novic_ros.evaluation.bag_frames import image_topics
    from novic_ros.evaluation.bag_reader import Bag, BagError
    from novic_ros.evaluation.bag_run import BagJob
    from novic_ros.evaluation.bag_truth import BagTruth, Intervals, LabelTopic, read_intervals

    intervals = read_intervals(args.truth) if args.truth else []
    plans, unread, names = [], [], set()
    for path in args.bags:
        try:
            with Bag(path) as bag:
                name, copies = bag.name, 1
                while name in names:
                    copies += 1
                    name = f"{bag.name}~{copies}"
                names.add(name)
                frames = sum(bag.counts[topic] for topic in image_topics(bag, wishes))
                truth = LabelTopic(bag, args.truth_topic) if args.truth_topic else \
                    Intervals(intervals, bag.name, bag.start) if intervals else BagTruth()
                plans.append(Plan(BagJob(str(Path(path).absolute()), name, wishes), frames, truth))
        except BagError as error:
            unread.append(str(error))
    if not plans:
        raise ValueError("; ".join(unread))
    return plans, unread


@contextlib.contextmanager
def _work_folder(output: Path | None) -> Iterator[Path | None]:
    """The folder for journals, locked against a second run; None without an output. Raises ValueError."""
    if output is None:
        yield None
        return
    folder = output / WORK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ValueError(f"{folder}: cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(f"{output}: another run is writing there; wait for it, or choose another --output") \
                from error
        yield folder


def _label(args: argparse.Namespace, plans: Sequence[Plan], labelling: Labelling,
           work: Path | None) -> list[LabelledBag]:
    """Have all frames labelled that are not labelled yet. Raises ValueError."""
    from novic_ros import __version__
    from novic_ros.evaluation.bag_evaluation import LabelledBag
    from novic_ros.evaluation.bag_jobs import Journal, bag_fingerprint, run_jobs
    from novic_ros.evaluation.environment import weights_hash

    task = {"version": __version__, "labelling": asdict(labelling), "weights": weights_hash(labelling.model),
            "through_node": args.through_node}
    jobs: list[tuple[BagJob, Journal]] = []
    try:
        for plan in plans:
            heading = task | {"bag": bag_fingerprint(plan.job.path), "wishes": asdict(plan.job.wishes)}
            path = None if work is None else work / f"{plan.job.name}.jsonl"
            jobs.append((plan.job, Journal(path, heading)))
        done = sum(len(journal.frames) for _, journal in jobs)
        if done and not args.quiet:
            complain(f"going on after {done} frames that an earlier run has labelled")
        make_worker, workers = _workers(args, labelling, len(plans))
        with ProgressBar("labelling", sum(plan.frames for plan in plans) - done, quiet=args.quiet) as bar:
            run_jobs(jobs, make_worker, workers, bar.advance, complain)
    finally:
        for _, journal in jobs:
            journal.close()
    return [LabelledBag(plan.job.name, journal.frames, journal.problems, plan.truth, journal.environment)
            for plan, (_, journal) in zip(plans, jobs)]


def _workers(args: argparse.Namespace, labelling: Labelling, bags: int) -> tuple[Callable[[], Worker], int]:
    """What makes a worker, and how many of them. Raises ValueError."""
    from novic_ros.evaluation.bag_workers import HereWorker, ProcessWorker

    if args.through_node:
        from novic_ros.cli.node_worker import NodeWorker

        return (lambda: NodeWorker(labelling)), 1
    if args.ray is not None:
        from novic_ros.evaluation.bag_ray import RayWorker, connect

        processors = connect(args.ray)
        return (lambda: RayWorker(labelling)), min(bags, args.workers or processors)
    processors = len(os.sched_getaffinity(0))
    count = min(bags, args.workers or processors)
    if count == 1:
        return (lambda: HereWorker(labelling)), 1
    return (lambda: ProcessWorker(labelling, max(1, processors // count))), count
