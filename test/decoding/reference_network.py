"""A slow, obvious decoder in float64 NumPy for every architecture, and a second one put together from PyTorch's layers.

Both are written from the method's description, to check the fast code against: the first for its arithmetic, the second
for the names, shapes and meaning of the authors' settings and tensors, as PyTorch's own modules make them. Neither is
used outside the tests.
"""

from fractions import Fraction
from math import erf

import numpy as np
import torch
from torch import nn

ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2))),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
}


def reference_logits(weights, arch, vector, tokens):
    """Logits [V] for the token after `tokens`, from one vector [F]; weights are float64 arrays by parameter name."""
    prefix, width, heads = arch.prefix_length, arch.hidden_dim, arch.num_heads

    def linear(name, x):
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    def norm(name, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights.get(f"{name}.bias", 0)

    x = vector / np.linalg.norm(vector)
    if arch.mlp_hidden_layer == "none":
        x = linear("prefix", x)
    else:
        hidden = linear("prefix.hidden", x)
        hidden = norm("prefix.norm", hidden) if arch.mlp_hidden_norm else hidden
        x = linear("prefix.output", ACTIVATIONS[arch.mlp_hidden_activation](hidden))
    x = np.concatenate([x.reshape(prefix, width), weights["tokens.weight"][list(tokens)].reshape(-1, width)])
    length = len(x)
    x = x + weights["positions"][:length]
    visible = np.tril(np.ones((length, length), dtype=bool))
    if not arch.strictly_causal:
        visible[:prefix, :prefix] = True
    for number in range(arch.num_layers):
        layer = f"layers.{number}"

        def attend(x, layer=layer):
            q, k, v = np.split(linear(f"{layer}.qkv", x), 3, axis=1)
            attended = []
            for head in np.split(np.arange(width), heads):
                scores = np.where(visible, q[:, head] @ k[:, head].T / np.sqrt(len(head)), -np.inf)
                e = np.exp(scores - scores.max(axis=1, keepdims=True))
                attended.append(e / e.sum(axis=1, keepdims=True) @ v[:, head])
            return linear(f"{layer}.out", np.concatenate(attended, axis=1))

        def feed(x, layer=layer):
            return linear(f"{layer}.down", ACTIVATIONS[arch.layer_activation](linear(f"{layer}.up", x)))

        scales = {"none": (1, 1), "perskip": ("scale1", "scale2"), "perlayer": ("scale1", "scale1")}[arch.rezero]
        for branch, norm_name, scale in ((attend, f"{layer}.norm1", scales[0]), (feed, f"{layer}.norm2", scales[1])):
            factor = weights[f"{layer}.{scale}"] if isinstance(scale, str) else scale
            if arch.layer_norm_first:
                x = x + factor * branch(norm(norm_name, x))
            else:
                x = norm(norm_name, x + factor * branch(x))
    last = norm("norm", x[-1]) if arch.layer_norm_first else x[-1]
    table = weights["tokens.weight" if arch.weight_tying else "output.weight"]
    return (table @ last + weights.get("output_bias", 0))[:arch.vocab_size]


def float64_weights(model):
    """Parameters of an ObjectDecoder by name."""
    return {name: tensor.detach().double().numpy() for name, tensor in model.state_dict().items()}


class AuthorsNetwork(nn.Module):
    """The authors' network from its settings; no branch factors (init_rezero_mode), which PyTorch's layers lack."""

    def __init__(self, settings, embed_dim, vocab_size, token_length):
        super().__init__()
        width = settings["hidden_dim"]
        self.prefix_length, self.vocab_size = settings["mlp_seq_len"], vocab_size
        wide, positions = self.prefix_length * width, self.prefix_length + token_length - 1
        rows = vocab_size + (-vocab_size % 64 if settings["vocab_quant"] else 0)
        self.embed_mlp = nn.ModuleDict({"mlp": self._mlp(settings, embed_dim, wide)})
        self.logits_linear = nn.Linear(width, rows, bias=settings["logits_bias"])
        self.token_embedding = None if settings["weight_tying"] else nn.Embedding(rows, width)
        self.pos_embedding = nn.ModuleDict({"embedding": nn.Embedding(positions, width)})
        layer = nn.TransformerEncoderLayer(
            width, settings["num_heads"], int(width * Fraction(settings["feedfwd_scale"])), dropout=0.0,
            activation=getattr(torch, settings["layer_activation"], nn.functional.gelu), batch_first=True,
            norm_first=settings["layer_norm_first"], bias=settings["layer_bias"])
        norm = nn.LayerNorm(width, bias=settings["layer_bias"]) if settings["layer_norm_first"] else None
        self.transformer = nn.TransformerEncoder(layer, settings["num_layers"], norm, enable_nested_tensor=False)
        self.register_buffer("causality_mask", torch.empty(positions, positions))

    @staticmethod
    def _mlp(settings, embed_dim, wide):
        kind, bias = settings["mlp_hidden_layer"], settings["mlp_hidden_bias"]
        if kind == "none":
            return nn.Sequential(nn.Linear(embed_dim, wide, bias=False))
        units = {"min": min(embed_dim, wide), "max": max(embed_dim, wide),
                 "amean": round((embed_dim + wide) // 2 / 64) * 64, "gmean": round((embed_dim * wide) ** 0.5 / 64) * 64}
        middle = [nn.LayerNorm(units[kind], bias=bias)] if settings["mlp_hidden_norm"] else []
        activation = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}[settings["mlp_hidden_activation"]]()
        return nn.Sequential(nn.Linear(embed_dim, units[kind], bias=bias), *middle, activation,
                             nn.Linear(units[kind], wide, bias=False))

    def forward(self, vectors, targets):
        """vectors [B, F], targets [B, C] -> logits [B, C, V]."""
        table = self.logits_linear.weight if self.token_embedding is None else self.token_embedding.weight
        vectors = nn.functional.normalize(vectors, dim=-1)
        x = self.embed_mlp["mlp"](vectors).view(len(vectors), self.prefix_length, -1)
        x = torch.cat([x, table[targets[:, :-1]]], dim=1)
        length = x.shape[1]
        x = x + self.pos_embedding["embedding"].weight[:length]
        x = self.transformer(x, mask=self.causality_mask[:length, :length])
        return self.logits_linear(x[:, self.prefix_length - 1:])[..., :self.vocab_size]
