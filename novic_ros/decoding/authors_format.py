"""Checkpoints of the authors' own code (`.train` and `.model` files) into a `Checkpoint`.

Such a file is a PyTorch zip archive that holds a dictionary: settings, the target tokenisation, the nouns and the
network's tensors; a `.train` file also holds what the authors need to resume training. It is read with
`weights_only=True`, so that nothing in it is ever executed, and only what a decoder needs is taken. The nouns in it are
plain text: they are tokenised once, here. This is NOT our own format (`checkpoint.py`); `authors_export.py` goes the
other way.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from novic_ros.decoding.authors_settings import architecture_of, causality_mask, tensors_of
from novic_ros.decoding.checkpoint import Checkpoint
from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.decoding.tokens import END, Tokenizer, TokenVocabulary

__all__ = ["DATA_FIELDS", "PROVENANCE", "TOKEN_TYPES", "FindTokenizer", "read_authors"]

log = logging.getLogger(__name__)

#: (encoder's spec, how many ids its tokenizer has, the ids that end or pad) -> the tokenizer
FindTokenizer = Callable[[str, int, Sequence[int]], Tokenizer]
PROVENANCE = "authors"  # where a Checkpoint's provenance keeps what only the authors' code needs

DATA_FIELDS = ("use_weights", "unit_weights", "multi_target", "multi_first", "full_targets", "fixed_multi_length",
               "multi_length")  # fmt: skip
TARGET_FIELDS = {
    "vocab_size", "token_dtype", "mask_dtype", "start_token_id", "end_token_id", "pad_token_id", "compact_ids",
    "compact_map", "compact_unmap", "fixed_token_length", "token_length", "use_masks",
}  # fmt: skip
TARGET_VALUES = {"compact_ids": True, "start_token_id": None, "end_token_id": END, "pad_token_id": END}
TOKEN_TYPES = {"int64": torch.int64, "int32": torch.int32}
# What zipfile and torch raise for an archive that is damaged inside, or that asks for code.
READ_ERRORS = (RuntimeError, OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError, EOFError,
               OverflowError, pickle.UnpicklingError, zipfile.BadZipFile, struct.error, zlib.error)  # fmt: skip


def read_authors(path: str | Path, find_tokenizer: FindTokenizer) -> Checkpoint:
    """Read a `.train` or `.model` file; the decoder comes back in float32 and evaluation mode.

    Raises DecodingError that names the file, what was expected and what was found: another kind of file, a damaged one,
    one that would execute code, another network, missing parts, tensors that do not fit, nouns that its tokenizer does
    not spell in its tokens.
    """
    path = Path(path)
    content = _open(path)
    try:
        return _checkpoint(content, find_tokenizer, {"file": path.name, "sha256": _checksum(path)})
    except DecodingError as error:
        raise DecodingError(f"{path}: {error}") from error


def _open(path: Path) -> dict[str, Any]:
    """The file's dictionary, its tensors mapped into memory and not yet read."""
    expected = f"{path}: expected a checkpoint of NOVIC (.train or .model, a PyTorch zip archive)"
    try:
        size = path.stat().st_size
        is_archive = zipfile.is_zipfile(path)
        damaged = None
        if is_archive:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
    except FileNotFoundError:
        raise DecodingError(f"{expected}, found no such file") from None
    except READ_ERRORS as error:
        raise DecodingError(f"{expected}, cannot read it ({_reason(error)}): copy it again") from None
    if not is_archive:
        raise DecodingError(f"{expected}, found {size} bytes that are none: it is cut off or another kind of file")
    if damaged:
        raise DecodingError(f"{expected}, found damage in its part {damaged}: copy it again")
    try:
        content = torch.load(str(path), map_location="cpu", weights_only=True, mmap=True)
    except READ_ERRORS as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        if code:
            raise DecodingError(f"{expected} that holds data alone, found one that asks for the code {code[1]}; "
                                "nothing of it was run") from None
        raise DecodingError(f"{expected}, found an archive that torch cannot read ({_reason(error)})") from None
    if not isinstance(content, dict):
        raise DecodingError(f"{expected}, found a {type(content).__name__} in it and no dictionary")
    return content


def _checkpoint(content: Mapping[str, Any], find_tokenizer: FindTokenizer, origin: dict[str, str]) -> Checkpoint:
    settings = _part(content, "cfg_flat", dict)
    target = _part(content, "target_config", dict)
    state = {key.removeprefix("_orig_mod."): value for key, value in _part(content, "model_state_dict", dict).items()}
    nouns = _nouns(content)
    full_ids, end_ids, tokenizer_size = _compaction(target)
    arch = architecture_of(settings, _embed_dim(state), len(full_ids), target["token_length"])
    model = _model(arch, state)
    spec = settings.get("embedder_spec")
    if not isinstance(spec, str):
        raise DecodingError(f"expected the setting embedder_spec as text, found {spec!r}")

    tokenizer = find_tokenizer(spec, tokenizer_size, end_ids)
    if tokenizer.size != tokenizer_size or tokenizer.end_id not in end_ids:
        raise DecodingError(f"expected a tokenizer of {tokenizer_size} ids with an end token of {list(end_ids)}, got "
                            f"one of {tokenizer.size} ids with {tokenizer.end_id}: it belongs to another encoder")
    piece_of = tokenizer.pieces(full_ids[1:])
    vocabulary = TokenVocabulary(full_ids, ("", *(piece_of[one] for one in full_ids[1:])), end_ids, tokenizer_size)
    rows = _tokenised(nouns, tokenizer, vocabulary, arch.max_tokens)

    kept = {
        "settings": settings,
        "target": {"token_dtype": str(target["token_dtype"]).removeprefix("torch."),
                   "fixed_token_length": target["fixed_token_length"], "use_masks": target["use_masks"]},
        "invalid_nouns": content["target_nouns"][:content["num_invalid_target_nouns"]],
    }
    data = content.get("data_config")
    if isinstance(data, dict) and set(data) == set(DATA_FIELDS):  # a decoder does not need it
        kept["data"] = data
    provenance = {"made_by": "the authors' code", **origin, PROVENANCE: _plain(kept, "the checkpoint")}
    return Checkpoint(model, spec, nouns, rows, vocabulary, NounTrie.build(rows), provenance)


def _part(content: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    if key not in content:
        hint = "; the authors' action fix_checkpoints adds it" if "target_nouns" in key else ""
        raise DecodingError(f"expected the part {key}, found only {', '.join(map(str, content)) or 'none'}{hint}")
    value = content[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DecodingError(f"expected {key} as {getattr(kind, '__name__', 'a list')}, found {type(value).__name__}")
    if isinstance(value, dict) and not all(isinstance(name, str) for name in value):
        raise DecodingError(f"expected text as the keys of {key}, found others among them")
    return value


def _nouns(content: Mapping[str, Any]) -> tuple[str, ...]:
    nouns = _part(content, "target_nouns", (tuple, list))
    invalid = _part(content, "num_invalid_target_nouns", int)
    if not all(isinstance(noun, str) for noun in nouns):
        raise DecodingError("expected every target noun as text, found others among them")
    if not 0 <= invalid < len(nouns):
        raise DecodingError(f"expected a valid noun, found {len(nouns)} of which the first {invalid} are not")
    return tuple(nouns[invalid:])


def _compaction(target: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Their target configuration -> (tokenizer id of each compact id, ids that mean the end, size of the tokenizer)."""
    if set(target) != TARGET_FIELDS:
        missing, extra = sorted(TARGET_FIELDS - set(target)), sorted(set(target) - TARGET_FIELDS)
        raise DecodingError(f"target_config: expected exactly its {len(TARGET_FIELDS)} fields, found {_some(missing)} "
                            f"missing and {_some(extra)} unknown; update novic_ros")
    for field, wanted in TARGET_VALUES.items():
        if target[field] != wanted or isinstance(target[field], bool) != isinstance(wanted, bool):
            raise DecodingError(f"target_config: expected {field} = {wanted}, found {target[field]!r}")
    if target["token_dtype"] not in TOKEN_TYPES.values():
        raise DecodingError(f"target_config: expected token_dtype int64 or int32, found {target['token_dtype']!r}")
    for field in ("compact_map", "compact_unmap"):
        value = target[field]
        whole = isinstance(value, torch.Tensor) and value.dtype in TOKEN_TYPES.values() and value.is_contiguous()
        if not whole or value.ndim != 1 or not len(value):
            raise DecodingError(f"target_config: expected {field} as a row of whole numbers, found {_kind(value)}")
    into, back = target["compact_map"].long(), target["compact_unmap"].long()
    rebuilt = torch.full_like(into, -1)
    ends = torch.nonzero(into == END).flatten()
    fits = len(back) == target["vocab_size"] and 0 <= int(back.min()) and int(back.max()) < len(into)
    if fits:
        rebuilt[back[1:]] = torch.arange(1, len(back))
        rebuilt[ends] = END
    if not fits or not torch.equal(rebuilt, into) or int(back[0]) not in ends.tolist():
        raise DecodingError(f"target_config: expected compact_map [{len(into)}] and compact_unmap [{len(back)}] to be "
                            f"inverse to each other, with vocab_size = {target['vocab_size']!r}; they are not")
    return tuple(back.tolist()), tuple(ends.tolist()), len(into)


def _embed_dim(state: Mapping[str, Any]) -> int:
    """F, which only the first tensor tells."""
    first = state.get("embed_mlp.mlp.0.weight")
    if not isinstance(first, torch.Tensor) or first.ndim != 2:
        raise DecodingError(f"expected the tensor embed_mlp.mlp.0.weight [units, F], found {_kind(first)}")
    return first.shape[1]


def _model(arch: Architecture, state: Mapping[str, Any]) -> ObjectDecoder:
    """The network with the weights in it, after checking that they fit it exactly."""
    if arch.num_layers > len(state):
        raise DecodingError(f"expected tensors for {arch.num_layers} layers, found {len(state)} tensors in all")
    tensors = tensors_of(arch)
    shapes = {name: tensor.shape for tensor in tensors.values() for name in tensor.names}
    shapes["causality_mask"] = (arch.positions, arch.positions)
    missing, extra = [name for name in shapes if name not in state], [name for name in state if name not in shapes]
    if missing or extra:
        raise DecodingError(f"expected the tensors of {_described(arch)}, found {_some(missing)} missing and "
                            f"{_some(extra)} unknown: the settings do not belong to the weights")
    for name, shape in shapes.items():
        tensor = state[name]
        floats = isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.is_contiguous()
        if not floats or tuple(tensor.shape) != shape:
            raise DecodingError(f"expected the tensor {name} with shape {list(shape)} in {_described(arch)}, found "
                                f"{_kind(tensor)}")
        if name != "causality_mask" and not bool(torch.isfinite(tensor).all()):
            raise DecodingError(f"expected finite weights, found NaN or infinity in {name}")
    if not torch.equal(state["causality_mask"].float(), causality_mask(arch)):
        raise DecodingError(f"expected the causality_mask of strictly_causal = {arch.strictly_causal}, found another")
    for tensor in tensors.values():
        if not torch.equal(state[tensor.names[0]], state[tensor.names[-1]]):
            raise DecodingError(f"expected {' and '.join(tensor.names)} to be one tensor, they differ")
    for name in ("tokens.weight", "output.weight", "output_bias"):
        if name in tensors and bool((state[tensors[name].names[0]][arch.vocab_size:] != 0).any()):
            raise DecodingError(f"expected zeros from row {arch.vocab_size} on in {tensors[name].names[0]} "
                                "(vocab_quant), found others")
    model = ObjectDecoder(arch, randomise=False)
    model.load_state_dict({ours: state[tensor.names[0]] for ours, tensor in tensors.items()})
    return model.eval()


def _tokenised(nouns: Sequence[str], tokenizer: Tokenizer, vocabulary: TokenVocabulary,
               max_tokens: int) -> tuple[tuple[int, ...], ...]:
    """Compact ids of every noun; one that is longer than any in training was is cut, as the authors' tokenizer does."""
    rows, foreign, cut = [], [], []
    for noun, ids in zip(nouns, tokenizer.content_tokens(nouns)):
        if len(ids) >= max_tokens:
            cut.append(noun)
        row = vocabulary.compact(ids[:max_tokens - 1])
        if row is None:
            foreign.append(noun)
        else:
            rows.append(tuple(row))
    if foreign:
        raise DecodingError(f"expected all {len(nouns)} nouns in the checkpoint's {len(vocabulary)} tokens, but "
                            f"{len(foreign)} cannot be written in them, the first is {foreign[0]!r}: the tokenizer "
                            "belongs to another encoder")
    if cut:
        log.warning("%d nouns have more than %d tokens and were cut: %s", len(cut), max_tokens - 1, _some(cut))
    return tuple(rows)


def _described(arch: Architecture) -> str:
    return (f"a decoder with hidden_dim {arch.hidden_dim}, feed-forward {arch.feedfwd_dim}, {arch.num_layers} layers, "
            f"{arch.vocab_size} tokens and token_length {arch.max_tokens}")


def _kind(value: object) -> str:
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, torch.Tensor) else f"{type(value).__name__}"


def _some(names: Sequence[str]) -> str:
    if not names:
        return "none"
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _reason(error: Exception) -> str:
    """An error's kind and the last line of its text."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1][:200]}" if lines else type(error).__name__


def _plain(value: Any, where: str) -> Any:
    """Settings as JSON can hold them."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, f"{where}, {key}") for key, item in value.items()}
    raise DecodingError(f"{where}: expected plain settings, found a {type(value).__name__}")


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
