"""An object decoder for a GPU: calls of a few fixed shapes, each recorded once as a CUDA graph and replayed.

A search asks for a few rows at a time, for which starting some hundred kernels takes longer than running them. A graph
starts them all at once, but only for shapes and addresses that never change: so rows are padded to the next bucket,
paths to their longest, and one cache serves every search. The sums are the same. This is NOT for training, and not for
two threads at a time: whoever searches holds `lock`. Where recording fails, calls of the same shapes run without it.
Shapes: B images, N positions, S positions that one sees, V token vocabulary.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import torch

from novic_ros.decoding.object_decoder import ObjectDecoder, PositionCache

__all__ = ["CudaDecoder", "record_graph"]

log = logging.getLogger(__name__)

SMALLEST_BUCKET = 8
LARGEST_BUCKET = 2048  # more rows run unrecorded: starting kernels takes no share of their time worth saving
Run = Callable[[], torch.Tensor]


def record_graph(run: Run) -> Run:
    """Record what `run` does with tensors that stay where they are -> a function that does it again."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):  # libraries choose their kernels and take their memory before the recording
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may use the GPU meanwhile
        result = run()

    def replay() -> torch.Tensor:
        graph.replay()
        return result

    return replay


class CudaDecoder:
    """Has what a search needs of an `ObjectDecoder`: `arch`, `new_cache`, `start` and `advance`.

    record: makes a function that repeats what the given one does; None runs every call as it is.
    """

    def __init__(self, model: ObjectDecoder, record: Callable[[Run], Run] | None = record_graph):
        self.arch = model.arch
        self.lock = threading.Lock()
        self._model, self._record = model, record
        self._longest = model.arch.positions
        self._cache = model.new_cache(0)
        self._starts: dict[int, tuple[torch.Tensor, Run]] = {}  # by bucket: what to fill in, and what to call then
        self._steps: dict[int, tuple[torch.Tensor, Run]] = {}

    def new_cache(self, slots: int) -> PositionCache:
        """The one cache, of at least so many slots; what it held is lost."""
        # `start` fills the next bucket of images, at most twice as many; the last slot is for padding.
        room = max(2 * slots, SMALLEST_BUCKET * self.arch.prefix_length) + 1
        if self._cache.slots < room:
            self._cache = self._model.new_cache(1 << (room - 1).bit_length())
            self._starts.clear()  # they were recorded for the old cache
            self._steps.clear()
        return self._cache

    def start(self, vectors: torch.Tensor, cache: PositionCache) -> torch.Tensor:
        """As `ObjectDecoder.start`."""
        bucket = _bucket(len(vectors))
        if bucket is None:
            return self._model.start(vectors, cache)
        if bucket not in self._starts:
            given = torch.zeros(bucket, vectors.shape[1], device=vectors.device)
            self._starts[bucket] = given, self._recorded(lambda: self._model.start(given, cache))
        given, run = self._starts[bucket]
        given[:len(vectors)] = vectors
        return run()[:len(vectors)].clone()

    def advance(self, cache: PositionCache, tokens: torch.Tensor, paths: torch.Tensor,
                lengths: torch.Tensor) -> torch.Tensor:
        """As `ObjectDecoder.advance`."""
        rows, bucket = len(tokens), _bucket(len(tokens))
        if bucket is None:
            return self._model.advance(cache, tokens, paths, lengths)
        if bucket not in self._steps:
            given = torch.zeros(bucket, self._longest + 2, dtype=torch.int64, device=cache.layers[0].device)
            given[:, 1], given[:, 2] = 1, cache.slots - 1  # recording runs it, beside positions that are in use
            self._steps[bucket] = given, self._recorded(
                lambda: self._model.advance(cache, given[:, 0], given[:, 2:], given[:, 1]))
        given, run = self._steps[bucket]
        work = torch.zeros(bucket, self._longest + 2, dtype=torch.int64)  # token, length and path of every row
        work[:rows, 0], work[:rows, 1], work[:rows, 2:2 + paths.shape[1]] = tokens, lengths, paths
        work[rows:, 1], work[rows:, 2] = 1, cache.slots - 1
        given.copy_(work.pin_memory() if given.is_cuda else work, non_blocking=True)
        return run()[:rows].clone()

    def _recorded(self, run: Run) -> Run:
        if self._record is None:
            return run
        try:
            return self._record(run)
        except RuntimeError as error:
            log.warning("CUDA graphs do not work here (%s): the decoder runs without them, which is slower",
                        str(error).splitlines()[0])
            self._record = None
            return run


def _bucket(rows: int) -> int | None:
    """The least power of two that holds so many rows, or None where it would be too large."""
    bucket = max(SMALLEST_BUCKET, 1 << (rows - 1).bit_length())
    return bucket if bucket <= LARGEST_BUCKET else None
