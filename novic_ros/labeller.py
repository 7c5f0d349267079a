"""ImageLabeller: pictures in, labels out. The one object that the node, the command line and the evaluation use.

It joins an embedder (`embedding/`) and a noun decoder (`decoding/`) that belong together, and turns what they say into
`Labels`. It reads no files of pictures, knows no ROS, and holds no network of its own.
"""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from novic_ros import decoding, embedding
from novic_ros.labels import Label, Labels
from novic_ros.model_store import ModelNotFound, find_model

__all__ = ["DEFAULT_MODEL", "ImageLabeller", "LabellerError"]

DEFAULT_MODEL = "novic_mini"
DEFAULT_SEARCH = "beam_k10_vnone_gp_t1_a0"


class LabellerError(ValueError):
    """The model cannot be used as asked; the message says what was expected, what came and what to do."""


class ImageLabeller:
    """Free-form English nouns for images.

    model: the name of a model ("novic_mini"), a folder that holds a decoder, with or without its encoder, or an
        authors' checkpoint file (.train or .model).
    embedder: spec of the encoder; None for the one beside the decoder, or else the one that the decoder names.
    nouns: the only nouns that may be said; None for the decoder's whole vocabulary.
    top_k: labels kept per image; min_score: lowest score kept, in [0, 1].
    gencfg: how to search, in the grammar of `decoding`; by default a guided beam of at least top_k.
    device: "auto", "cpu" or "cuda".

    Raises LabellerError. A score is the probability that the decoder gives to the noun's tokens; it is not calibrated.
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, *, embedder: str | None = None,
                 nouns: Sequence[str] | None = None, top_k: int = 5, min_score: float = 0.0, gencfg: str | None = None,
                 device: str = "auto"):
        if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
            raise LabellerError(f"top_k: expected a whole number of at least 1, got {top_k!r}")
        if not isinstance(min_score, numbers.Real) or not 0 <= min_score <= 1:
            raise LabellerError(f"min_score: expected a number from 0 to 1, got {min_score!r}")
        self._top_k, self._min_score = top_k, min_score
        self._gencfg = gencfg or (DEFAULT_SEARCH if top_k <= 10 else f"beam_k{top_k}_vnone_gp_t1_a0")
        try:
            source = Path(model) if Path(model).is_file() else find_model(model)
            self._decoder = decoding.load(source, device)
            self._decoder.decode(torch.empty(0, self._decoder.width), self._gencfg)  # a bad gencfg shows here
            self._embedder = embedding.load(embedder or self._encoder_spec(source), device)
        except (ModelNotFound, decoding.DecodingError, embedding.EmbeddingError) as error:
            raise LabellerError(str(error)) from error
        if self._embedder.width != self._decoder.width:
            raise LabellerError(f"{source}: the decoder was trained on vectors of width {self._decoder.width}, but the "
                                f"encoder {self._embedder.spec} makes vectors of width {self._embedder.width}; use the "
                                f"encoder that it was trained for, {self._decoder.embedder_spec}")
        self.model_name = str(model)
        if nouns is not None:
            self.set_nouns(nouns)

    @property
    def nouns(self) -> tuple[str, ...]:
        """The nouns that may be said now."""
        return self._decoder.guide

    def set_nouns(self, nouns: Sequence[str] | None) -> None:
        """Replace the nouns that may be said; None: the whole vocabulary. After a LabellerError the old ones stay."""
        if nouns is not None:
            if isinstance(nouns, str) or not all(isinstance(noun, str) for noun in nouns):
                raise LabellerError(f"nouns: expected a list of nouns as text, got {nouns!r:.200}")
            nouns = [" ".join(noun.split()) for noun in nouns]
        try:
            self._decoder.set_guide(nouns)
        except decoding.DecodingError as error:
            raise LabellerError(str(error)) from error

    def label(self, images: Sequence[np.ndarray]) -> list[Labels]:
        """RGB uint8 images [H, W, 3] -> one Labels each, best label first. Raises LabellerError for anything else."""
        return self.label_timed(images)[0]

    def label_timed(self, images: Sequence[np.ndarray]) -> tuple[list[Labels], dict[str, float]]:
        """As `label`, and the seconds that each stage took: "preprocess", "embed", "decode"."""
        start = time.perf_counter()
        try:
            pixels = self._embedder.preprocess(images)
            preprocessed = time.perf_counter()
            embeddings = self._embedder.embed_pixels(pixels)
            embedded = time.perf_counter()
            hypotheses = self._decoder.decode(embeddings.vectors, self._gencfg)
        except (embedding.EmbeddingError, decoding.DecodingError) as error:
            raise LabellerError(str(error)) from error
        evidence = [None] * len(hypotheses) if embeddings.evidence is None else embeddings.evidence.tolist()
        results = [self._labels(found, value) for found, value in zip(hypotheses, evidence)]
        stages = {"preprocess": preprocessed - start, "embed": embedded - preprocessed,
                  "decode": time.perf_counter() - embedded}
        return results, stages

    def warm_up(self) -> None:
        """Run once on a grey image, so that the first real frame is not slower than the others."""
        self.label([np.full((480, 640, 3), 127, dtype=np.uint8)])

    def _encoder_spec(self, source: Path) -> str:
        """The spec to load: an encoder beside the decoder is taken from that folder, wherever it lies."""
        beside = (source / "open_clip_config.json").exists()
        return f"local:{source}" if beside else self._decoder.embedder_spec

    def _labels(self, hypotheses: Sequence[decoding.Hypothesis], evidence: float | None) -> Labels:
        # A free search may end before its first word; priors may push a score above that of certainty.
        scored = [Label(found.text, math.exp(min(0.0, found.score))) for found in hypotheses if found.text]
        return Labels(tuple(label for label in scored[:self._top_k] if label.score >= self._min_score), evidence)
