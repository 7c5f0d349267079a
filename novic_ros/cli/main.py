"""`novic`: the command line's entry. Sub-commands live in files of their own; this one only finds them.

Exit codes: 0 all good, 1 something given could not be done (a file failed), 2 wrong usage or the model cannot be
loaded, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys

from novic_ros import __version__
from novic_ros.cli import (
    ablate,
    cache,
    calibrate,
    captions,
    decode,
    demo,
    evaluate,
    gap,
    label,
    models,
    nouns,
    train,
)

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command and return its exit code."""
    parser = argparse.ArgumentParser(prog="novic", description="Open-vocabulary labels for images and ROS 2 cameras.")
    parser.add_argument("--version", action="version", version=f"novic_ros {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (label, evaluate, calibrate, models, decode, nouns, captions, cache, train, ablate, gap, demo):
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    args.arguments = sys.argv[1:] if argv is None else argv  # for what is written down to be run again
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("novic: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away; what is left goes nowhere, or Python would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
