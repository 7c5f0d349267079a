"""Reads CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) as they are downloaded: binary files, or pickles of Python 2.

A pickle is a program. This one is run by a reader that knows nothing but NumPy's arrays and refuses all else, so that a
file from elsewhere can do no harm.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["is_cifar", "read_cifar"]

SIDE = 32
PIXELS = 3 * SIDE * SIDE
INNER_FOLDERS = ("", "cifar-10-batches-py", "cifar-100-python", "cifar-10-batches-bin", "cifar-100-binary")
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
LAYOUTS = {  # layout -> file with the class names, key of these, key of the labels, split -> files
    "cifar10": ("batches.meta", "label_names", "labels", {"test": ("test_batch",), "train": BATCHES}),
    "cifar100": ("meta", "fine_label_names", "fine_labels", {"test": ("test",), "train": ("train",)}),
}
BINARY = {  # layout -> file with the class names, bytes of labels before each picture's pixels, split -> files
    "cifar10": ("batches.meta.txt", 1, {"test": ("test_batch.bin",), "train": tuple(f"{b}.bin" for b in BATCHES)}),
    "cifar100": ("fine_label_names.txt", 2, {"test": ("test.bin",), "train": ("train.bin",)}),
}


def is_cifar(folder: Path) -> bool:
    """Whether the folder, or the one that unpacking makes in it, holds one of the two sets."""
    return _found(folder) is not None


def read_cifar(folder: Path, split: str) -> tuple[str, tuple[str, ...], np.ndarray, tuple[int, ...]]:
    """(layout, class names, RGB uint8 [N, 32, 32, 3], class of each). Raises ValueError or OSError."""
    layout, place, binary = _found(folder)
    names, pixels, labels = (_read_binary if binary else _read_pickles)(layout, place, split)
    if not len(labels) or max(labels) >= len(names) or min(labels) < 0:
        raise ValueError(f"expected labels below {len(names)}, the number of class names, found "
                         f"{max(labels, default='none')}")
    images = pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return layout, tuple(names), np.ascontiguousarray(images), tuple(labels)


def _found(folder: Path) -> tuple[str, Path, bool] | None:
    for inner in INNER_FOLDERS:
        place = folder / inner
        for layout, (meta, *_, files) in LAYOUTS.items():
            if (place / meta).is_file() and (place / files["test"][0]).is_file():
                return layout, place, False
        for layout, (meta, _, files) in BINARY.items():
            if (place / meta).is_file() and (place / files["test"][0]).is_file():
                return layout, place, True
    return None


def _read_binary(layout: str, place: Path, split: str) -> tuple[list[str], np.ndarray, list[int]]:
    meta, label_bytes, files = BINARY[layout]
    names = (place / meta).read_text(encoding="utf-8").split()
    rows = []
    for name in files[split]:
        data = np.fromfile(place / name, dtype=np.uint8)
        if not len(data) or len(data) % (label_bytes + PIXELS):
            raise ValueError(f"{name}: expected pictures of {label_bytes + PIXELS} bytes each, found {len(data)} bytes")
        rows.append(data.reshape(-1, label_bytes + PIXELS))
    data = np.concatenate(rows)
    return names, data[:, label_bytes:], data[:, label_bytes - 1].tolist()  # CIFAR-100: first the coarse, then the fine


def _read_pickles(layout: str, place: Path, split: str) -> tuple[list[str], np.ndarray, list[int]]:
    meta, names_key, labels_key, files = LAYOUTS[layout]
    names = _unpickled(place / meta, {names_key: list})[names_key]
    rows, labels = [], []
    for name in files[split]:
        content = _unpickled(place / name, {"data": np.ndarray, labels_key: list})
        data = content["data"]
        if data.dtype != np.uint8 or data.shape != (len(content[labels_key]), PIXELS):
            raise ValueError(f"{name}: expected bytes [{len(content[labels_key])}, {PIXELS}], one row a label, found "
                             f"{data.dtype} {list(data.shape)}")
        rows.append(data)
        labels += map(int, content[labels_key])
    return list(map(str, names)), np.concatenate(rows), labels


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays, and nothing else that has a name."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("multiarray", "_reconstruct"): _reconstruct,
            ("numpy", "ndarray"): lambda: np.ndarray, ("numpy", "dtype"): lambda: np.dtype,
            ("_codecs", "encode"): lambda: _encode,  # how Python 3 writes bytes for Python 2
        }
        last = module.removeprefix("numpy.core.").removeprefix("numpy._core.")
        if (last, name) not in allowed or (last == "multiarray" and module == last):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which has no place in a set of pictures")
        return allowed[last, name]()


def _reconstruct() -> Any:
    core = getattr(np, "_core", None) or np.core  # NumPy 2 and 1
    return core.multiarray._reconstruct


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin-1" if encoding == "latin1" else encoding)


def _unpickled(path: Path, wanted: dict[str, type]) -> dict[str, Any]:
    try:
        content = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
            ImportError, MemoryError, OverflowError) as error:
        raise ValueError(f"{path.name}: expected a batch of CIFAR, but {error or type(error).__name__}") from error
    content = {key.decode("latin-1") if isinstance(key, bytes) else key: value for key, value in content.items()} \
        if isinstance(content, dict) else {}
    for key, kind in wanted.items():
        if not isinstance(content.get(key), kind):
            raise ValueError(f"{path.name}: expected {key} to be of type {kind.__name__}, "
                             f"found {type(content.get(key)).__name__}")
    return content
