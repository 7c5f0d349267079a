"""The compact token vocabulary of an object decoder: only the tokens that its nouns use (NOVIC, section 3.2).

Compact id 0 is the end token (and padding); ids 1..V-1 are the tokenizer's used ids in rising order. This is NOT a
tokenizer: it maps between a tokenizer's ids and compact ids, and writes compact ids back as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from novic_ros.decoding.errors import DecodingError

__all__ = ["END", "TokenVocabulary", "Tokenizer"]

END = 0


class Tokenizer(Protocol):
    """What the decoding library needs of the text encoder's tokenizer (the embedding library has them)."""

    size: int  # its ids are 0..size-1
    end_id: int

    def content_tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Texts -> ids of their words alone: no start, end or padding, nothing cut off."""

    def pieces(self, ids: Iterable[int]) -> dict[int, str]:
        """Ids -> their texts, with a blank where a word begins or ends."""


@dataclass(frozen=True)
class TokenVocabulary:
    """full_ids[v] is the tokenizer's id of compact id v, pieces[v] its text, with a blank where a word ends or begins.

    end_ids: every tokenizer id that means compact id 0 (end and padding may differ); by default full_ids[0] alone.
    tokenizer_size: how many ids the tokenizer has, or 0 where that is not known.
    """

    full_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    end_ids: tuple[int, ...] = ()
    tokenizer_size: int = 0
    _compact: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if len(self.full_ids) != len(self.pieces) or not self.pieces:
            raise DecodingError(f"token vocabulary: expected as many texts as ids and at least the end token, "
                                f"got {len(self.pieces)} texts and {len(self.full_ids)} ids")
        if not self.end_ids:
            object.__setattr__(self, "end_ids", (self.full_ids[END],))
        object.__setattr__(self, "_compact", {full: v for v, full in enumerate(self.full_ids) if v != END})

    def __len__(self) -> int:
        return len(self.full_ids)

    @classmethod
    def of(cls, token_lists: Iterable[Sequence[int]], piece_of: Mapping[int, str], end_id: int,
           tokenizer_size: int = 0) -> TokenVocabulary:
        """The vocabulary of all ids in `token_lists` (no start, end or padding among them).

        piece_of: tokenizer id -> its text; CLIP's `</w>` at word ends and SentencePiece's `▁` at word beginnings
        become blanks.
        """
        used = sorted({token for tokens in token_lists for token in tokens})
        pieces = ("", *(with_blanks(piece_of[token]) for token in used))
        return cls((end_id, *used), pieces, (end_id,), tokenizer_size)

    def compact(self, full_ids: Sequence[int]) -> list[int] | None:
        """A noun's tokenizer ids -> compact ids with the end token, or None if some token is not in the vocabulary."""
        ids = [self._compact.get(token, -1) for token in full_ids]
        return None if not ids or -1 in ids else [*ids, END]

    def text(self, compact_ids: Sequence[int]) -> str:
        """Compact ids, up to the first end token, as text with single blanks."""
        pieces = []
        for token in compact_ids:
            if token == END:
                break
            pieces.append(self.pieces[token])
        return " ".join("".join(pieces).split())


def with_blanks(piece: str) -> str:
    """A token as a byte-pair or SentencePiece table spells it -> its text with a blank at the word's border."""
    return piece.replace("</w>", " ").replace("▁", " ")
