"""The head start: before any training the decoder prefers the tokens of nouns near the vector."""

import pytest
import torch

from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.training.mini.initialise import start_near_nouns

NOUNS, WIDTH, HIDDEN = 120, 64, 32


def decoder(hidden=HIDDEN):
    torch.manual_seed(0)
    return ObjectDecoder(Architecture(embed_dim=WIDTH, vocab_size=61, max_tokens=4, hidden_dim=hidden, feedfwd_dim=64,
                                      num_layers=2, num_heads=2, prefix_length=3, dropout=0.0))


@pytest.fixture
def nouns():
    """Unit vectors and tokens: two nouns with the same first token are near each other, second tokens differ."""
    generator = torch.Generator().manual_seed(1)
    centres = torch.randn(60, WIDTH, generator=generator)
    vectors = centres.repeat_interleave(2, 0) + 0.5 * torch.randn(NOUNS, WIDTH, generator=generator)
    tokens = [[1 + noun // 2, 1 + (7 * noun) % 60, 0] for noun in range(NOUNS)]
    return torch.nn.functional.normalize(vectors, dim=-1), tokens


def rank_of_first_token(model, vectors, tokens):
    """How many tokens the untrained decoder likes better than the noun's own first, averaged over the nouns."""
    logits = model.eval()(vectors, torch.zeros(len(vectors), model.arch.max_tokens, dtype=torch.int64))[:, 0]
    own = logits.gather(1, torch.tensor(tokens)[:, :1])
    return (logits > own).sum(1).float().mean().item()


@torch.inference_mode()
def test_prefers_tokens_of_near_nouns(nouns):
    vectors, tokens = nouns
    model = decoder()
    assert 20 < rank_of_first_token(model, vectors, tokens) < 40  # chance: 30 of 61
    start_near_nouns(model, vectors, tokens)
    assert rank_of_first_token(model, vectors, tokens) < 3
    other_nouns = torch.nn.functional.normalize(vectors + vectors.roll(2, 0), dim=-1)  # halfway to a stranger
    assert rank_of_first_token(model, other_nouns, tokens) < 6


def test_can_be_trained_from_there(nouns):
    vectors, tokens = nouns
    model = decoder()
    start_near_nouns(model, vectors, tokens)
    logits = model(vectors, torch.tensor(tokens))
    logits.square().mean().backward()
    for name, weight in model.named_parameters():
        assert torch.isfinite(weight).all(), name
        assert weight.grad is not None and weight.grad.abs().max() > 0, name


@torch.inference_mode()
def test_unused_tokens_begin_near_zero(nouns):
    vectors, tokens = nouns
    model = decoder()
    start_near_nouns(model, vectors, tokens)
    lengths = model.tokens.weight.norm(dim=-1)
    assert lengths[0] < 0.1  # only the end token stands for no noun
    assert lengths[1:].min() > 0.4


def test_refuses_more_directions_than_there_are(nouns):
    vectors, tokens = nouns
    with pytest.raises(ValueError, match="hidden_dim of at most 40"):
        start_near_nouns(decoder(hidden=48), vectors[:40], tokens[:40])
