"""`novic evaluate`: how good labels are. Its sub-commands live in files of their own; this one only finds them."""

from __future__ import annotations

from novic_ros.cli import (
    evaluate_annotate,
    evaluate_bag,
    evaluate_classes,
    evaluate_compare,
    evaluate_images,
    evaluate_labels,
    evaluate_plot,
    evaluate_record,
)

__all__ = ["add_parser"]

KINDS = (
    evaluate_images, evaluate_classes, evaluate_bag, evaluate_labels,
    evaluate_compare, evaluate_plot, evaluate_annotate, evaluate_record,
)


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("evaluate", help="how good labels are", description="Score labels against truth.")
    kinds = parser.add_subparsers(title="what to evaluate", metavar="KIND", required=True)
    for kind in KINDS:
        kind.add_parser(kinds)
