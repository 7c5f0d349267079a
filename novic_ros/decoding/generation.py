"""How to search, as one short name: the authors' grammar of generation configurations (NOVIC's code, `gencfg`).

    {greedy|beam|all}_k{int}_v{none|tok<float>|tgt<float>}_g{n|p|r}_t{float}_a{float}

k nouns are returned and the beam is k wide; v corrects by vocabulary priors; g guides (n: free, p: only nouns of the
guide list, r: likewise with probabilities renormalised over them); t is a temperature, a a length exponent. Parts may
come in any order and be left out; `str()` gives the canonical name. This file parses names; it searches nothing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from novic_ros.decoding.errors import DecodingError

__all__ = ["GenerationConfig"]

GRAMMAR = "{greedy|beam|all}_k{int}_v{none|tok<float>|tgt<float>}_g{n|p|r}_t{float}_a{float}"


@dataclass(frozen=True)
class GenerationConfig:
    """One way to search. `GenerationConfig.parse("beam_k10")` fills in what a name leaves out."""

    method: str = "beam"
    k: int = 10
    prior: str = "none"
    prior_scale: float = 0.0
    guide: str = "p"
    temperature: float = 1.0
    length_alpha: float = 0.0

    def __post_init__(self):
        checks = [
            (self.method in ("greedy", "beam", "all"), "method", "greedy, beam or all", self.method),
            (self.k >= 1, "k", "a whole number of at least 1", self.k),
            (self.method != "greedy" or self.k == 1, "k", "1 for greedy search", self.k),
            (self.prior in ("none", "tok", "tgt"), "v", "none, tok<float> or tgt<float>", self.prior),
            (self.method != "greedy" or self.prior == "none", "v", "none for greedy search", self.prior),
            (self.guide in ("n", "p", "r"), "g", "n, p or r", self.guide),
            (self.method != "all" or self.guide != "n", "g", "p or r for exhaustive search", self.guide),
            (math.isfinite(self.temperature) and self.temperature > 0, "t", "a positive number", self.temperature),
            (math.isfinite(self.length_alpha), "a", "a finite number", self.length_alpha),
            (math.isfinite(self.prior_scale), "v", "a finite scale", self.prior_scale),
        ]
        for good, part, expected, found in checks:
            if not good:
                raise DecodingError(f"generation configuration, part {part}: expected {expected}, got {found!r}")

    @classmethod
    def parse(cls, name: str) -> GenerationConfig:
        """A name in the grammar above -> configuration. Raises DecodingError that names the part it cannot read."""
        method, *parts = name.strip().split("_")
        if method not in ("greedy", "beam", "all"):
            raise DecodingError(f"generation configuration {name!r}: expected {GRAMMAR}, for example "
                                f"beam_k10_vnone_gp_t1_a0; it must begin with greedy, beam or all")
        values: dict = {"method": method, "k": 1 if method == "greedy" else 10}
        seen = set()
        for part in parts:
            letter, text = part[:1], part[1:]
            if letter in seen:
                raise DecodingError(f"generation configuration {name!r}: part {letter!r} is given twice")
            seen.add(letter)
            try:
                values.update(_read_part(letter, text))
            except ValueError:
                raise DecodingError(f"generation configuration {name!r}: cannot read part {part!r}; "
                                    f"expected {GRAMMAR}") from None
        return cls(**values)

    def __str__(self) -> str:
        prior = self.prior if self.prior == "none" else f"{self.prior}{_short(self.prior_scale)}"
        return (f"{self.method}_k{self.k}_v{prior}_g{self.guide}_t{_short(self.temperature)}"
                f"_a{_short(self.length_alpha)}")


def _read_part(letter: str, text: str) -> dict:
    if letter == "k":
        return {"k": int(text)}
    if letter == "v":
        match = re.fullmatch(r"none|(tok|tgt)(.+)", text)
        if not match:
            raise ValueError(text)
        return {"prior": match[1] or "none", "prior_scale": float(match[2] or 0)}
    if letter == "g" and text in ("n", "p", "r"):
        return {"guide": text}
    if letter == "t":
        return {"temperature": float(text)}
    if letter == "a":
        return {"length_alpha": float(text)}
    raise ValueError(text)


def _short(value: float) -> str:
    """At most three decimals, no trailing zeros: 1.0 -> "1", 0.50 -> "0.5"."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
