"""Tokenizers without their encoders: texts to token ids, and ids back to texts.

Wraps the two kinds of tokenizers that open_clip hands out, its own byte pairs and those of the transformers library,
so that a noun decoder can be given the tokens of its nouns with no weights read. NOT what feeds the text encoder:
`Embedder.tokenize` adds start, end and padding. Where tokenizers come from is told in `loading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from novic_ros.embedding.errors import EmbeddingError

__all__ = ["CLIP_END", "CLIP_SIZE", "Tokenizer"]

CLIP_SIZE, CLIP_END = 49408, 49407  # how many ids CLIP's byte pairs have, and the one that ends a text
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Tokenizer:
    """A tokenizer of open_clip's.

    Attributes:
        size: how many ids it has.
        end_id: the id that ends a text.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._is_byte_pairs = hasattr(tokenizer, "encode")  # open_clip's own
        if self._is_byte_pairs:
            self.size, self.end_id = tokenizer.vocab_size, tokenizer.eot_token_id
        else:
            inner = tokenizer.tokenizer
            self.size = len(inner)
            self.end_id = inner.sep_token_id if inner.eos_token_id is None else inner.eos_token_id

    def content_tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Texts, cleaned as for the encoder, to the ids of their words: no start, end or padding, nothing cut off."""
        if self._is_byte_pairs:
            return [self._tokenizer.encode(text) for text in texts]
        cleaned = [self._tokenizer.clean_fn(text) for text in texts]
        return self._tokenizer.tokenizer(cleaned, add_special_tokens=False)["input_ids"] if cleaned else []

    def pieces(self, ids: Iterable[int]) -> dict[int, str]:
        """Each id's text, with a blank where a word begins or ends: joined, they spell the text of a row of ids.

        Raises:
            EmbeddingError: an id that the tokenizer does not have.
        """
        ids = list(ids)
        for one in ids:
            if not 0 <= one < self.size:
                raise EmbeddingError(f"expected token ids from 0 to {self.size - 1}, got {one}")
        if self._is_byte_pairs:
            alphabet, spelled = self._tokenizer.byte_decoder, self._tokenizer.decoder
            return {one: _from_letters(spelled[one], alphabet) for one in ids}
        inner = self._tokenizer.tokenizer
        read = _reader(inner.get_vocab())
        return {one: read(str(inner.convert_ids_to_tokens(one))) for one in ids}


def _reader(vocabulary: dict[str, int]) -> Callable[[str], str]:
    """How to turn a token as it is spelled in a vocabulary into its text, told by how that vocabulary marks words."""
    if any(token.endswith("</w>") or token.startswith("Ġ") for token in vocabulary):
        from open_clip.tokenizer import bytes_to_unicode

        alphabet = {letter: byte for byte, letter in bytes_to_unicode().items()}
        return lambda token: _from_letters(token, alphabet)
    if any(token.startswith("##") for token in vocabulary):
        return lambda token: token[2:] if token.startswith("##") else " " + token
    return lambda token: _BYTE.sub(lambda byte: chr(int(byte[1], 16)), token.replace("▁", " "))


def _from_letters(token: str, alphabet: dict[str, int]) -> str:
    """A token of a table whose letters stand for bytes, as text; CLIP's `</w>` at its end is a blank."""
    word_ends = token.endswith("</w>")
    letters = token.removesuffix("</w>")
    if not all(letter in alphabet for letter in letters):  # a special token, spelled out
        return token
    return bytes(alphabet[letter] for letter in letters).decode("utf-8", "replace") + (" " if word_ends else "")
