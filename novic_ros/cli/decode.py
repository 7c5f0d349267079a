"""`novic decode`: stored embedding vectors to nouns, without any encoder.

Reads vectors [B, F] from a safetensors file, so that others can check a decoder, or reuse it for vectors of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from novic_ros.cli.vectors_file import VectorsFileError, read_vectors

__all__ = ["add_parser", "run"]

ROWS = 64  # vectors decoded at once


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("decode", help="turn stored embeddings into nouns",
                                   description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", required=True, metavar="CKPT",
                        help="name or folder of a model, or an authors' .train or .model file")
    parser.add_argument("--embeddings", required=True, metavar="FILE.safetensors:KEY",
                        help="where the vectors [B, F] are stored")
    parser.add_argument("--gencfg", default="beam_k10_vnone_gp_t1_a0", metavar="NAME",
                        help="how to search (default %(default)s)")
    parser.add_argument("--guide", metavar="FILE", help="say only the nouns in this text file, one per line")
    parser.add_argument("--json", required=True, metavar="OUT",
                        help="write one {labels, scores} per row to this file; '-' for standard output")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Decode all rows; 0, or 2 if something given cannot be used."""
    from novic_ros import decoding
    from novic_ros.model_store import ModelNotFound, find_model
    from novic_ros.vocabulary import VocabularyError, read_nouns

    try:
        path = Path(args.checkpoint)
        decoder = decoding.load(path if path.is_file() else find_model(args.checkpoint), args.device)
        if args.guide:
            decoder.set_guide(read_nouns(args.guide))
        vectors = read_vectors(args.embeddings)
        results = []
        for part in vectors.split(ROWS):
            for found in decoder.decode(part, args.gencfg):
                results.append({"labels": [one.text for one in found], "scores": [one.score for one in found]})
        text = json.dumps(results, indent=0) + "\n"
        if args.json == "-":
            sys.stdout.write(text)
        else:
            Path(args.json).write_text(text, encoding="utf-8")
    except (decoding.DecodingError, ModelNotFound, VocabularyError, VectorsFileError, OSError) as error:
        print(f"novic decode: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0
