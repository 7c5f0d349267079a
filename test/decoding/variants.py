"""One architecture per setting of the object decoder, with random weights in all of its tensors."""

import torch

from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder

SIZES = {"embed_dim": 40, "vocab_size": 17, "max_tokens": 6, "hidden_dim": 16, "feedfwd_dim": 12, "num_layers": 2,
         "num_heads": 4, "prefix_length": 4}

VARIANTS = {
    "as released": {},
    "hidden layer min": {"mlp_hidden_layer": "min"},
    "hidden layer max, bias, norm, relu": {"mlp_hidden_layer": "max", "mlp_hidden_bias": True, "mlp_hidden_norm": True,
                                           "mlp_hidden_activation": "relu"},
    "hidden layer amean, norm, tanh": {"mlp_hidden_layer": "amean", "mlp_hidden_norm": True,
                                       "mlp_hidden_activation": "tanh"},
    "hidden layer gmean, bias": {"mlp_hidden_layer": "gmean", "mlp_hidden_bias": True},
    "relu": {"layer_activation": "relu"},
    "tanh": {"layer_activation": "tanh"},
    "feed-forward wider": {"feedfwd_dim": 40},
    "norm last": {"layer_norm_first": False},
    "norm last, biases": {"layer_norm_first": False, "layer_bias": True},
    "biases": {"layer_bias": True},
    "untied": {"weight_tying": False},
    "untied, logits bias": {"weight_tying": False, "logits_bias": True},
    "logits bias": {"logits_bias": True},
    "strictly causal": {"strictly_causal": True},
    "quantised": {"vocab_quant": True},
    "quantised, untied, logits bias": {"vocab_quant": True, "weight_tying": False, "logits_bias": True},
    "a factor per branch": {"rezero": "perskip"},
    "a factor per layer, norm last": {"rezero": "perlayer", "layer_norm_first": False},
    "one prefix position, one head": {"prefix_length": 1, "num_heads": 1, "strictly_causal": True},
    "many at once": {"mlp_hidden_layer": "amean", "mlp_hidden_bias": True, "mlp_hidden_norm": True, "layer_bias": True,
                     "layer_activation": "relu", "layer_norm_first": False, "weight_tying": False, "logits_bias": True,
                     "strictly_causal": True, "vocab_quant": True},
}


def variant(name):
    """The architecture of a variant."""
    return Architecture(**(SIZES | VARIANTS[name]))


def random_model(arch, seed=0):
    """A decoder whose every tensor is random and matters, biases and factors too; surplus rows stay zero."""
    torch.manual_seed(seed)
    model = ObjectDecoder(arch).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim < 2:
                parameter.copy_(torch.randn(parameter.shape) * 0.3 + (0 if "bias" in name else 1))
            if name in ("tokens.weight", "output.weight", "output_bias"):
                parameter[arch.vocab_size:] = 0
    return model
