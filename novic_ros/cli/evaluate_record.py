"""`novic evaluate record BAG --output FOLDER`: write a bag with the labels of every frame beside what it had.

The new bag plays anywhere; the labels are in it as the node would have published them. No ROS is needed. Exit codes: 0
done, 1 done but some of it could not be read or labelled, 2 cannot be used as asked.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from novic_ros.cli.evaluate_bag import add_frame_options, labelling_of, wishes_of
from novic_ros.cli.evaluate_labeller import add_labeller_options
from novic_ros.cli.evaluate_output import ProgressBar, complain

__all__ = ["add_parser", "run"]


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("record", help="write a bag with labels", description=__doc__.split("\n")[0])
    parser.add_argument("bag", metavar="PATH", help="folder of a rosbag2 recording, or a .mcap or .db3 file of one")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="the labelled bag")
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap", help="default %(default)s")
    add_frame_options(parser)
    add_labeller_options(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing but problems and show no progress")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label and write; 0, 1 if some of it could not be read or labelled, 2 if it cannot be done as asked."""
    from novic_ros.evaluation.bag_evaluation import LabelledBag, failures
    from novic_ros.evaluation.bag_frames import image_topics
    from novic_ros.evaluation.bag_reader import Bag, bag_name
    from novic_ros.evaluation.bag_record import label_topics, record_bag
    from novic_ros.evaluation.bag_run import BagJob

    try:
        wishes = wishes_of(args)
        with Bag(args.bag) as bag:
            images = image_topics(bag, wishes)
            frames = sum(bag.counts[topic] for topic in images)
        labeller, warnings = labelling_of(args).load()
        for warning in warnings:
            complain(warning)
        job = BagJob(os.path.abspath(args.bag), bag_name(args.bag), wishes)
        with ProgressBar("labelling", frames, quiet=args.quiet) as bar:
            said, problems = record_bag(job, args.output, labeller, args.storage, bar.advance)
    except ValueError as error:
        complain(str(error))
        return 2
    problems = [*problems, *failures(LabelledBag(job.name, said))]
    for problem in problems:
        complain(problem)
    topics = label_topics(list(images))
    if args.json:
        print(json.dumps({"bag": str(args.output), "frames": len(said), "labelled": sum(not one.cause for one in said),
                          "topics": topics, "problems": problems}, sort_keys=True))
    elif not args.quiet:
        print(f"{args.output}: {sum(not one.cause for one in said)} of {len(said)} frames labelled, in "
              + ", ".join(names["labels"] for names in topics.values()))
    return 1 if problems else 0
