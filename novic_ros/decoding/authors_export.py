"""A `Checkpoint` into a file that the authors' own code loads (`.train` or `.model`).

What came from such a file (all settings, the data configuration, the invalid nouns before the first) is written as it
was; what did not is filled in with the values of the released runs, and its nouns are written in canonical form, as
their tokens spell them. `authors_format.py` reads such files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from novic_ros.decoding.authors_format import PROVENANCE, TOKEN_TYPES
from novic_ros.decoding.authors_settings import RELEASED_SETTINGS, causality_mask, settings_of, tensors_of
from novic_ros.decoding.authors_training import training_parts
from novic_ros.decoding.checkpoint import Checkpoint, write_in_place
from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.decoding.tokens import END
from novic_ros.vocabulary import canonical

__all__ = ["write_authors"]

CLIP_SIZE = 49408  # ids of CLIP's byte pairs, the last of which ends a text
ENCODER_KINDS = ("openai:", "openclip:", "transformers:")
# For decoders that were not trained by the authors' code: one target per vector, int64 tokens, masks.
DATA: dict[str, Any] = {
    "use_weights": False, "unit_weights": True, "multi_target": False, "multi_first": False, "full_targets": True,
    "fixed_multi_length": True, "multi_length": 1,
}  # fmt: skip
TARGET = {"token_dtype": "int64", "fixed_token_length": False, "use_masks": True}


def write_authors(path: str | Path, checkpoint: Checkpoint, embedder_spec: str | None = None) -> None:
    """Write the file; with a name that ends in `.model` it lacks the state of a training, which starts anew.

    An existing file is replaced. embedder_spec: the encoder's name as the authors write it, where it is not the
    checkpoint's own.

    Raises DecodingError for another ending, an encoder that the authors' code cannot name, a tokenizer of unknown size,
    or a path that cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".train", ".model"):
        raise DecodingError(f"{path}: expected a name that ends in .train or .model")
    spec = embedder_spec or checkpoint.embedder_spec
    if not spec.startswith(ENCODER_KINDS):
        raise DecodingError(f"{path}: expected an encoder that the authors' code knows (openclip:NAME, openai:NAME or "
                            f"transformers:NAME), found {spec!r}; name the same encoder in their way")
    kept = _kept(checkpoint)
    state = _state(checkpoint.model)
    settings = dict(kept["settings"])  # in its order
    settings.update({key: value for key, value in RELEASED_SETTINGS.items() if key not in settings})
    settings.update(settings_of(checkpoint.model.arch), embedder_spec=spec)
    spelled = kept["settings"].get("feedfwd_scale")
    if spelled is not None and Fraction(spelled) == Fraction(settings["feedfwd_scale"]):
        settings["feedfwd_scale"] = spelled  # the authors may have written 0.25 for 1/4
    content = {
        "cfg_flat": settings,
        "target_config": _target(checkpoint, kept["target"]),
        "data_config": kept["data"],
        "model_state_dict": state,
        "target_nouns": (*kept["invalid_nouns"], *_nouns(checkpoint)),
        "num_invalid_target_nouns": len(kept["invalid_nouns"]),
    }
    if path.suffix == ".train":
        content |= training_parts(settings, state)
    write_in_place(path, lambda unfinished: _save(content, unfinished))


def _nouns(checkpoint: Checkpoint) -> Iterable[str]:
    """As the authors' tokenizer must read them: what came from them unchanged, others in canonical form, each once."""
    if PROVENANCE in checkpoint.provenance:
        return checkpoint.nouns
    return dict.fromkeys(canonical(noun) for noun in checkpoint.nouns)


def _save(content: dict[str, Any], path: Path) -> None:
    with open(path, "wb") as file:  # by name, torch would write that name into the file
        torch.save(content, file)


def _kept(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the provenance keeps of an authors' checkpoint, filled up."""
    kept = checkpoint.provenance.get(PROVENANCE, {})
    full = {"settings": {}, "target": TARGET, "data": DATA, "invalid_nouns": []}
    if not isinstance(kept, dict) or not all(isinstance(kept.get(key, value), type(value))
                                             for key, value in full.items()):
        raise DecodingError(f"expected the provenance's part {PROVENANCE!r} as it was imported, found it changed; "
                            "import the checkpoint again")
    return full | kept


def _target(checkpoint: Checkpoint, kept: Mapping[str, Any]) -> dict[str, Any]:
    vocabulary, arch = checkpoint.vocabulary, checkpoint.model.arch
    size = vocabulary.tokenizer_size
    if not size and vocabulary.full_ids[END] == CLIP_SIZE - 1 >= max(vocabulary.full_ids):
        size = CLIP_SIZE  # decoders that were saved before the size was kept
    if not size:
        raise DecodingError("expected to know how many ids the tokenizer has, but this decoder was saved before that "
                            "was kept; import or train it again")
    dtype = TOKEN_TYPES[kept["token_dtype"]]
    back = torch.tensor(vocabulary.full_ids, dtype=dtype)
    into = torch.full((size,), -1, dtype=dtype)
    into[back[1:].long()] = torch.arange(1, len(back), dtype=dtype)
    into[list(vocabulary.end_ids)] = END
    return {
        "vocab_size": arch.vocab_size, "token_dtype": dtype, "mask_dtype": torch.bool, "start_token_id": None,
        "end_token_id": END, "pad_token_id": END, "compact_ids": True, "compact_map": into, "compact_unmap": back,
        "fixed_token_length": kept["fixed_token_length"], "token_length": arch.max_tokens,
        "use_masks": kept["use_masks"],
    }  # fmt: skip


def _state(model: ObjectDecoder) -> OrderedDict[str, torch.Tensor]:
    """The network's tensors under the authors' names, float32 on the CPU, each with memory of its own."""
    ours = model.state_dict()
    state = OrderedDict(causality_mask=causality_mask(model.arch))
    for name, tensor in tensors_of(model.arch).items():
        for their in tensor.names:
            state[their] = ours[name].detach().to("cpu", torch.float32, copy=True).contiguous()
    return state
