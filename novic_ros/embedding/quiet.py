"""Keeps the chatter of open_clip, timm and the hub client out of a robot's log while a model loads.

open_clip logs to the root logger and warns of things that are normal here (a model that is built before its
weights are read). What matters of it reaches the user as an `EmbeddingError`. This file is NOT a log set-up:
handlers, levels and records of everybody else stay as they are, and all is restored at the end of the block.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NAMED_LOGGERS = ("huggingface_hub", "httpx", "urllib3", "transformers", "timm")


class _DropOpenClip(logging.Filter):
    """Lets through all records but those that open_clip's own files logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        return f"{os.sep}open_clip{os.sep}" not in record.pathname


@contextmanager
def quietly() -> Iterator[None]:
    """Within this block open_clip, timm and the hub client say nothing below an error, and nothing warns."""
    root = logging.getLogger()
    drop = _DropOpenClip()
    placeholder = (
        None if root.handlers else logging.NullHandler()
    )  # else logging.warning() installs a handler for good
    levels = {name: logging.getLogger(name).level for name in _NAMED_LOGGERS}
    root.addFilter(drop)
    if placeholder is not None:
        root.addHandler(placeholder)
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            if logging.getLogger(name).level == logging.ERROR:  # else a library set itself up meanwhile
                logging.getLogger(name).setLevel(level)
        if placeholder is not None:
            root.removeHandler(placeholder)
        root.removeFilter(drop)


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Within this block the hub client draws no progress bars, unless a person is watching a terminal."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
