"""What an object decoder looks like: every setting of the authors' PrefixedIterDecoder that changes its arithmetic.

A frozen record that checks itself and derives sizes from its fields. It builds no network (`object_decoder.py`) and
knows no file (`authors_settings.py` reads the authors' names for these settings).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from novic_ros.decoding.errors import DecodingError

__all__ = ["Architecture"]

CHOICES = {
    "mlp_hidden_layer": ("none", "min", "max", "amean", "gmean"),
    "mlp_hidden_activation": ("gelu", "relu", "tanh"),
    "layer_activation": ("gelu", "relu", "tanh"),
    "rezero": ("none", "perskip", "perlayer"),
}
STEP = 64  # hidden layers of mean size, and quantised vocabularies, are multiples of it


@dataclass(frozen=True)
class Architecture:
    """Settings of an object decoder. The defaults are the released NOVIC configuration, except F, V and C.

    Raises DecodingError that names the field, what was expected and what came.
    """

    embed_dim: int  # F
    vocab_size: int  # V, end token included
    max_tokens: int  # C, the longest noun in tokens, end token included
    hidden_dim: int = 512  # E
    feedfwd_dim: int = 128
    num_layers: int = 6
    num_heads: int = 8  # H
    prefix_length: int = 4  # P
    dropout: float = 0.1  # while training only, in every layer
    input_dropout: float | None = None  # while training only, on the layers' input; None: as `dropout`
    mlp_hidden_layer: str = "none"  # how many units lie between the vector and the prefix; see `mlp_hidden_dim`
    mlp_hidden_bias: bool = False
    mlp_hidden_norm: bool = False
    mlp_hidden_activation: str = "gelu"
    layer_activation: str = "gelu"
    layer_norm_first: bool = True
    layer_bias: bool = False
    logits_bias: bool = False
    weight_tying: bool = True  # the output layer is the token table
    strictly_causal: bool = False  # prefix positions see only earlier ones
    vocab_quant: bool = False  # pad the token tables with zeros; see `table_rows`
    rezero: str = "none"  # a learnt factor on every residual branch, one per branch or one per layer

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in CHOICES:
                choices = CHOICES[field.name]
                if value not in choices:
                    raise DecodingError(f"decoder {field.name}: expected one of {', '.join(choices)}, got {value!r}")
            elif field.name in ("dropout", "input_dropout"):
                allowed = (field.name == "input_dropout" and value is None) or _is_share(value)
                if not allowed:
                    raise DecodingError(f"decoder {field.name}: expected 0 <= {field.name} < 1, got {value!r}")
            elif isinstance(field.default, bool):
                if not isinstance(value, bool):
                    raise DecodingError(f"decoder {field.name}: expected true or false, got {value!r}")
            elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise DecodingError(f"decoder {field.name}: expected a positive whole number, got {value!r}")
        if self.hidden_dim % self.num_heads:
            raise DecodingError(f"decoder hidden_dim: expected a multiple of num_heads = {self.num_heads}, "
                                f"got {self.hidden_dim}")
        if self.max_tokens < 2:
            raise DecodingError(f"decoder max_tokens: expected at least 2 (a token and the end), got {self.max_tokens}")
        if self.mlp_hidden_dim == 0:
            raise DecodingError(f"decoder mlp_hidden_layer: {self.mlp_hidden_layer} of {self.embed_dim} and "
                                f"{self.prefix_length * self.hidden_dim} rounds to 0 units; expected wider vectors")

    @property
    def mlp_hidden_dim(self) -> int | None:
        """Units of the hidden layer between the vector and the prefix; None where there is none.

        The least, greatest, arithmetic or geometric mean of its input width F and its output width P * E; both means
        are rounded to a multiple of 64.
        """
        wide = self.prefix_length * self.hidden_dim
        if self.mlp_hidden_layer == "none":
            return None
        if self.mlp_hidden_layer == "min":
            return min(self.embed_dim, wide)
        if self.mlp_hidden_layer == "max":
            return max(self.embed_dim, wide)
        mean = (self.embed_dim + wide) // 2 if self.mlp_hidden_layer == "amean" else math.sqrt(self.embed_dim * wide)
        return STEP * round(mean / STEP)

    @property
    def table_rows(self) -> int:
        """Rows of the token tables: V, or V rounded up to a multiple of 64 (the surplus rows are zero)."""
        return -(-self.vocab_size // STEP) * STEP if self.vocab_quant else self.vocab_size

    @property
    def positions(self) -> int:
        """Positions that the layers ever see: P + C - 1, as the end token is never read."""
        return self.prefix_length + self.max_tokens - 1


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1
