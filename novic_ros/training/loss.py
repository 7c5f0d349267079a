"""The loss of object decoders: cross-entropy of the tokens up to the end token (NOVIC, section 3.2), in two forms.

`token_loss` and `weighted_token_loss` say it plainly, from logits of every column. `DecoderLoss` is what the trainer
runs: the same number, but rows without weight are never computed, and logits only of the columns that count. Which
columns those are is decided in `targets.py`. This file updates no weights.

Shapes: B vectors, A targets (the nouns of all vectors), C token columns, N columns that count, V token vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import nn

from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.training.targets import IGNORE, TargetGroup

__all__ = ["DecoderLoss", "token_loss", "weighted_token_loss"]


def token_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the columns up to the end token: logits [B, C, V], targets [B, C] -> scalar."""
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE)


def weighted_token_loss(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the columns up to the end token, each counted with its row's weight (NOVIC, section 3.2).

    For vectors with several nouns: logits float [A, C, V], targets int64 [A, C] padded with IGNORE and weights float
    [A] >= 0 -> scalar, where the A rows are all nouns of all vectors. A row of weight 0 has no influence, whatever its
    targets; at least one weight must be positive.
    """
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE,
                                      reduction="none").view(targets.shape).sum(1)
    used = weights > 0
    columns = (targets != IGNORE).sum(1).to(weights.dtype)
    return torch.dot(weights[used], losses[used]) / torch.dot(weights, columns)


class DecoderLoss(nn.Module):
    """A decoder with its loss, as one module that data-parallel training and compilation can wrap.

    The decoder is changed: its forward pass gives hidden states from now on. `decoder_state` is for every other use.
    """

    def __init__(self, decoder: ObjectDecoder, label_smoothing: float = 0.0, compiled: bool = False):
        """compiled: let torch.compile make the arithmetic faster, which takes a minute at the first micro-batches."""
        super().__init__()
        self.decoder = decoder
        self.label_smoothing = label_smoothing
        decoder.read_out = nn.Identity()
        self._parts = torch.compile(self._sums, dynamic=True) if compiled else self._sums

    def forward(self, vectors: torch.Tensor, groups: tuple[TargetGroup, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        """vectors float [B, F] and the targets of their nouns -> mean loss, and how many counted columns are right.

        The loss is `weighted_token_loss` of all groups together.
        """
        total = basis = right = 0
        for group in groups:
            losses, found = self._parts(vectors, group.owner, group.tokens, group.columns, group.answers, group.weights)
            total, right, basis = total + losses, right + found, basis + group.weights.sum()
        return total / basis, right

    def _sums(self, vectors: torch.Tensor, owner: torch.Tensor, tokens: torch.Tensor, columns: torch.Tensor,
              answers: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weighted sum of losses, and how many columns are right, of one group."""
        hidden = self.decoder(vectors.index_select(0, owner), tokens)  # [A, C, E]
        hidden = hidden.flatten(0, 1).index_select(0, columns)  # [N, E]
        logits = functional.linear(hidden, *self.decoder.read_out_weights())  # [N, V]
        losses = functional.cross_entropy(logits.float(), answers, reduction="none",
                                          label_smoothing=self.label_smoothing)
        right = (logits.detach().argmax(-1) == answers).sum()
        return torch.dot(weights, losses), right

    def decoder_state(self) -> dict[str, torch.Tensor]:
        """The decoder's tensors by name, for a network of its own."""
        return self.decoder.state_dict()
