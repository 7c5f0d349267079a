"""The trainer's loss is the plain formula, value and gradient, however it is computed; and the authors' own numbers."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from novic_ros.decoding.conversion import read_checkpoint
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.training.loss import DecoderLoss, token_loss, weighted_token_loss
from novic_ros.training.targets import IGNORE, NounTable

TOKENS = [[3, 0], [1, 2, 0], [4, 4, 4, 0], [5, 0], [1, 2, 3, 4, 5, 0], [6, 0]]


def decoder(**changes):
    torch.manual_seed(0)
    return ObjectDecoder(Architecture(embed_dim=8, vocab_size=7, max_tokens=6, hidden_dim=16, feedfwd_dim=8,
                                      num_layers=2, num_heads=2, prefix_length=2, **changes)).eval()


def rows(seed=0, vectors=9, most=3):
    """Vectors [B, F], and nouns and weights [B, M] with gaps."""
    random = np.random.default_rng(seed)
    nouns = random.integers(0, len(TOKENS), (vectors, most))
    weights = random.random((vectors, most)).astype(np.float32)
    weights[random.random((vectors, most)) < 0.3] = 0
    weights[0, 0] = 1
    nouns[weights == 0] = -1
    return torch.from_numpy(random.standard_normal((vectors, 8), dtype=np.float32)), nouns, weights


def plain(model, vectors, nouns, weights):
    """weighted_token_loss over all nouns of all vectors, padded to the longest."""
    targets = torch.full((nouns.size, 6), IGNORE)
    for row, noun in enumerate(nouns.ravel()):
        targets[row, :len(TOKENS[noun])] = torch.tensor(TOKENS[noun])
    logits = model(vectors.repeat_interleave(nouns.shape[1], 0), targets.clamp_min(0))
    return weighted_token_loss(logits, targets, torch.from_numpy(weights).flatten())


@pytest.mark.parametrize("groups", [1, 2, 5])
@pytest.mark.parametrize("changes", [{}, {"weight_tying": False, "logits_bias": True}, {"vocab_quant": True}])
def test_value_and_gradient_of_the_plain_formula(groups, changes):
    vectors, nouns, weights = rows()
    model, same = decoder(**changes), decoder(**changes)
    expected = plain(model, vectors, nouns, weights)
    expected.backward()
    loss, right = DecoderLoss(same)(vectors, NounTable(TOKENS, groups=groups).targets(nouns, weights))
    loss.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
    assert 0 <= right <= sum(len(TOKENS[noun]) for noun in nouns.ravel() if noun >= 0)
    for (name, mine), theirs in zip(same.named_parameters(), model.parameters()):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_right_columns_are_counted():
    """A network that always says token 3: right are the columns where it comes, under teacher forcing."""
    model = decoder(weight_tying=False, logits_bias=True)
    with torch.no_grad():
        model.output_bias[3] = 1e4
    vectors, nouns, weights = torch.randn(3, 8), np.array([[0], [4], [1]]), np.ones((3, 1))
    _, right = DecoderLoss(model)(vectors, NounTable(TOKENS).targets(nouns, weights))
    assert right == 2  # in nouns 0 and 4


def test_label_smoothing_by_hand():
    model = decoder()
    vectors, nouns, weights = torch.randn(1, 8), np.array([[1]]), np.ones((1, 1))
    logits = model(vectors, torch.tensor([TOKENS[1]]))[0].log_softmax(-1)
    answers = torch.tensor(TOKENS[1])
    by_hand = -(0.8 * logits[torch.arange(3), answers] + 0.2 * logits.mean(-1)).mean()
    loss, _ = DecoderLoss(model, label_smoothing=0.2)(vectors, NounTable(TOKENS).targets(nouns, weights))
    torch.testing.assert_close(loss, by_hand)


def test_one_noun_per_vector_is_the_plain_mean():
    vectors, nouns, _ = rows(most=1)
    nouns = np.abs(nouns)
    targets = torch.full((len(nouns), 6), IGNORE)
    for row, noun in enumerate(nouns[:, 0]):
        targets[row, :len(TOKENS[noun])] = torch.tensor(TOKENS[noun])
    model = decoder()
    expected = token_loss(model(vectors, targets.clamp_min(0)), targets)
    loss, _ = DecoderLoss(model)(vectors, NounTable(TOKENS, groups=2).targets(nouns, np.ones(nouns.shape)))
    torch.testing.assert_close(loss, expected)


def test_the_decoders_tensors_come_out_under_their_names():
    model, other = decoder(), ObjectDecoder(decoder().arch)
    other.load_state_dict(DecoderLoss(model).decoder_state())
    assert torch.equal(other.tokens.weight, model.tokens.weight)


# ---- the authors' numbers --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authors(reference):
    """(decoder of the authors' checkpoint, its noun table, their stored tensors)."""
    checkpoint = read_checkpoint(reference / "small.train")
    return checkpoint, load_file(reference / "tensors.safetensors")


def nouns_of(checkpoint, target, padding):
    """Numbers of the nouns in stored token columns [..., C]; -1 where all is padding."""
    number = {tokens: noun for noun, tokens in enumerate(checkpoint.noun_tokens)}
    found = [number[tuple(row[~pad].tolist())] if not pad.all() else -1
             for row, pad in zip(target.flatten(0, -2), padding.flatten(0, -2))]
    return np.array(found).reshape(target.shape[:-1])


@torch.inference_mode()
@pytest.mark.parametrize("groups", [1, 3])
def test_the_authors_loss(authors, groups):
    checkpoint, tensors = authors
    table = NounTable(checkpoint.noun_tokens, groups=groups)
    single = nouns_of(checkpoint, tensors["forward.target"], tensors["forward.target_padding"])[:, None]
    several = nouns_of(checkpoint, tensors["multi.target"], tensors["multi.target_padding"])
    for nouns, weights, name in ((single, np.ones(single.shape), "forward"),
                                 (several, tensors["multi.weight"].numpy(), "multi")):
        loss_of = DecoderLoss(copied(checkpoint))
        loss, right = loss_of(tensors["embeds"][:len(nouns)], table.targets(nouns, weights))
        expected = (tensors[f"{name}.loss_sum"] / tensors[f"{name}.loss_basis"]).item()
        print(f"{name}: {loss:.7f}, relative deviation {abs(loss.item() / expected - 1):.1e}")
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        assert right == tensors[f"{name}.correct"].sum()


def copied(checkpoint):
    """A decoder of its own, as DecoderLoss changes the one that it gets."""
    model = ObjectDecoder(checkpoint.model.arch, randomise=False).eval()
    model.load_state_dict(checkpoint.model.state_dict())
    return model
