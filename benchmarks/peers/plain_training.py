"""A plain PyTorch training loop, the benchmark's peer: what one would write first, on the same data and network.

All M nouns of all vectors are one padded batch, with and without weight; the logits of every column are computed, and
the padded ones left out of the loss. Nothing is sorted and nothing skipped. It learns the same: its loss is the
package's. The network is the package's ObjectDecoder, so that only the loops differ.
"""

import numpy as np
import torch
import torch.nn.functional as functional


class PlainLoop:
    """One micro-batch after another: `step(rows)` reads rows, adds noise, learns, and gives the loss."""

    def __init__(self, model, noun_tokens, cache, noise, bfloat16=False):
        self.model, self.cache, self.noise, self.bfloat16 = model.train(), cache, noise, bfloat16
        columns = max(map(len, noun_tokens))
        self.targets = torch.full((len(noun_tokens), columns), -100)
        for row, tokens in enumerate(noun_tokens):
            self.targets[row, :len(tokens)] = torch.tensor(tokens)
        decay = [p for p in model.parameters() if p.ndim >= 2]
        rest = [p for p in model.parameters() if p.ndim < 2]
        self.optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest,
                                           "weight_decay": 0.0}], lr=1e-4, betas=(0.9, 0.95), fused=True)
        self.generator = torch.Generator(next(model.parameters()).device)

    def step(self, rows, accumulation=1, last=True):
        """One micro-batch, and an update of the weights after the last of a step."""
        device = next(self.model.parameters()).device
        vectors = torch.from_numpy(np.array(self.cache.vectors[rows])).to(device).float()
        nouns = torch.from_numpy(np.array(self.cache.targets[rows])).long()  # [B, M]
        weights = torch.from_numpy(np.array(self.cache.weights[rows])).to(device)
        targets = self.targets[nouns.clamp_min(0)]
        targets = targets[..., :int((targets != -100).sum(-1).max())].to(device)  # [B, M, C]
        vectors = self.noise(vectors, self.generator)
        flat = targets.flatten(0, 1)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = self.model(vectors.repeat_interleave(nouns.shape[1], 0), flat.clamp_min(0))
        losses = functional.cross_entropy(logits.float().flatten(0, 1), flat.flatten(), reduction="none")
        losses = losses.view(flat.shape).sum(1)
        weight = weights.flatten()
        loss = (weight * losses).sum() / (weight * (flat != -100).sum(1)).sum()
        (loss / accumulation).backward()
        if last:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
        return loss.item()
