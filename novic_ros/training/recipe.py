"""A training recipe: everything that decides what an object decoder learns from a given cache, in one checked record.

Read from a YAML file (`recipes/` holds the published ones) and changed by `field=value` words. Every complaint about a
recipe names its field and what was expected there, and all complaints come at once. A recipe trains nothing, and knows
neither caches nor devices.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

import yaml

from novic_ros.decoding.architecture import CHOICES, Architecture
from novic_ros.decoding.errors import DecodingError
from novic_ros.training.noise import SCHEMES

__all__ = ["PRECISIONS", "Recipe", "RecipeError", "find_recipe", "known_recipes", "parse_setting"]

FOLDER = Path(__file__).parent / "recipes"
PRECISIONS = ("float32", "tf32", "bfloat16")
STARTS = ("random", "near_nouns")
NEAR_NOUNS = {"mlp_hidden_layer": "none", "weight_tying": True, "vocab_quant": False, "layer_norm_first": True}
NETWORK = tuple(field.name for field in dataclasses.fields(Architecture)
                if field.name not in ("embed_dim", "vocab_size", "max_tokens"))  # fmt: skip


class RecipeError(ValueError):
    """A recipe cannot be used; the message names every field, what was expected and what was found."""


@dataclass(frozen=True)
class Recipe:
    """How a decoder is trained. Fields without a default must be given. Raises RecipeError with every complaint.

    A micro-batch is `batch_size` vectors; `accumulation` of them make one step of the optimiser. The learning rate
    changes with the chunk: `chunk_scale` vectors per noun, in micro-batches (see `schedule.py`).
    """

    name: str
    # how long
    batch_size: int
    accumulation: int
    epochs: int
    chunk_scale: float
    # how fast: AdamW; matrices decay, all else does not
    learning_rate: float
    beta1: float
    beta2: float
    weight_decay: float
    clip_norm: float
    # noise on the vectors, by the authors' names, see `noise.py`; angles in degrees
    noise_scheme: str
    # the network, see `decoding/architecture.py`
    hidden_dim: int
    feedfwd_dim: int
    num_layers: int
    num_heads: int
    prefix_length: int
    dropout: float
    # what need not be said
    start: str = "random"  # the paper's weights, or a head start near the nouns' vectors, see `mini/initialise.py`
    noise_vec_norm: float = 0.0
    noise_angle_min: float = 0.0
    noise_angle_max: float = 0.0
    noise_angle_std: float = 0.0
    noise_mix_ratio: float = 0.0
    mean_shift: bool = False  # first move the vectors by the encoder's modality gap, see `modality_gap.py`
    spread_shift: bool = False
    input_dropout: float | None = None
    mlp_hidden_layer: str = "none"
    mlp_hidden_bias: bool = False
    mlp_hidden_norm: bool = False
    mlp_hidden_activation: str = "gelu"
    layer_activation: str = "gelu"
    layer_norm_first: bool = True
    layer_bias: bool = False
    logits_bias: bool = False
    weight_tying: bool = True
    strictly_causal: bool = False
    vocab_quant: bool = False
    rezero: str = "none"
    label_smoothing: float = 0.0
    num_end_loss: int = 1  # how many end tokens after a noun count in the loss
    warm_up_chunks: int = 0
    seed: int = 1
    precision: str = "tf32"
    compile: bool = False
    length_groups: int = 1  # parts of a micro-batch that are padded apart: faster on a CPU, the same loss
    published_nouns: int = 0  # nouns of the published run; 0: not a published recipe
    log_every: int = 10  # steps
    probe_nouns: int = 200
    probe_every: int = 1  # chunks
    checkpoint_every: int = 4  # chunks

    def __post_init__(self):
        complaints = []
        for field in dataclasses.fields(self):
            value, complaint = _checked(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            if complaint:
                complaints.append(complaint)
        complaints += self._noise_complaints()
        if self.start == "near_nouns":
            wrong = [f"{name} = {getattr(self, name)}" for name, needed in NEAR_NOUNS.items()
                     if getattr(self, name) != needed]
            complaints += [f"start: near_nouns does not go with {', '.join(wrong)}"] if wrong else []
        if complaints:
            raise RecipeError(_joined(complaints))
        try:
            self.architecture(2, 2, 2)
        except DecodingError as error:
            raise RecipeError(str(error)) from error

    @classmethod
    def of(cls, settings: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """From plain values, such as those of a YAML file. Raises RecipeError with every complaint, after `where`."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        complaints = [f"{name}: no such field{_similar(name, fields)}" for name in settings if name not in fields]
        missing = [name for name, field in fields.items() if field.default is MISSING and name not in settings]
        complaints += [f"{name}: missing, expected {_RULES[name].expected}" for name in missing]
        if complaints:
            complaints += [complaint for name, value in settings.items() if name in fields
                           for complaint in [_checked(name, value)[1]] if complaint]
            raise RecipeError(f"{where}: {_joined(complaints)}")
        try:
            return cls(**settings)
        except RecipeError as error:
            raise RecipeError(f"{where}: {error}") from None

    @classmethod
    def read(cls, path: str | Path, changes: Mapping[str, Any] | None = None) -> Recipe:
        """From a YAML file, or the name of a recipe of this package, with some fields changed. Raises RecipeError."""
        path = find_recipe(path)
        try:
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RecipeError(f"{path}: expected a YAML file: {' '.join(str(error).split())}") from None
        if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
            raise RecipeError(f"{path}: expected lines of `field: value`, found {type(settings).__name__}")
        return cls.of({**settings, **(changes or {})}, str(path))

    def text(self) -> str:
        """As YAML that `read` reads back."""
        return yaml.safe_dump(dataclasses.asdict(self), sort_keys=False)

    def changed(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed. Raises RecipeError."""
        return Recipe.of({**dataclasses.asdict(self), **changes}, self.name)

    def differences(self, other: Recipe) -> list[str]:
        """The fields in which two recipes differ, as "field = ours instead of theirs"."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return [f"{name} = {mine[name]!r} instead of {theirs[name]!r}" for name in mine if mine[name] != theirs[name]]

    def architecture(self, embed_dim: int, vocab_size: int, max_tokens: int) -> Architecture:
        """The network for vectors of width F, V tokens and nouns of at most C tokens. Raises DecodingError."""
        return Architecture(embed_dim, vocab_size, max_tokens, **{name: getattr(self, name) for name in NETWORK})

    def _noise_complaints(self) -> list[str]:
        needed = SCHEMES[self.noise_scheme][0] if self.noise_scheme in SCHEMES else ()
        numbers = {name: getattr(self, name) for name in _RULES if name.startswith("noise_") and name != "noise_scheme"}
        if not all(isinstance(value, float) for value in numbers.values()):
            return []  # told already
        complaints = [f"{name}: expected a number above 0 for {self.noise_scheme}, got {numbers[name]:g}"
                      for name in needed if numbers[name] <= 0 and name not in ("noise_angle_min", "noise_mix_ratio")]
        if "noise_angle_min" in needed and numbers["noise_angle_min"] > numbers["noise_angle_max"]:
            complaints.append(f"noise_angle_min: expected at most noise_angle_max = {numbers['noise_angle_max']:g}, "
                              f"got {numbers['noise_angle_min']:g}")
        return complaints


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe: `name` itself where it is a path, else the recipe of this package. Raises RecipeError."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.parent != Path("."):
        if not path.is_file():
            raise RecipeError(f"{path}: expected a recipe file, found none")
        return path
    inside = FOLDER / f"{name}.yaml"
    if not inside.is_file():
        raise RecipeError(f"recipe {str(name)!r}: expected a YAML file or one of {', '.join(known_recipes())}")
    return inside


def known_recipes() -> list[str]:
    """Names of the recipes of this package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def parse_setting(word: str) -> tuple[str, Any]:
    """"field=value", the value as in YAML -> (field, value). Raises RecipeError."""
    name, equals, text = word.partition("=")
    if not equals or not name.strip():
        raise RecipeError(f"expected field=value, got {word!r}")
    try:
        return name.strip(), yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{name.strip()}: expected a value as in YAML, got {text!r} "
                          f"({' '.join(str(error).split())})") from None


# ---- what each field may be ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    """What one field may be: a kind, and bounds or choices."""

    kind: type
    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # low itself is not allowed
    below: bool = False  # high itself is not allowed
    choices: Sequence[str] = ()
    optional: bool = False

    @property
    def expected(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return "a text that is not empty"
        what = "a whole number" if self.kind is int else "a number"
        low = f"above {self.low:g}" if self.above else f"from {self.low:g}"
        high = f"below {self.high:g}" if self.below else f"up to {self.high:g}"
        return f"{what} {low} {high}{', or nothing' if self.optional else ''}"

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if self.kind in (int, float):
            return (isinstance(value, self.kind) and not isinstance(value, bool) and math.isfinite(value)
                    and (self.low < value if self.above else self.low <= value)
                    and (value < self.high if self.below else value <= self.high))
        return isinstance(value, self.kind) and (value in self.choices if self.choices else value != "")


def _count(high: int, low: int = 1) -> _Rule:
    return _Rule(int, low, high)


def _share(optional: bool = False) -> _Rule:
    return _Rule(float, 0, 1, below=True, optional=optional)


_RULES: dict[str, _Rule] = {
    "name": _Rule(str),
    "batch_size": _count(1_000_000), "accumulation": _count(100_000), "epochs": _count(100_000),
    "chunk_scale": _Rule(float, 0, 1e6, above=True),
    "learning_rate": _Rule(float, 0, 1, above=True), "beta1": _share(), "beta2": _share(),
    "weight_decay": _Rule(float, 0, 10), "clip_norm": _Rule(float, 0, 1e6, above=True),
    "noise_scheme": _Rule(str, choices=tuple(SCHEMES)), "noise_vec_norm": _Rule(float, 0, 100),
    "noise_angle_min": _Rule(float, 0, 180), "noise_angle_max": _Rule(float, 0, 180),
    "noise_angle_std": _Rule(float, 0, 180), "noise_mix_ratio": _Rule(float, 0, 1),
    "hidden_dim": _count(65_536), "feedfwd_dim": _count(1_000_000), "num_layers": _count(1000),
    "num_heads": _count(65_536), "prefix_length": _count(1000), "dropout": _share(), "input_dropout": _share(True),
    **{name: _Rule(str, choices=choices) for name, choices in CHOICES.items()},
    **{name: _Rule(bool) for name in ("mlp_hidden_bias", "mlp_hidden_norm", "layer_norm_first", "layer_bias",
                                      "logits_bias", "weight_tying", "strictly_causal", "vocab_quant", "compile",
                                      "mean_shift", "spread_shift")},
    "label_smoothing": _share(), "num_end_loss": _count(100), "warm_up_chunks": _count(100_000, 0),
    "start": _Rule(str, choices=STARTS), "seed": _count(2 ** 31 - 1, 0),
    "precision": _Rule(str, choices=PRECISIONS), "length_groups": _count(64),
    "published_nouns": _count(10 ** 9, 0), "log_every": _count(10 ** 9), "probe_nouns": _count(10 ** 9, 0),
    "probe_every": _count(10 ** 9), "checkpoint_every": _count(10 ** 9),
}  # fmt: skip


def _checked(name: str, value: Any) -> tuple[Any, str | None]:
    """The value, whole numbers and texts such as 1e-3 turned into floats where one is wanted, and a complaint."""
    rule = _RULES[name]
    if rule.kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            value = float(value)
        except (ValueError, OverflowError):
            pass  # stays as it is, and is complained about
    return value, None if rule.allows(value) else f"{name}: expected {rule.expected}, got {value!r}"


def _similar(name: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    return f", did you mean {near[0]}?" if near else ""


def _joined(complaints: Sequence[str]) -> str:
    return "; ".join(complaints)
