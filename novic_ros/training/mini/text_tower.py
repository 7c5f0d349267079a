"""The small text tower of the embedded model: learns to put any caption of a noun where the text space has that noun.

A stock open_clip text transformer over CLIP's tokens is distilled from `text_space.py`. While it trains, only the token
rows that occur are kept (the largest stays the end token, which open_clip looks for); afterwards they go back into
CLIP's full table, whose other rows are zero. This file does not define the tower: open_clip builds it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import nn

from novic_ros.training.captions import TEMPLATES, caption

__all__ = ["HELD_OUT_TEMPLATES", "nearest_noun_rate", "train_text_tower"]

HELD_OUT_TEMPLATES = ("a grainy picture of the {noun}", "{article_noun}, seen from above")  # never trained on
SHARPNESS = 0.07  # of the contrastive half of the loss


class _TokenizedCaptions:
    """Token ids of every noun under every template, with the tower's own small ids: [templates][W, L]."""

    def __init__(self, nouns: Sequence[str], templates: Sequence[str], tokenize: Callable):
        full = [tokenize([caption(template, noun) for noun in nouns]) for template in templates]
        self.used = torch.unique(torch.cat([ids.flatten() for ids in full]))  # rising, so the end token stays largest
        small = torch.zeros(int(self.used.max()) + 1, dtype=torch.int64)
        small[self.used] = torch.arange(len(self.used))
        self.ids = [small[ids].to(torch.int32) for ids in full]
        self.lengths = [(ids != 0).sum(1) for ids in full]


def train_text_tower(tower: nn.Module, tokenize: Callable, nouns: Sequence[str], targets: torch.Tensor,
                     weights: torch.Tensor, steps: int, batch_size: int = 256, learning_rate: float = 2e-3,
                     seed: int = 0, checkpoint: Path | None = None,
                     on_step: Callable[[int, float], None] | None = None) -> None:
    """Train open_clip's text transformer in place: targets float32 [W, F] unit vectors, weights [W] of the nouns.

    tokenize: open_clip's tokenizer of this model, texts -> int64 [n, context].
    """
    captions = _TokenizedCaptions(nouns, TEMPLATES, tokenize)
    full_table = tower.token_embedding
    full_mask = tower.attn_mask
    torch.manual_seed(seed)
    tower.token_embedding = nn.Embedding(len(captions.used), full_table.embedding_dim)
    nn.init.normal_(tower.token_embedding.weight, std=0.02)
    optimiser = torch.optim.AdamW(tower.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.02,
                                  fused=True)
    first = 0
    if checkpoint and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        tower.load_state_dict(saved["tower"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["steps_done"]

    tower.train()
    saved_at = time.monotonic()
    for step in range(first, steps):
        rate = learning_rate * min(1.0, (step + 1) / (0.05 * steps)) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        template = int(torch.randint(len(TEMPLATES), (1,), generator=generator))
        chosen = torch.multinomial(weights, batch_size, replacement=True, generator=generator)
        length = int(captions.lengths[template][chosen].max())
        tower.attn_mask = full_mask[:length, :length]
        with torch.autocast("cpu", torch.bfloat16):
            vectors = tower(captions.ids[template][chosen, :length].long())
        vectors = functional.normalize(vectors.float(), dim=-1)
        loss = _imitation_loss(vectors, targets[chosen], chosen)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimiser.step()
        if on_step:
            on_step(step + 1, loss.item())
        if checkpoint and (time.monotonic() - saved_at > 120 or step + 1 == steps):
            state = {"steps_done": step + 1, "tower": tower.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)
            saved_at = time.monotonic()

    with torch.no_grad():
        full_table.weight.zero_()
        full_table.weight[captions.used] = tower.token_embedding.weight
    tower.token_embedding, tower.attn_mask = full_table, full_mask
    tower.eval()


def _imitation_loss(vectors: torch.Tensor, targets: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Cosine distance to the teacher's vector, and telling it from the other nouns' vectors in the batch."""
    distance = 1 - (vectors * targets).sum(-1).mean()
    logits = vectors @ targets.T / SHARPNESS
    same = (chosen[:, None] == chosen[None]) & ~torch.eye(len(chosen), dtype=torch.bool)
    logits = logits.masked_fill(same, -1e4)
    return 4 * distance + 0.5 * functional.cross_entropy(logits, torch.arange(len(chosen)))


@torch.inference_mode()
def nearest_noun_rate(encode: Callable[[Sequence[str]], torch.Tensor], nouns: Sequence[str], targets: torch.Tensor,
                      template: str, every: int = 12) -> tuple[int, int, float]:
    """How well a template's captions land: (nouns that are their own nearest noun, nouns tried, mean cosine)."""
    tried = torch.arange(0, len(nouns), every)
    vectors = encode([caption(template, nouns[i]) for i in tried.tolist()])
    nearest = torch.cat([(part @ targets.T).argmax(1) for part in vectors.split(256)])
    cosine = (vectors * targets[tried]).sum(1).mean().item()
    return int((nearest == tried).sum()), len(tried), cosine
