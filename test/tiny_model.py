"""A complete model folder with random weights, made on the spot in a second: what it says means nothing.

For tests of what surrounds a model (labeller, command line): it loads, embeds, decodes and damages like a real one.
"""

import json
import os

import torch

TINY_NOUNS = ("dog", "cat", "teapot", "fire engine", "T-shirt", "traffic light", "chair", "bicycle", "sea lion", "lion",
              "coffee mug", "mountain bike")
TINY_WIDTH = 24
_CONFIG = {
    "model_cfg": {
        "embed_dim": TINY_WIDTH,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "interpolation": "bicubic",
                       "resize_mode": "shortest"},
}


def write_tiny_model(folder, width=TINY_WIDTH, nouns=TINY_NOUNS):
    """Write encoder and decoder into `folder`; `width` is that of the decoder's vectors."""
    write_tiny_encoder(folder)
    write_tiny_decoder(folder, width, nouns)
    return folder


def write_tiny_encoder(folder):
    """Write a random CLIP in open_clip's format."""
    from safetensors.torch import save_file

    from novic_ros.embedding.quiet import quietly
    from novic_ros.embedding.torchvision_compat import ensure_importable

    ensure_importable()
    import open_clip

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(_CONFIG))
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(0)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, str(folder / "open_clip_model.safetensors"))


def write_tiny_decoder(folder, width=TINY_WIDTH, nouns=TINY_NOUNS, embedder_spec="local:elsewhere"):
    """Write a random object decoder in the slim format."""
    from novic_ros.decoding.checkpoint import Checkpoint, save_slim
    from novic_ros.decoding.noun_trie import NounTrie
    from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder

    vocabulary, tokens = tokenized(nouns)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ObjectDecoder(Architecture(embed_dim=width, vocab_size=len(vocabulary), max_tokens=8, hidden_dim=16,
                                           feedfwd_dim=16, num_layers=1, num_heads=2, prefix_length=2))
    rows = tuple(map(tuple, tokens))
    save_slim(folder, Checkpoint(model, embedder_spec, tuple(nouns), rows, vocabulary, NounTrie.build(rows)))


def tokenized(nouns):
    """(TokenVocabulary of CLIP's byte pairs, compact ids of every noun with the end token)."""
    from novic_ros.decoding.tokens import TokenVocabulary
    from novic_ros.embedding.torchvision_compat import ensure_importable
    from novic_ros.vocabulary import canonical

    ensure_importable()
    from open_clip import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    full = [tokenizer.encode(canonical(noun)) for noun in nouns]
    vocabulary = TokenVocabulary.of(full, tokenizer.decoder, tokenizer.eot_token_id, tokenizer.vocab_size)
    return vocabulary, [vocabulary.compact(ids) for ids in full]


def cut_file(path, share=0.5):
    """Keep only the beginning of a file, as an interrupted copy does."""
    os.truncate(path, int(path.stat().st_size * share))
