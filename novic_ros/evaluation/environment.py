"""What an evaluation ran on and how to run it again, without names of hosts, people or their folders.

Versions, model and its weights' hash, device and processor: enough to see why two reports differ. It measures nothing.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["command_text", "describe_environment", "processor_name", "weights_hash"]

WEIGHT_ENDINGS = (".safetensors", ".train", ".model")
LEFT_OUT = ("--output", "--workers")  # with their values; these and the next say nothing about what is in a report
SWITCHES_LEFT_OUT = ("--quiet", "--json")
TOPICS = ("--image", "--detections", "--truth-topic")  # their values look like paths, and are none


def describe_environment(labeller: Any = None) -> dict[str, Any]:
    """Package, Python, torch and NumPy versions and the processor; with an `ImageLabeller`, what it is and runs on."""
    import numpy
    import torch

    from novic_ros import __version__

    found: dict[str, Any] = {
        "package": f"novic_ros {__version__}", "python": platform.python_version(), "torch": torch.__version__,
        "numpy": numpy.__version__, "system": f"{platform.system()} {platform.machine()}", "cpu": processor_name(),
        "threads": torch.get_num_threads(),
    }
    if labeller is not None:
        device = labeller.embedder.device
        found |= {"model": _last_name(labeller.model_name), "embedder": _last_name(labeller.embedder.spec),
                  "search": labeller.search, "calibrated": labeller.calibrated, "nouns": len(labeller.nouns),
                  "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)}
        if (weights := weights_hash(labeller.model_name)) is not None:
            found["weights"] = weights
    return found


def weights_hash(model: str | Path) -> str | None:
    """SHA-256 over the weight files of a model, by name: the first 16 digits. None where the model has no such files.

    Of a model folder these are the decoder and the encoder beside it; an encoder that is kept elsewhere is named by
    its spec only.
    """
    from novic_ros.model_store import ModelNotFound, find_model

    try:
        path = Path(model) if Path(model).is_file() else find_model(str(model))
    except ModelNotFound:
        return None
    files = [path] if path.is_file() else sorted(one for one in path.iterdir() if one.suffix in WEIGHT_ENDINGS)
    if not files:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def processor_name() -> str:
    """The processor's name as Linux or the platform gives it, or "unknown"."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []  # not Linux
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "unknown"


def command_text(arguments: Sequence[str]) -> str:
    """The command line to type again, as `novic ARGUMENTS`, without what changes nothing in the report.

    Paths below the present folder become relative to it, other absolute ones are cut to their last name: a report is
    shown to others.
    """
    shown, before = ["novic"], ""
    for argument in map(os.fspath, arguments):
        option, equals, value = argument.partition("=") if argument.startswith("--") else (before, "", argument)
        before = "" if equals or not argument.startswith("--") else argument
        if option in LEFT_OUT or argument in SWITCHES_LEFT_OUT:
            continue
        value = value if option in TOPICS else _shown_path(value)
        shown.append(option + equals + value if argument.startswith("--") else value)
    return shlex.join(shown)


def _shown_path(value: str) -> str:
    if not os.path.isabs(value):
        return value
    inside = os.path.relpath(value)
    return _last_name(value) if inside.startswith("..") else inside


def _last_name(value: str) -> str:
    """A path's last name, also of `local:/some/path`; names of models as they are."""
    kind, colon, rest = value.partition(":")
    if colon and rest.startswith("/"):
        return f"{kind}:{Path(rest).name}"
    return Path(value).name if os.path.isabs(value) else value
