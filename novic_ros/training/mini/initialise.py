"""A head start for a decoder whose text space is known: tokens begin near the nouns that they spell.

The token table starts as the mean noun vector of each token, projected onto the E strongest directions of the noun
vectors; every prefix position starts as that same projection. So the untrained decoder already prefers tokens of nearby
nouns. Used instead of the random weights of the paper for the embedded model, whose training is short.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional

from novic_ros.decoding.object_decoder import ObjectDecoder

__all__ = ["start_near_nouns"]


@torch.no_grad()
def start_near_nouns(model: ObjectDecoder, noun_vectors: torch.Tensor, noun_tokens: Sequence[Sequence[int]]) -> None:
    """Set the weights of `model` in place: noun_vectors float32 [W, F]; compact ids, with the end token, of each.

    Raises ValueError if the model is wider than the noun vectors have directions.
    """
    arch = model.arch
    width = arch.hidden_dim
    if width > min(noun_vectors.shape):
        raise ValueError(f"head start: {len(noun_vectors)} nouns of width {noun_vectors.shape[1]} allow a hidden_dim "
                         f"of at most {min(noun_vectors.shape)}, got {width}")
    mean = noun_vectors.mean(0)
    _, _, directions = torch.linalg.svd(noun_vectors - mean, full_matrices=False)
    projection = directions[:width]  # [E, F]

    sums = torch.zeros(arch.vocab_size, arch.embed_dim)
    counts = torch.zeros(arch.vocab_size, 1)
    for vector, tokens in zip(noun_vectors, noun_tokens):
        for place, token in enumerate(tokens[:-1]):  # earlier tokens say more about the vector
            sums[token] += vector / (place + 1)
            counts[token] += 1 / (place + 1)
    table = functional.normalize((sums / counts.clamp_min(1e-6) - mean) @ projection.T, dim=-1) * (counts > 0)
    model.tokens.weight.copy_(0.5 * table + 0.01 * torch.randn_like(table))

    strength = torch.ones(arch.prefix_length)
    strength[-1] = 3.0  # the position that predicts the first token
    model.prefix.weight.copy_((strength[:, None, None] * projection).flatten(0, 1))
    model.positions.normal_(std=0.02)
    for layer in model.layers:
        for branch in (layer.out, layer.down):
            branch.weight.normal_(std=0.02 / (2 * arch.num_layers) ** 0.5)
        layer.qkv.weight.normal_(std=width ** -0.5)
        layer.up.weight.normal_(std=width ** -0.5)
    model.norm.weight.fill_(1.0)
