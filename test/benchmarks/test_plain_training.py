"""The benchmark's peer learns the same as the package, so that only their times differ."""

import numpy as np
import pytest
import torch

from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.training.loss import DecoderLoss
from novic_ros.training.optimiser import adamw
from novic_ros.training.targets import NounTable


class Cache:
    """Twelve vectors with one to three nouns each."""

    def __init__(self, nouns):
        random = np.random.default_rng(0)
        count = random.integers(1, 4, (12, 1))
        used = np.arange(3) < count
        self.vectors = random.standard_normal((12, 6)).astype(np.float16)
        self.targets = np.where(used, random.integers(0, nouns, (12, 3)), -1).astype(np.int32)
        self.weights = np.where(used, 1 / count, 0).astype(np.float32)


def test_the_peer_learns_the_same(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    from peers.plain_training import PlainLoop

    random = np.random.default_rng(1)
    nouns = [(*random.integers(1, 9, size=random.integers(1, 4)).tolist(), 0) for _ in range(40)]
    cache = Cache(len(nouns))

    def decoder():
        torch.manual_seed(0)
        return ObjectDecoder(Architecture(6, 9, 4, hidden_dim=8, feedfwd_dim=8, num_layers=2, num_heads=2, dropout=0))

    theirs = PlainLoop(decoder(), nouns, cache, lambda vectors, generator: vectors)
    ours, table = DecoderLoss(decoder()).train(), NounTable(nouns, groups=3)
    optimiser = adamw(ours, 1e-4, (0.9, 0.95), 0.1)
    for _ in range(3):
        for half in (0, 6):
            rows = slice(half, half + 6)
            expected = theirs.step(rows, accumulation=2, last=bool(half))
            loss, _ = ours(torch.from_numpy(cache.vectors[rows]).float(), table.targets(cache.targets[rows],
                                                                                       cache.weights[rows]))
            assert loss.item() == pytest.approx(expected, rel=1e-5)
            (loss / 2).backward()
        torch.nn.utils.clip_grad_norm_(ours.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    for name, tensor in theirs.model.state_dict().items():
        torch.testing.assert_close(ours.decoder_state()[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
