"""`novic evaluate annotate FILE... --pictures DIR`: judge labels in the browser, for OVIC scores.

Serves a page to this machine only, on which a person says of every distinct pair of picture and label whether it is
correct, close or incorrect. Judgements go into an OVIC annotation file one by one; a later call goes on with them.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from novic_ros.cli.evaluate_output import complain

__all__ = ["add_parser", "run"]


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("annotate", help="judge labels by hand, in the browser", description=(
        "Serve a page to this machine's browser on which to judge labels, and write an OVIC annotation file."))
    parser.add_argument("labels", nargs="+", type=Path, metavar="FILE",
                        help="what was said: report.json, or files of `novic label --json` or of the authors' tools")
    parser.add_argument("--pictures", type=Path, required=True, metavar="DIR",
                        help="pictures, also in folders below it")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="judgements; goes on with a file that is there (default: _class_annotations.json in DIR)")
    parser.add_argument("--top", type=int, default=1, metavar="K",
                        help="judge the first K labels of every picture in every file (default %(default)s)")
    parser.add_argument("--gencfg", metavar="NAME", help="which search of an authors' file with several of them")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any that is free)")
    parser.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    parser.add_argument("--quiet", action="store_true", help="print the page's address only")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, instead of sentences")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; 0, or 2 if files cannot be used or the port is taken."""
    from novic_ros.evaluation.annotate import Sitting, distinct_pairs
    from novic_ros.evaluation.annotate_server import AnnotationServer
    from novic_ros.evaluation.ovic import ANNOTATION_FILES
    from novic_ros.evaluation.prediction_files import read_predictions
    from novic_ros.evaluation.truth_files import find_pictures

    output = args.output or args.pictures / ANNOTATION_FILES[0]
    try:
        if not 0 <= args.port < 65536:
            raise ValueError(f"--port: expected a number from 0 to 65535, got {args.port}")
        pictures = find_pictures(args.pictures)
        said = [read_predictions(file, pictures, args.gencfg, every=False) for file in args.labels]
        pairs = distinct_pairs(said, list(pictures), args.top)
        if not pairs:
            raise ValueError(f"{args.labels[0]}: expected labels of pictures in {args.pictures}, found none; pictures "
                             "are matched by their names")
        output.parent.mkdir(parents=True, exist_ok=True)
        sitting = Sitting(pairs, output)
        server = AnnotationServer(sitting, pictures, args.port)
    except (ValueError, OSError) as error:
        complain(str(error))
        return 2
    before = sitting.judged
    if args.quiet or args.json:
        print(server.address, file=sys.stderr if args.json else sys.stdout, flush=True)
    else:
        print(f"{before} of {len(pairs)} pairs of picture and label are judged, in {output}\n"
              f"judge the others at {server.address}\n"
              "and end with Ctrl-C; every judgement is saved at once", flush=True)
    if args.open:
        import webbrowser

        webbrowser.open(server.address)
    with server:
        _serve_until_told(server)
    if args.json:
        print(json.dumps({"pairs": len(pairs), "judged": sitting.judged, "judged_before": before, "file": str(output)},
                         sort_keys=True))
    elif not args.quiet:
        print(f"\n{sitting.judged} of {len(pairs)} pairs are judged, in {output}")
    return 0


def _serve_until_told(server) -> None:
    """Serve in another thread until SIGINT (Ctrl-C) or SIGTERM, which must not hit in the middle of a request."""
    endings = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, endings)  # of the other thread too, which inherits it
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    signal.sigwait(endings)
    server.shutdown()
    thread.join()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
