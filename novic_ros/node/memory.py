"""Keeps the memory of a node that is configured and cleaned up again and again where it was (docs/reliability.md).

Python frees objects that refer to each other, of which a network is full, when it gets round to it. The C library keeps
what is freed in small pieces, and keeps it apart for threads that it served apart. Both functions do nothing where the
C library is not glibc.
"""

import ctypes
import gc
from typing import Any

M_ARENA_MAX = -8  # from glibc's malloc.h


def share_one_heap() -> None:
    """Let all threads share one heap, so that one can use what another freed. To be called before there are threads."""
    _call("mallopt", M_ARENA_MAX, 1)


def give_back() -> None:
    """Free what nobody refers to any more, and hand it to the system."""
    gc.collect()
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> Any:
    function = getattr(ctypes.CDLL(None), name, None)
    return None if function is None else function(*arguments)
