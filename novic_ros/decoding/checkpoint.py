"""The slim format of an object decoder: one folder with `decoder.safetensors` and `decoder.json`.

The tensors are the weights (any float type on disk) and, as int32 arrays, the tokenised nouns and their trie, so that
nothing is tokenised at start-up. The JSON holds the architecture, the embedder's spec, the nouns, the token texts, the
checksum of the tensors and where they came from. Nothing in either file is ever executed. This file does not search,
and the authors' own format is elsewhere (`authors_format.py`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file

from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.decoding.tokens import TokenVocabulary

__all__ = ["Checkpoint", "load_slim", "save_slim", "write_in_place"]

FORMAT, VERSION = "novic_ros object decoder", 1
WEIGHTS, DESCRIPTION = "decoder.safetensors", "decoder.json"
FIELDS = ("embedder", "architecture", "sha256", "provenance", "tokenizer_size", "end_ids", "token_ids",
          "token_texts", "nouns")
TRIE_ARRAYS = [f.name for f in dataclasses.fields(NounTrie)]


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a decoder needs to speak, and where it comes from."""

    model: ObjectDecoder
    embedder_spec: str
    nouns: tuple[str, ...]  # [W], as they are published
    noun_tokens: tuple[tuple[int, ...], ...]  # [W], compact ids, each with the end token
    vocabulary: TokenVocabulary
    trie: NounTrie
    provenance: dict = field(default_factory=dict)


def save_slim(folder: str | Path, checkpoint: Checkpoint, dtype: torch.dtype = torch.float16) -> None:
    """Write both files; weights are stored in `dtype`. Existing files are replaced once the new ones are whole."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = checkpoint.model.state_dict()
    tensors = {f"model.{name}": tensor.to("cpu", dtype).contiguous() for name, tensor in state.items()}
    lengths = [len(tokens) for tokens in checkpoint.noun_tokens]
    flat = [token for tokens in checkpoint.noun_tokens for token in tokens]
    tensors["nouns.tokens"] = torch.tensor(flat, dtype=torch.int32)
    tensors["nouns.lengths"] = torch.tensor(lengths, dtype=torch.int32)
    tensors |= {f"trie.{name}": torch.from_numpy(getattr(checkpoint.trie, name)) for name in TRIE_ARRAYS}
    write_in_place(folder / WEIGHTS, lambda unfinished: save_file(tensors, unfinished))
    description = {
        "format": FORMAT,
        "version": VERSION,
        "embedder": checkpoint.embedder_spec,
        "architecture": dataclasses.asdict(checkpoint.model.arch),
        "sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
        "provenance": checkpoint.provenance,
        "tokenizer_size": checkpoint.vocabulary.tokenizer_size,
        "end_ids": list(checkpoint.vocabulary.end_ids),
        "token_ids": list(checkpoint.vocabulary.full_ids),
        "token_texts": list(checkpoint.vocabulary.pieces),
        "nouns": list(checkpoint.nouns),
    }
    text = json.dumps(description, ensure_ascii=False, indent=0) + "\n"
    write_in_place(folder / DESCRIPTION, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def write_in_place(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `path`, then put it in its place, so that no reader sees half of it.

    Raises DecodingError where the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode  # safetensors makes files that only their owner may read
        write(unfinished)
        unfinished.chmod(mode)
        unfinished.replace(path)
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors wrap what the system says
        raise DecodingError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def load_slim(folder: str | Path) -> Checkpoint:
    """Read a folder that `save_slim` wrote; weights come back as float32 in evaluation mode.

    Raises DecodingError that names the file, what was expected and what was found.
    """
    folder = Path(folder)
    description = _read_description(folder / DESCRIPTION)
    weights = folder / WEIGHTS
    try:
        blob = weights.read_bytes()
    except OSError as error:
        raise DecodingError(f"{weights}: expected the decoder's weights: {error.strerror}") from None
    found = hashlib.sha256(blob).hexdigest()
    if found != description["sha256"]:
        raise DecodingError(f"{weights}: expected the file with SHA-256 {str(description['sha256'])[:12]}..., found "
                            f"{found[:12]}... ({len(blob)} bytes); it is truncated or another version, copy it again")
    try:
        checkpoint = _assemble(description, load_tensors(blob))
    except (KeyError, TypeError, RuntimeError, ValueError, IndexError, SafetensorError) as error:
        raise DecodingError(f"{folder}: expected {DESCRIPTION} and {WEIGHTS} to fit together: {error}") from None
    _check(checkpoint, folder)
    return checkpoint


def _assemble(description: dict, tensors: dict[str, torch.Tensor]) -> Checkpoint:
    arch = Architecture(**description["architecture"])
    model = ObjectDecoder(arch, randomise=False)
    model.load_state_dict({name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")})
    ends = np.cumsum(tensors["nouns.lengths"].numpy()).tolist()
    flat = tensors["nouns.tokens"].tolist()
    noun_tokens = tuple(tuple(flat[begin:end]) for begin, end in zip([0, *ends[:-1]], ends))
    vocabulary = TokenVocabulary(tuple(description["token_ids"]), tuple(description["token_texts"]),
                                 tuple(description["end_ids"]), description["tokenizer_size"])
    trie = NounTrie(*(tensors[f"trie.{name}"].numpy() for name in TRIE_ARRAYS))
    return Checkpoint(model.eval(), description["embedder"], tuple(description["nouns"]), noun_tokens, vocabulary,
                      trie, description["provenance"])


def _read_description(path: Path) -> dict:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DecodingError(f"{path}: expected the description of an object decoder, found no such file; "
                            "give a model's name or a folder that holds one") from None
    except (OSError, ValueError) as error:
        raise DecodingError(f"{path}: expected the JSON description of an object decoder: {error}") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise DecodingError(f"{path}: expected the format {FORMAT!r}, found something else")
    if description.get("version") != VERSION:
        raise DecodingError(f"{path}: expected format version {VERSION}, found {description.get('version')!r}; "
                            "update novic_ros or export the decoder again")
    missing = set(FIELDS) - set(description)
    if missing:
        raise DecodingError(f"{path}: expected the fields {', '.join(sorted(missing))} too, they are missing")
    return description


def _check(checkpoint: Checkpoint, folder: Path) -> None:
    """Counts and ranges that the pieces must share, so that damage shows here and not in the middle of a search."""
    arch, trie = checkpoint.model.arch, checkpoint.trie
    pairs = [
        ("nouns and tokenised nouns", len(checkpoint.nouns), len(checkpoint.noun_tokens)),
        ("token texts and the architecture's vocab_size", len(checkpoint.vocabulary), arch.vocab_size),
    ]
    for what, first, second in pairs:
        if first != second:
            raise DecodingError(f"{folder}: expected as many {what}, found {first} and {second}")
    if int(trie.noun_at.max()) >= len(checkpoint.nouns) or int(trie.edge_token.max()) >= arch.vocab_size:
        raise DecodingError(f"{folder}: the trie names a noun or a token that does not exist; export the decoder again")
