"""ImageLabeller: pictures in, labels out. The one object that the node, the command line and the evaluation use.

It joins an embedder (`embedding/`) and a noun decoder (`decoding/`) that belong together, and turns what they say into
`Labels`, with calibrated scores where the model has a calibrator (`calibration/`). It reads no files of pictures, knows
no ROS, and holds no network of its own.
"""

from __future__ import annotations

import logging
import math
import numbers
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from novic_ros import decoding, embedding
from novic_ros.calibration import (
    CALIBRATION_FILE,
    ON_UNSURE,
    CalibrationError,
    Calibrator,
    Guess,
    Sight,
    answer,
)
from novic_ros.labels import Label, Labels
from novic_ros.model_store import ModelNotFound, find_model
from novic_ros.vocabulary import Ancestors, VocabularyError, canonical

__all__ = ["DEFAULT_MODEL", "ImageLabeller", "LabellerError"]

DEFAULT_MODEL = "novic_mini"
DEFAULT_SEARCH = "beam_k10_vnone_gp_t1_a0"
log = logging.getLogger(__name__)


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
    on_unsure: what to say where the best guess is probably wrong: "best" says it all the same, "hypernym" the nearest
        broader word that is probably true, or nothing, "empty" nothing.
    views: 1 looks at each image as the encoder was trained to (often the middle square), 2 at the whole of it too, and
        averages, in twice the time; None: as the model was calibrated, else 1.

    Raises LabellerError. With a calibrated model (`calibrated`) a score is the probability that the label is true of
    the image: its own word or a broader one. It holds for the model's own encoder and search: where `embedder` or
    `gencfg` is given, or the model has no calibrator, a score is the probability that the decoder gives to the noun's
    tokens.
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, *, embedder: str | None = None,
                 nouns: Sequence[str] | None = None, top_k: int = 5, min_score: float = 0.0, gencfg: str | None = None,
                 device: str = "auto", on_unsure: str = "best", views: int | None = None):
        if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
            raise LabellerError(f"top_k: expected a whole number of at least 1, got {top_k!r}")
        if not isinstance(min_score, numbers.Real) or not 0 <= min_score <= 1:
            raise LabellerError(f"min_score: expected a number from 0 to 1, got {min_score!r}")
        if on_unsure not in ON_UNSURE:
            raise LabellerError(f"on_unsure: expected {', '.join(ON_UNSURE)}, got {on_unsure!r}")
        if views is not None and (isinstance(views, bool) or views not in (1, 2)):
            raise LabellerError(f"views: expected 1 or 2, got {views!r}")
        self._top_k, self._min_score, self._on_unsure = top_k, min_score, on_unsure
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
        self._calibrator, self._ancestors = None, None
        if embedder is None and gencfg is None:
            self._load_calibrator(source)
        if on_unsure != "best" and not self.calibrated:
            raise LabellerError(f"on_unsure: {on_unsure} needs a calibrated model with its own encoder and search, "
                                f"which {source} is not here; use best, or fit a calibrator with novic calibrate")
        self._views = views or (self._calibrator.views if self._calibrator else 1)
        self._allowed: frozenset[str] | None = None
        if nouns is not None:
            self.set_nouns(nouns)

    @property
    def calibrated(self) -> bool:
        """Whether scores are probabilities that labels are true."""
        return self._calibrator is not None

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
        self._allowed = None if nouns is None else frozenset(map(canonical, nouns))

    def label(self, images: Sequence[np.ndarray]) -> list[Labels]:
        """RGB uint8 images [H, W, 3] -> one Labels each, best label first. Raises LabellerError for anything else."""
        return self.label_timed(images)[0]

    def label_timed(self, images: Sequence[np.ndarray]) -> tuple[list[Labels], dict[str, float]]:
        """As `label`, and the seconds that each stage took: "preprocess", "embed", "decode"."""
        embeddings, sights, stages = self._look(images)
        begin = time.perf_counter()
        evidence = [None] * len(sights) if embeddings.evidence is None else embeddings.evidence.tolist()
        results = [self._labels(sight, value) for sight, value in zip(sights, evidence)]
        stages["decode"] += time.perf_counter() - begin
        return results, stages

    def sights(self, images: Sequence[np.ndarray]) -> list[Sight]:
        """What a calibrator reads: for each image all guesses of the search, and the encoder's word about classes."""
        return self._look(images)[1]

    def warm_up(self) -> None:
        """Run once on a grey image, so that the first real frame is not slower than the others."""
        self.label([np.full((480, 640, 3), 127, dtype=np.uint8)])

    def _encoder_spec(self, source: Path) -> str:
        """The spec to load: an encoder beside the decoder is taken from that folder, wherever it lies."""
        beside = (source / "open_clip_config.json").exists()
        return f"local:{source}" if beside else self._decoder.embedder_spec

    def _load_calibrator(self, source: Path) -> None:
        """Take the calibrator beside the decoder, if one is there that fits; else warn and leave it aside."""
        if not (source / CALIBRATION_FILE).is_file():
            return
        try:
            calibrator = Calibrator.load(source)
            self._ancestors = Ancestors.load(source, self._decoder.nouns)
        except (CalibrationError, VocabularyError) as error:
            log.warning("scores are not calibrated: %s", error)
            return
        self._calibrator = calibrator

    def _look(self, images: Sequence[np.ndarray]) -> tuple[embedding.Embeddings, list[Sight], dict[str, float]]:
        """Embeddings, what encoder and decoder say about them, and the seconds of each stage."""
        start = time.perf_counter()
        try:
            looks = [self._embedder.preprocess(images)]
            if self._views == 2:
                looks.append(self._embedder.preprocess(images, whole=True))
            preprocessed = time.perf_counter()
            embeddings = self._embedder.embed_pixels(looks[0])
            if self._views == 2:
                embeddings = embeddings.averaged_with(self._embedder.embed_pixels(looks[1]))
            embedded = time.perf_counter()
            hypotheses = self._decoder.decode(embeddings.vectors, self._gencfg)
        except (embedding.EmbeddingError, decoding.DecodingError) as error:
            raise LabellerError(str(error)) from error
        stages = {"preprocess": preprocessed - start, "embed": embedded - preprocessed,
                  "decode": time.perf_counter() - embedded}
        # A free search may end before its first word; priors may push a score above that of certainty.
        guesses = [[Guess(found.text, min(0.0, found.score)) for found in row if found.text] for row in hypotheses]
        if embeddings.classes is None:
            return embeddings, [Sight(row) for row in guesses], stages
        prominence, classes = embeddings.prominence.tolist(), embeddings.classes.cpu().numpy()
        return embeddings, [Sight(*of_one) for of_one in zip(guesses, prominence, classes)], stages

    def _labels(self, sight: Sight, evidence: float | None) -> Labels:
        if self._calibrator is None:
            labels = [Label(guess.text, math.exp(guess.log_probability)) for guess in sight.guesses]
        elif sight.prominence is None and self._calibrator.prominence:
            raise LabellerError("the calibrator of this model needs an encoder that classifies, this one does not; fit "
                                "it again with novic calibrate")
        else:
            labels = answer(sight, self._calibrator, self._ancestors, self._on_unsure, self._allowed)
        return Labels(tuple(label for label in labels[:self._top_k] if label.score >= self._min_score), evidence)
