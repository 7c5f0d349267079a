"""Object decoders from and to files of either format: our folders, and the authors' `.train` and `.model` files.

Joins the two formats and finds the tokenizer that an authors' file needs, through the embedding library's door. The
formats themselves are in `checkpoint.py`, `authors_format.py` and `authors_export.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from novic_ros.decoding.authors_export import write_authors
from novic_ros.decoding.authors_format import FindTokenizer, read_authors
from novic_ros.decoding.checkpoint import DESCRIPTION, Checkpoint, load_slim, save_slim
from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.tokens import Tokenizer

__all__ = ["encoder_tokenizer", "export_checkpoint", "import_checkpoint", "read_checkpoint"]


def encoder_tokenizer(spec: str, size: int, special_ids: Sequence[int]) -> Tokenizer:
    """CLIP's byte pairs where size and special ids are theirs, else the tokenizer of the encoder, from folder or hub.

    Raises DecodingError.
    """
    from novic_ros.embedding import EmbeddingError, load_tokenizer  # only here: folders need no tokenizer

    try:
        return load_tokenizer(spec, size, special_ids)
    except EmbeddingError as error:
        raise DecodingError(f"the tokenizer of its nouns is not at hand: {error}") from error


def read_checkpoint(path: str | Path, find_tokenizer: FindTokenizer = encoder_tokenizer) -> Checkpoint:
    """Read a folder in the slim format, or an authors' file, whose nouns are then tokenised, which takes seconds.

    find_tokenizer: gives the tokenizer for (encoder's spec, number of ids, ids that end or pad).

    Raises DecodingError.
    """
    path = Path(path)
    if path.is_file() or (path.suffix in (".train", ".model") and not path.is_dir()):
        return read_authors(path, find_tokenizer)
    return load_slim(path)


def import_checkpoint(file: str | Path, folder: str | Path, half: bool = False, replace: bool = False,
                      find_tokenizer: FindTokenizer = encoder_tokenizer) -> Checkpoint:
    """Turn an authors' file into a folder, and return what is in it.

    half: store the weights in 16 bits, which halves the file and changes them a little.
    replace: overwrite a decoder that the folder holds already.
    find_tokenizer: as for `read_checkpoint`.

    Raises DecodingError: a file that cannot be used, or a folder that cannot be written or holds a decoder.
    """
    folder = Path(folder)
    if (folder / DESCRIPTION).exists() and not replace:
        raise DecodingError(f"{folder}: expected a folder without a decoder, found {DESCRIPTION} in it; choose another "
                            "folder, or say that it may be replaced")
    checkpoint = read_authors(file, find_tokenizer)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DecodingError(f"{folder}: cannot be made: {error.strerror}") from None
    save_slim(folder, checkpoint, torch.float16 if half else torch.float32)
    return checkpoint


def export_checkpoint(folder: str | Path, file: str | Path, embedder_spec: str | None = None,
                      replace: bool = False) -> Checkpoint:
    """Turn a folder into an authors' file (`.train`, or `.model` without the state of a training), and return it.

    embedder_spec: the encoder as the authors name it, where the decoder names it otherwise.
    replace: overwrite a file that is there already.

    Raises DecodingError: a folder that cannot be used, or a file that cannot be written or is there.
    """
    file = Path(file)
    if file.exists() and not replace:
        raise DecodingError(f"{file}: expected no such file yet, found one; choose another name, or say that it may be "
                            "replaced")
    checkpoint = load_slim(folder)
    write_authors(file, checkpoint, embedder_spec)
    return checkpoint
