"""The embedder: images and texts in, unit vectors of one shared space out.

Holds a loaded encoder and runs it in batches. NOT the place where models are found, built or filled with
weights (loading.py), nor where pixels are prepared (preprocess.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from novic_ros.embedding.errors import EmbeddingError
from novic_ros.embedding.preprocess import Preprocessor

_IMAGES_AT_ONCE = {"cpu": 16}  # bounds memory; other devices take _IMAGES_AT_ONCE_ON_DEVICE
_IMAGES_AT_ONCE_ON_DEVICE = 128
_TEXTS_AT_ONCE = 256
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of B images.

    Attributes:
        vectors: float32 [B, F], unit rows, on the embedder's device.
        evidence: float32 [B] in [0, 1], how sure the encoder itself is that it knows what it sees, or None
            for an encoder that cannot tell (see conse_tower.py).
        prominence: float32 [B], how far the encoder's best class stands out from the others, in standard deviations,
            or None for an encoder without classes. What a calibrator of scores reads; not for people.
        classes: float32 [B, C], the probabilities of the encoder's classes, or None for an encoder without classes.

    Raises:
        EmbeddingError: wrong shapes or dtypes, rows that are not of unit length, evidence outside [0, 1].
    """

    vectors: torch.Tensor
    evidence: torch.Tensor | None = None
    prominence: torch.Tensor | None = None
    classes: torch.Tensor | None = None

    def __post_init__(self) -> None:
        vectors, evidence = self.vectors, self.evidence
        if vectors.dtype != torch.float32 or vectors.ndim != 2:
            raise EmbeddingError(
                f"expected vectors float32 [B, F], got {vectors.dtype} {list(vectors.shape)}"
            )
        if len(vectors) and not (vectors.norm(dim=1) - 1).abs().max().item() < _UNIT_TOLERANCE:
            raise EmbeddingError(
                "expected unit vectors from the encoder, got zero or not finite ones: "
                "its weights are damaged, fetch them again"
            )
        if self.prominence is not None and (
            self.prominence.dtype != torch.float32 or self.prominence.shape != vectors.shape[:1]
        ):
            raise EmbeddingError(
                f"expected prominence float32 [{len(vectors)}], got {self.prominence.dtype} "
                f"{list(self.prominence.shape)}"
            )
        if self.classes is not None and (self.classes.ndim != 2 or len(self.classes) != len(vectors)):
            raise EmbeddingError(f"expected classes [{len(vectors)}, C], got {list(self.classes.shape)}")
        if evidence is None:
            return
        if evidence.dtype != torch.float32 or evidence.shape != vectors.shape[:1]:
            raise EmbeddingError(
                f"expected evidence float32 [{len(vectors)}], got {evidence.dtype} {list(evidence.shape)}"
            )
        if not bool(((evidence >= 0) & (evidence <= 1)).all()):
            raise EmbeddingError(
                "expected evidence in [0, 1]: the encoder's class table does not hold unit vectors"
            )

    def __len__(self) -> int:
        return len(self.vectors)

    def averaged_with(self, other: Embeddings) -> Embeddings:
        """The same B images seen in two ways, as one: the means of the un-normalised vectors and of all else.

        A ConSE vector of length `evidence` is linear in the class probabilities, so this averages those; an encoder
        without evidence gets the direction of the mean.
        """
        first, second = self._unnormalised(), other._unnormalised()
        mean = (first + second) / 2
        evidence = None if self.evidence is None else mean.norm(dim=-1).clamp(max=1.0)
        prominence = None if self.prominence is None else (self.prominence + other.prominence) / 2
        classes = None if self.classes is None else (self.classes + other.classes) / 2
        return Embeddings(functional.normalize(mean, dim=-1), evidence, prominence, classes)

    def _unnormalised(self) -> torch.Tensor:
        return self.vectors if self.evidence is None else self.vectors * self.evidence[:, None]


class Embedder:
    """An image encoder and, once a text is asked for, its text encoder. Build it with
    `novic_ros.embedding.load`.

    Safe to call from several threads, but one thread at a time gets the processor's best.

    Attributes:
        spec: what `load` was asked for.
        width: F, the width of the shared space.
        device: where the encoders run and the results lie.
    """

    def __init__(
        self,
        spec: str,
        width: int,
        device: torch.device,
        preprocessor: Preprocessor,
        image_encoder: Callable[[torch.Tensor], torch.Tensor],
        load_text_encoder: Callable[[], Callable[[torch.Tensor], torch.Tensor]],
        load_tokenizer: Callable[[], Callable[[list[str]], torch.Tensor]],
        norm_is_evidence: bool,
    ) -> None:
        self.spec = spec
        self.width = width
        self.device = device
        self.preprocessor = preprocessor
        self._whole = replace(preprocessor, resize_mode="squash")
        self.weight_bytes_read: int | None = None
        """Bytes of weights read from disk so far; None where open_clip read them whole."""
        self._encode_pixels = image_encoder
        self._load_text_encoder = load_text_encoder
        self._load_tokenizer = load_tokenizer
        self._norm_is_evidence = norm_is_evidence
        self._encode_tokens: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._tokenizer: Callable[[list[str]], torch.Tensor] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Embedder({self.spec!r}, width={self.width}, device={str(self.device)!r})"

    def preprocess(self, images: Sequence[np.ndarray], whole: bool = False) -> torch.Tensor:
        """Images to pixels, on the CPU.

        Args:
            images: RGB uint8 arrays [H, W, 3], of any sizes; none is fine.
            whole: squeeze the whole image into the input, whatever its shape, instead of what the encoder was trained
                with (often the middle square).

        Returns:
            float32 [B, 3, height, width], as the encoder expects them.

        Raises:
            EmbeddingError: one of them is no such array.
        """
        return (self._whole if whole else self.preprocessor)(images)

    def embed_pixels(self, pixels: torch.Tensor) -> Embeddings:
        """Preprocessed pixels to embeddings, in one batch.

        Args:
            pixels: float32 [B, 3, height, width] from `preprocess`, on any device.

        Raises:
            EmbeddingError: another shape, or the encoder's result is not finite.
        """
        height, width = self.preprocessor.height, self.preprocessor.width
        if pixels.ndim != 4 or tuple(pixels.shape[1:]) != (3, height, width):
            raise EmbeddingError(
                f"expected pixels [B, 3, {height}, {width}] from preprocess(), got {list(pixels.shape)}: "
                "use embed_images"
            )
        if len(pixels) == 0:
            return self._embeddings(torch.zeros((0, self.width), device=self.device))
        with torch.inference_mode():
            features = self._encode_pixels(pixels.to(self.device, non_blocking=True)).float()
        return self._embeddings(features)

    def embed_images(self, images: Sequence[np.ndarray]) -> Embeddings:
        """Images to embeddings: `preprocess` and `embed_pixels`, in batches that bound the memory.

        Args:
            images: RGB uint8 arrays [H, W, 3], of any sizes; none is fine (B = 0).

        Raises:
            EmbeddingError: one of them is no such array, or the encoder's result is not finite.
        """
        step = _IMAGES_AT_ONCE.get(self.device.type, _IMAGES_AT_ONCE_ON_DEVICE)
        parts = [
            self.embed_pixels(self.preprocess(images[start : start + step]))
            for start in range(0, max(1, len(images)), step)
        ]
        if len(parts) == 1:
            return parts[0]
        evidence = torch.cat([part.evidence for part in parts]) if self._norm_is_evidence else None
        if parts[0].classes is None:
            return Embeddings(torch.cat([part.vectors for part in parts]), evidence)
        return Embeddings(
            torch.cat([part.vectors for part in parts]),
            evidence,
            torch.cat([part.prominence for part in parts]),
            torch.cat([part.classes for part in parts]),
        )

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        """Texts to the encoder's own tokens: int64 [B, context length], padded, cut where too long, on the
        CPU.

        Raises:
            EmbeddingError: not a list of strings, or the tokenizer's files are missing.
        """
        texts = _checked_texts(texts)
        tokenizer = self._ready_tokenizer()
        if not texts:
            return tokenizer(["a"])[:0].long()
        return tokenizer(texts).long()

    def _ready_tokenizer(self) -> Callable[[list[str]], torch.Tensor]:
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = self._load_tokenizer()
            return self._tokenizer

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Texts to unit vectors float32 [B, F] on the embedder's device; the first call reads the text
        encoder's weights.

        Args:
            texts: strings; none is fine (B = 0).

        Raises:
            EmbeddingError: not a list of strings, or the text half of the weights cannot be read.
        """
        texts = _checked_texts(texts)
        if not texts:
            return torch.zeros((0, self.width), device=self.device)
        with self._lock:
            if self._encode_tokens is None:
                self._encode_tokens = self._load_text_encoder()
        parts = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            tokens = self.tokenize(texts[start : start + _TEXTS_AT_ONCE]).to(self.device)
            with torch.inference_mode():
                parts.append(self._encode_tokens(tokens).float())
        return Embeddings(functional.normalize(torch.cat(parts), dim=-1).clone()).vectors

    def _embeddings(self, features: torch.Tensor) -> Embeddings:
        """Un-normalised features [B, F], or [B, F + 1 + C] with prominence and classes, to checked embeddings.

        Copied, as inference tensors cannot be trained on.
        """
        prominence = classes = None
        if features.shape[1] > self.width:
            prominence, classes = features[:, self.width].clone(), features[:, self.width + 1 :].clone()
            features = features[:, : self.width]
        vectors = functional.normalize(features, dim=-1).clone()
        evidence = features.norm(dim=-1).clamp(max=1.0).clone() if self._norm_is_evidence else None
        return Embeddings(vectors, evidence, prominence, classes)


def _checked_texts(texts: Sequence[str]) -> list[str]:
    """The texts as a list, or an error that says what they are instead."""
    if isinstance(texts, str):
        raise EmbeddingError(
            f"expected a list of texts, got the single string {texts[:40]!r}: put it into a list"
        )
    texts = list(texts)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise EmbeddingError(f"expected texts as strings, got {type(text).__name__} at place {index}")
    return texts
