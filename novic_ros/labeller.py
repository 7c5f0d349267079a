"""ImageLabeller: pictures in, labels out. The one object that the node, the command line and the evaluation use.

It joins an embedder (`embedding/`) and a noun decoder (`decoding/`) that belong together, and turns what they say into
`Labels`, with calibrated scores where the model has a calibrator (`calibration/`), in the words of the site vocabulary
(`vocabulary/site.py`). It reads no files of pictures, knows no ROS, and holds no network of its own.
"""

from __future__ import annotations

import logging
import math
import numbers
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
    joined,
)
from novic_ros.labels import Label, Labels
from novic_ros.model_store import ModelNotFound, find_model
from novic_ros.vocabulary import Ancestors, SiteVocabulary, VocabularyError

__all__ = ["DEFAULT_MODEL", "ImageLabeller", "LabellerError", "Timed"]

DEFAULT_MODEL = "novic_mini"
DEFAULT_SEARCH = "beam_k10_vnone_gp_t1_a0"
log = logging.getLogger(__name__)


class LabellerError(ValueError):
    """The model cannot be used as asked; the message says what was expected, what came and what to do."""


class Timed(NamedTuple):
    """What one call of `label_timed` said, the seconds of each stage, and the version of the vocabulary it used."""

    labels: list[Labels]
    stages: dict[str, float]  # "preprocess", "embed", "decode"
    vocabulary_version: int


@dataclass(frozen=True)
class _Words:
    """A site vocabulary, compiled for the decoder; replaced as a whole, so that a call never sees two halves."""

    site: SiteVocabulary
    guide: decoding.Guide
    version: int


class ImageLabeller:
    """Free-form English nouns for images. Safe to use from several threads, one of which may change the vocabulary.

    model: the name of a model ("novic_mini"), a folder that holds a decoder, with or without its encoder, or an
        authors' checkpoint file (.train or .model).
    embedder: spec of the encoder; None for the one beside the decoder, or else the one that the decoder names.
    nouns: the only nouns that may be said, a guide list; None for the decoder's whole vocabulary. `set_vocabulary`
        changes it, and can say more.
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
        _check(top_k, min_score, on_unsure)
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
        self._check_on_unsure(on_unsure)
        self._views = views or (self._calibrator.views if self._calibrator else 1)
        self._words = _Words(SiteVocabulary(), self._decoder.compile_guide(None), 0)
        if nouns is not None:
            for warning in self.set_vocabulary(_guide_of(nouns)):
                log.warning("%s", warning)

    @property
    def calibrated(self) -> bool:
        """Whether scores are probabilities that labels are true."""
        return self._calibrator is not None

    @property
    def embedder(self) -> embedding.Embedder:
        """The encoder, for those who measure it."""
        return self._embedder

    @property
    def search(self) -> str:
        """How nouns are searched, in the grammar of `decoding`."""
        return self._gencfg

    @property
    def nouns(self) -> tuple[str, ...]:
        """The nouns that the search may find now."""
        return self._words.guide.nouns

    @property
    def known_nouns(self) -> tuple[str, ...]:
        """The nouns that the decoder was trained on."""
        return tuple(self._decoder.nouns)

    @property
    def vocabulary(self) -> SiteVocabulary:
        """What was last set by `set_vocabulary`."""
        return self._words.site

    def set_vocabulary(self, site: SiteVocabulary, version: int = 0) -> list[str]:
        """Say what `site` lets be said, by its names, from the next call of `label_timed` on; returns warnings.

        Checking and compiling happen here, in the caller's thread; other threads may label meanwhile, and each of their
        calls uses one vocabulary throughout. version: what `label_timed` returns with its labels. Raises LabellerError,
        which names every noun that the decoder cannot write, or says that nothing would be left to say; the old
        vocabulary then stays.
        """
        broader = () if self._ancestors is None else self._ancestors.said.values()
        try:
            warnings = site.doubts(self._decoder.nouns, broader, self._decoder.knows)
            guide = self._decoder.compile_guide(site.guide or None)
            self._decoder.decode(torch.zeros(1, self._decoder.width), self._gencfg, guide)  # what is made on first use
        except (VocabularyError, decoding.DecodingError) as error:
            raise LabellerError(str(error)) from error
        self._words = _Words(site, guide, version)
        return warnings

    def label(self, images: Sequence[np.ndarray]) -> list[Labels]:
        """RGB uint8 images [H, W, 3] -> one Labels each, best label first. Raises LabellerError for anything else."""
        return self.label_timed(images).labels

    def label_timed(self, images: Sequence[np.ndarray], *, top_k: int | None = None, min_score: float | None = None,
                    on_unsure: str | None = None) -> Timed:
        """As `label`, for one batch, with what it took; options that are None are those of the labeller.

        A guess is sure if it scores at least the model's threshold and at least `min_score`. on_unsure "best": labels
        below min_score are left out, nothing else happens; "hypernym": the nearest broader word that is sure stands in
        for a guess that is not, or nothing does; "empty": nothing unless the best guess is sure. top_k: more labels
        than the search finds cannot be had; it finds 10, or the labeller's top_k if that is more.
        """
        options = self._options(top_k, min_score, on_unsure)
        embeddings, seconds = self.embed_timed(images)
        said = self.label_embedded(embeddings, **options)
        return said._replace(stages=seconds | said.stages)

    def embed_timed(self, images: Sequence[np.ndarray]) -> tuple[embedding.Embeddings, dict[str, float]]:
        """The first half of `label_timed`, for those who need the vectors too: embeddings, and seconds of stages."""
        start = time.perf_counter()
        try:
            looks = [self._embedder.preprocess(images)]
            if self._views == 2:
                looks.append(self._embedder.preprocess(images, whole=True))
            preprocessed = time.perf_counter()
            embeddings = self._embedder.embed_pixels(looks[0])
            if self._views == 2:
                embeddings = embeddings.averaged_with(self._embedder.embed_pixels(looks[1]))
        except embedding.EmbeddingError as error:
            raise LabellerError(str(error)) from error
        return embeddings, {"preprocess": preprocessed - start, "embed": time.perf_counter() - preprocessed}

    def label_embedded(self, embeddings: embedding.Embeddings, *, top_k: int | None = None,
                       min_score: float | None = None, on_unsure: str | None = None) -> Timed:
        """The second half: what `embed_timed` gave -> labels. Options as `label_timed`."""
        options = self._options(top_k, min_score, on_unsure)
        words = self._words
        start = time.perf_counter()
        sights = self._decode(embeddings, words.guide)
        evidence = [None] * len(sights) if embeddings.evidence is None else embeddings.evidence.tolist()
        results = []
        for sight, value in zip(sights, evidence):
            labels = self._answer(sight, words.site, options["on_unsure"], options["min_score"])
            kept = (label for label in labels[:options["top_k"]] if label.score >= options["min_score"])
            results.append(Labels(tuple(kept), value))
        return Timed(results, {"decode": time.perf_counter() - start}, words.version)

    def sights(self, images: Sequence[np.ndarray]) -> list[Sight]:
        """What a calibrator reads: for each image all guesses of the search, and the encoder's word about classes."""
        return self._decode(self.embed_timed(images)[0], self._words.guide)

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

    def _check_on_unsure(self, on_unsure: str) -> None:
        if on_unsure != "best" and not self.calibrated:
            raise LabellerError(f"on_unsure: {on_unsure} needs a calibrated model with its own encoder and search, "
                                f"which {self.model_name} is not here; use best, or fit a calibrator with novic "
                                "calibrate")

    def _options(self, top_k: int | None, min_score: float | None, on_unsure: str | None) -> dict:
        """What was given or else the labeller's own. Raises LabellerError."""
        top_k = self._top_k if top_k is None else top_k
        min_score = self._min_score if min_score is None else min_score
        on_unsure = self._on_unsure if on_unsure is None else on_unsure
        _check(top_k, min_score, on_unsure)
        self._check_on_unsure(on_unsure)
        return {"top_k": top_k, "min_score": min_score, "on_unsure": on_unsure}

    def _decode(self, embeddings: embedding.Embeddings, guide: decoding.Guide) -> list[Sight]:
        """What encoder and decoder say about images."""
        try:
            hypotheses = self._decoder.decode(embeddings.vectors, self._gencfg, guide)
        except decoding.DecodingError as error:
            raise LabellerError(str(error)) from error
        # A free search may end before its first word; priors may push a score above that of certainty.
        guesses = [[Guess(found.text, min(0.0, found.score)) for found in row if found.text] for row in hypotheses]
        if embeddings.classes is None:
            return [Sight(row) for row in guesses]
        prominence, classes = embeddings.prominence.tolist(), embeddings.classes.cpu().numpy()
        return [Sight(*of_one) for of_one in zip(guesses, prominence, classes)]

    def _answer(self, sight: Sight, site: SiteVocabulary, on_unsure: str, min_score: float) -> list[Label]:
        """What may be said about one image, best first, before it is cut to top_k and min_score."""
        if self._calibrator is None:
            return [Label(guess.text, math.exp(guess.log_probability)) for guess in joined(sight.guesses, site)
                    if site.may_say(guess.text)]
        if sight.prominence is None and self._calibrator.prominence:
            raise LabellerError("the calibrator of this model needs an encoder that classifies, this one does not; fit "
                                "it again with novic calibrate")
        return answer(sight, self._calibrator, self._ancestors, on_unsure, site, min_score)


def _check(top_k: int, min_score: float, on_unsure: str) -> None:
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
        raise LabellerError(f"top_k: expected a whole number of at least 1, got {top_k!r}")
    if not isinstance(min_score, numbers.Real) or not 0 <= min_score <= 1:
        raise LabellerError(f"min_score: expected a number from 0 to 1, got {min_score!r}")
    if on_unsure not in ON_UNSURE:
        raise LabellerError(f"on_unsure: expected {', '.join(ON_UNSURE)}, got {on_unsure!r}")


def _guide_of(nouns: Sequence[str]) -> SiteVocabulary:
    """A site vocabulary that is a guide list only."""
    if isinstance(nouns, str) or not all(isinstance(noun, str) for noun in nouns):
        raise LabellerError(f"nouns: expected a list of nouns as text, got {nouns!r:.200}")
    if not nouns:
        raise LabellerError("nouns: expected at least one noun, or None for all")
    try:
        return SiteVocabulary(guide=tuple(nouns))
    except VocabularyError as error:
        raise LabellerError(str(error)) from error
