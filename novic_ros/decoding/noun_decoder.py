"""The decoding library's face: a loaded object decoder with its guide list, vectors [B, F] in, nouns out.

Everything hard is elsewhere: the network in `object_decoder.py`, the search in `search.py`, files in `checkpoint.py`.
The guide list can be replaced while other threads decode: a new trie is built first and swapped in one assignment. Who
wants to say which list one call uses compiles a `Guide` and hands it to `decode`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from novic_ros.decoding.authors_format import FindTokenizer
from novic_ros.decoding.candidates import Found, Scorer
from novic_ros.decoding.checkpoint import Checkpoint
from novic_ros.decoding.conversion import encoder_tokenizer, read_checkpoint
from novic_ros.decoding.cpu_decoder import for_cpu
from novic_ros.decoding.cuda_decoder import CudaDecoder
from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.exhaustive import exhaustive_search
from novic_ros.decoding.generation import GenerationConfig
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.search import beam_search
from novic_ros.decoding.tokens import Tokenizer
from novic_ros.vocabulary import canonical

__all__ = ["Guide", "Hypothesis", "NounDecoder", "load"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hypothesis:
    """One noun that the decoder proposes for a vector.

    score: natural logarithm of the probability of its tokens, end token included; with a prior or a length exponent in
    the configuration, that logarithm corrected by them (`candidates.py`), which is no probability any more.
    """

    text: str
    score: float


@dataclass(frozen=True)
class Guide:
    """The nouns that a search may produce, ready for it; `compile_guide` makes one for its decoder only.

    newcomers: those outside the decoder's vocabulary, which it may name less well.
    """

    nouns: tuple[str, ...]
    trie: NounTrie
    newcomers: tuple[str, ...] = ()


def load(path: str | Path, device: str = "auto") -> NounDecoder:
    """Load a decoder from a folder in the slim format, or from an authors' `.train` or `.model` file.

    The nouns of such a file are tokenised while it loads, which takes seconds; `import_checkpoint` does it once and for
    all. Raises DecodingError.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    checkpoint = read_checkpoint(path)
    try:
        return NounDecoder(checkpoint, device)
    except (RuntimeError, AssertionError) as error:  # torch's words for a device that is not there
        raise DecodingError(f"device: expected auto, cpu or a CUDA device of this machine, got {device!r}: "
                            f"{str(error).splitlines()[0]}") from None


class NounDecoder:
    """Vectors [B, F] to nouns. Safe to use from several threads."""

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu",
                 find_tokenizer: FindTokenizer = encoder_tokenizer):
        """find_tokenizer: asked once, when a guide noun outside the vocabulary comes; by default the encoder's own."""
        self._checkpoint = checkpoint
        model = checkpoint.model.to(device).eval()
        kind = torch.device(device).type
        self._model = for_cpu(model) if kind == "cpu" else CudaDecoder(model) if kind == "cuda" else model
        self._turn = self._model.lock if isinstance(self._model, CudaDecoder) else contextlib.nullcontext()
        self._device = device
        self._row = {canonical(noun): row for row, noun in enumerate(checkpoint.nouns)}
        self._guide = Guide(checkpoint.nouns, checkpoint.trie)
        self._find_tokenizer = find_tokenizer
        self._tokenizer: Tokenizer | None = None

    @property
    def width(self) -> int:
        """F, the width of the vectors."""
        return self._model.arch.embed_dim

    @property
    def embedder_spec(self) -> str:
        """The embedder whose vectors this decoder was trained on."""
        return self._checkpoint.embedder_spec

    @property
    def nouns(self) -> tuple[str, ...]:
        """The vocabulary that the decoder was trained on."""
        return self._checkpoint.nouns

    @property
    def guide(self) -> tuple[str, ...]:
        """The nouns that the search may produce now."""
        return self._guide.nouns

    def knows(self, noun: str) -> bool:
        """Whether a noun, however it is spelled, is in the vocabulary that the decoder was trained on."""
        return canonical(noun) in self._row

    def set_guide(self, nouns: Sequence[str] | None) -> None:
        """Let the search produce only `nouns`; as `compile_guide`, with a warning for nouns outside the vocabulary.

        After a DecodingError the old guide list stays.
        """
        guide = self.compile_guide(nouns)
        if guide.newcomers:
            log.warning("%d guide nouns are outside the decoder's vocabulary and may be named less well: %s",
                        len(guide.newcomers), ", ".join(guide.newcomers[:20]))
        self._guide = guide

    def compile_guide(self, nouns: Sequence[str] | None) -> Guide:
        """A guide of `nouns`, spelled as given, for `decode`; None means the whole vocabulary. Changes nothing.

        A noun outside the vocabulary is allowed if its tokens are known. Raises one DecodingError that names every
        noun that is repeated, too long or cannot be written in the decoder's tokens.
        """
        checkpoint = self._checkpoint
        if nouns is None:
            return Guide(checkpoint.nouns, checkpoint.trie)
        rows, complaints, foreign = [], [], []
        seen: set[str] = set()
        for noun in nouns:
            key = canonical(noun)
            if key in seen:
                complaints.append(f"{noun!r} is there twice")
            elif key in self._row:
                rows.append(checkpoint.noun_tokens[self._row[key]])
            else:
                tokens = self._encode(key)
                if tokens is None:
                    complaints.append(f"{noun!r} needs tokens that the decoder never learned")
                elif len(tokens) > self._model.arch.max_tokens:
                    complaints.append(f"{noun!r} has {len(tokens)} tokens, at most {self._model.arch.max_tokens} fit")
                else:
                    foreign.append(noun)
                    rows.append(tokens)
            seen.add(key)
        if complaints:
            shown = "; ".join(complaints[:20]) + (f"; and {len(complaints) - 20} more" if len(complaints) > 20 else "")
            raise DecodingError(f"guide list: expected distinct nouns that the decoder can write, but {shown}")
        return Guide(tuple(nouns), NounTrie.build(rows), tuple(foreign))

    def decode(self, vectors: torch.Tensor, gencfg: str = "beam_k10_vnone_gp_t1_a0",
               guide: Guide | None = None) -> list[list[Hypothesis]]:
        """Unit vectors float32 [B, F] -> at most k hypotheses each, best first, from `guide` or else the guide list.

        Raises DecodingError for vectors of another shape or with values that are not finite, and for a configuration
        name that cannot be read or is not offered.
        """
        config = GenerationConfig.parse(gencfg)
        if vectors.ndim != 2 or vectors.shape[1] != self.width:
            raise DecodingError(f"decode: expected vectors [B, {self.width}], got {list(vectors.shape)}")
        if not bool(torch.isfinite(vectors).all()):
            raise DecodingError("decode: expected finite vectors, got NaN or infinity")
        guide = guide or self._guide
        find = exhaustive_search if config.method == "all" else beam_search
        with self._turn:
            found = find(self._model, vectors.to(self._device, torch.float32),
                         Scorer(config, guide.trie, self._checkpoint.trie))
        return [self._hypotheses(rows, guide.nouns) for rows in found]

    def _hypotheses(self, rows: Sequence[Found], nouns: Sequence[str]) -> list[Hypothesis]:
        """Texts for what was found; of free sequences that spell the same text, the best stays."""
        best: dict[str, Hypothesis] = {}
        for one in rows:
            text = nouns[one.noun] if one.noun >= 0 else self._checkpoint.vocabulary.text(one.tokens)
            best.setdefault(text, Hypothesis(text, one.value))
        return list(best.values())

    def _encode(self, key: str) -> list[int] | None:
        """A noun outside the vocabulary -> compact ids with the end token, or None."""
        if not key:
            return None
        vocabulary = self._checkpoint.vocabulary
        if self._tokenizer is None:
            self._tokenizer = self._find_tokenizer(self.embedder_spec, vocabulary.tokenizer_size, vocabulary.end_ids)
        return vocabulary.compact(self._tokenizer.content_tokens([key])[0])

