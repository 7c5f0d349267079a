"""`novic models`: decoders between our folders and the authors' checkpoint files, and the models known by name.

Converting is the decoding library's work, this file asks for it and says how it went; `models_registry.py` adds the
models that are known by name. Errors are one line on standard error and exit code 2.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from novic_ros.cli.models_registry import add_registry_parsers

__all__ = ["add_parser", "run_export", "run_import"]


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("models", help="get, list and convert models",
                                   description="Get, list and convert models.")
    kinds = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    add_registry_parsers(kinds)

    come = kinds.add_parser("import", help="turn an authors' checkpoint into a model folder", description=(
        "Turn a checkpoint of the NOVIC authors' code (.train or .model) into a model folder that loads fast. Its "
        "nouns are tokenised once, now; nothing in the file is executed."))
    come.add_argument("file", type=Path, metavar="FILE", help="the checkpoint")
    come.add_argument("folder", type=Path, metavar="DIR", help="the model folder to make, or to put the decoder into")
    come.add_argument("--half", action="store_true", help="store weights in 16 bits: half the size, no longer exact")
    come.add_argument("--replace", action="store_true", help="overwrite a decoder that DIR holds already")
    come.set_defaults(run=run_import)

    go = kinds.add_parser("export", help="turn a model folder into a checkpoint for the authors' code", description=(
        "Write the decoder of a model folder as a checkpoint that the NOVIC authors' code loads. It holds no optimiser "
        "state: training goes on from the weights alone."))
    go.add_argument("folder", type=Path, metavar="DIR", help="the model folder")
    go.add_argument("file", type=Path, metavar="FILE", help="name ending in .train, or in .model for the decoder alone")
    go.add_argument("--embedder", metavar="SPEC", help="the encoder as the authors name it, such as openclip:ORG/NAME "
                                                       "(default: as the decoder names it)")
    go.add_argument("--replace", action="store_true", help="overwrite FILE")
    go.set_defaults(run=run_export)


def run_import(args: argparse.Namespace) -> int:
    """Import one checkpoint; 0, or 2 if it cannot be done."""
    from novic_ros.decoding import DecodingError, import_checkpoint

    try:
        checkpoint = import_checkpoint(args.file, args.folder, half=args.half, replace=args.replace)
    except DecodingError as error:
        return _failed("import", error)
    return _done(checkpoint, args.folder)


def run_export(args: argparse.Namespace) -> int:
    """Export one decoder; 0, or 2 if it cannot be done."""
    from novic_ros.decoding import DecodingError, export_checkpoint

    try:
        checkpoint = export_checkpoint(args.folder, args.file, args.embedder, replace=args.replace)
    except DecodingError as error:
        return _failed("export", error)
    return _done(checkpoint, args.file)


def _done(checkpoint, place: Path) -> int:
    weights = sum(parameter.numel() for parameter in checkpoint.model.parameters())
    print(f"{place}: {len(checkpoint.nouns):,} nouns in {len(checkpoint.vocabulary):,} tokens, "
          f"{weights / 1e6:.2f} million weights, for vectors [{checkpoint.model.arch.embed_dim}] of "
          f"{checkpoint.embedder_spec}")
    return 0


def _failed(action: str, error: Exception) -> int:
    print(f"novic models {action}: {' '.join(str(error).split())}", file=sys.stderr)
    return 2
