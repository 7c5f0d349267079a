"""Distilling a tiny open_clip text tower: it learns, and goes back into CLIP's full table."""

import itertools
from types import SimpleNamespace

import pytest
import torch

from novic_ros.embedding.torchvision_compat import ensure_importable
from novic_ros.training.mini.text_tower import nearest_noun_rate, train_text_tower

NOUNS = ["dog", "cat", "teapot", "fire engine", "t-shirt", "lion", "sea lion", "chair", "bicycle", "mountain bike"]
WIDTH, CONTEXT, VOCABULARY, STEPS = 16, 24, 49408, 60
TARGETS = torch.nn.functional.normalize(
    torch.randn(len(NOUNS), WIDTH, generator=torch.Generator().manual_seed(0)), dim=-1)


@pytest.fixture(scope="module")
def tokenize():
    ensure_importable()
    from open_clip import SimpleTokenizer

    return SimpleTokenizer(context_length=CONTEXT)


def new_tower():
    ensure_importable()
    from open_clip.transformer import TextTransformer

    torch.manual_seed(0)
    return TextTransformer(context_length=CONTEXT, vocab_size=VOCABULARY, width=32, heads=2, layers=1, output_dim=WIDTH)


def distil(tower, tokenize, checkpoint=None, stop_after=None, seed=0):
    losses = {}

    def on_step(done, loss):
        losses[done] = loss
        if done == stop_after:
            raise KeyboardInterrupt

    train_text_tower(tower, tokenize, NOUNS, TARGETS, torch.ones(len(NOUNS)), STEPS, batch_size=32, learning_rate=1e-2,
                     seed=seed, checkpoint=checkpoint, on_step=on_step)
    return losses


@pytest.fixture(scope="module")
def distilled(tokenize, tmp_path_factory):
    tower, checkpoint = new_tower(), tmp_path_factory.mktemp("work") / "text_tower.pt"
    return tower, distil(tower, tokenize, checkpoint), checkpoint


def test_loss_falls(distilled):
    _, losses, _ = distilled
    assert list(losses) == list(range(1, STEPS + 1))
    first, last = (sum(losses[step] for step in steps) / 10 for steps in (range(1, 11), range(STEPS - 9, STEPS + 1)))
    assert last < 0.6 * first


def test_full_table_is_back_and_unused_rows_are_zero(distilled, tokenize):
    tower, _, _ = distilled
    assert tower.token_embedding.weight.shape == (VOCABULARY, 32)
    assert tower.attn_mask.shape == (CONTEXT, CONTEXT)
    assert not tower.training
    used = tower.token_embedding.weight.abs().sum(1) > 0
    ids = tokenize(["a photo of the t-shirt on a table", "zebra crossing"])
    assert used[ids[0]].all()
    assert not used[ids[1]].all()
    assert used.sum() < 100


@torch.inference_mode()
def test_captions_land_on_their_nouns(distilled, tokenize):
    tower, _, _ = distilled

    def encode(texts):
        return torch.nn.functional.normalize(tower(tokenize(texts)), dim=-1)

    hits, tried, cosine = nearest_noun_rate(encode, NOUNS, TARGETS, "a photo of {article_noun}", every=1)
    assert tried == len(NOUNS)
    assert hits >= 8
    assert cosine > 0.6
    untrained = new_tower().eval()
    chance, _, low = nearest_noun_rate(
        lambda texts: torch.nn.functional.normalize(untrained(tokenize(texts)), dim=-1), NOUNS, TARGETS,
        "a photo of {article_noun}", every=1)
    assert chance <= 4
    assert low < 0.3


def test_nearest_noun_rate_tries_every_nth():
    seen = []

    def encode(texts):
        seen.extend(texts)
        return TARGETS[[0, 5]].roll(1, 0)

    assert nearest_noun_rate(encode, NOUNS, TARGETS, "{noun}", every=5)[:2] == (0, 2)
    assert seen == ["dog", "lion"]


def test_resumed_training_is_the_same_bit_for_bit(distilled, tokenize, tmp_path, monkeypatch):
    tower, losses, _ = distilled
    clock = SimpleNamespace(monotonic=itertools.count(step=50).__next__)  # a checkpoint every third step
    monkeypatch.setattr("novic_ros.training.mini.text_tower.time", clock)
    checkpoint = tmp_path / "text_tower.pt"
    with pytest.raises(KeyboardInterrupt):
        distil(new_tower(), tokenize, checkpoint, stop_after=31)
    other = new_tower()
    rest = distil(other, tokenize, checkpoint)
    assert 20 < min(rest) <= 31
    assert rest == {step: losses[step] for step in range(min(rest), STEPS + 1)}
    for name, tensor in tower.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_a_finished_run_is_restored_from_its_checkpoint(distilled, tokenize):
    tower, _, checkpoint = distilled
    other = new_tower()
    assert distil(other, tokenize, checkpoint, seed=5) == {}
    for name, tensor in tower.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
