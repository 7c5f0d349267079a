"""Running a decoder token by token, as a search does, for tests that compare steps with other ways to the logits."""

import torch

from novic_ros.decoding.object_decoder import ObjectDecoder


class Stepper:
    """`logits` [R, V] say what may follow each row's tokens; rows are vectors [B, F] at first."""

    def __init__(self, model: ObjectDecoder, vectors: torch.Tensor, slots: int = 1000):
        self._model, self._cache = model, model.new_cache(slots)
        self.logits = model.start(vectors, self._cache)
        self._used = len(vectors) * model.arch.prefix_length
        self._paths = torch.arange(self._used).view(len(vectors), -1)

    def advance(self, parents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Append tokens [R] to rows parents [R]."""
        own = self._used + torch.arange(len(tokens))
        self._used += len(tokens)
        self._paths = torch.cat([self._paths[parents], own[:, None]], dim=1)
        lengths = torch.full((len(tokens),), self._paths.shape[1])
        self.logits = self._model.advance(self._cache, tokens, self._paths, lengths)
        return self.logits
