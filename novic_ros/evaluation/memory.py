"""Lets a process keep the memory that it frees: pictures come and go, and the system would hand it over again zeroed.

Where frames are decoded ahead in threads, that costs a third as much as decoding them. It is for programs that end
soon; a node gives memory back (`node/memory.py`). Without glibc nothing happens.
"""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
KEPT = 256 << 20  # bytes at the end of the heap that are not handed back
SHARED = 32 << 20  # smaller pieces come from the heap; the most that glibc takes


def keep_freed_memory() -> bool:
    """Have the C library do so from now on; whether it does."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_TRIM_THRESHOLD, KEPT)) and bool(mallopt(M_MMAP_THRESHOLD, SHARED))
