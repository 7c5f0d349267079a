"""Makes `import torchvision` work beside a torch build that its compiled half does not fit.

This is NOT a replacement for torchvision: the image transforms are pure Python over PIL and torch and need
nothing from here. Some installs (a CPU-only torch beside a torchvision wheel built for CUDA) cannot load
torchvision's compiled operators; torchvision then fails while it is imported, because it registers shape
rules for operators that do not exist. `ensure_importable` declares those operators, without an
implementation, only when that very failure happens. Code that then calls such an operator (box suppression,
which nothing in this package does) gets torch's own clear error.
"""

from __future__ import annotations

import importlib
import sys

_OPERATORS = ("nms", "qnms")  # what torchvision describes at import whether or not its compiled half is there
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared = []  # the library object must outlive the process' use of torchvision


def ensure_importable() -> None:
    """Import torchvision, declaring its missing compiled operators first where that is what stops the import.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: torchvision fails to import for any other reason (its own message).
    """
    if "torchvision" in sys.modules:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if _declared or "operator torchvision::" not in str(error):
            raise
        _forget_half_import()
        _declare_operators()
        importlib.import_module("torchvision")


def _forget_half_import() -> None:
    """Drop the modules that the failed import left behind, so that the next import runs them again."""
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]


def _declare_operators() -> None:
    """Declare the operators' signatures in torch's registry, keeping the declaration alive."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in _OPERATORS:
        library.define(name + _SCHEMA)
    _declared.append(library)
