"""The trainer: it learns, keeps to its schedule, and goes on after an interruption as if there had been none."""

import math

import pytest
import torch

from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.training.trainer import IGNORE, TrainingRun, token_loss, train, weighted_token_loss

VOCABULARY, WIDTH, COLUMNS = 12, 8, 4


def decoder(dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return ObjectDecoder(Architecture(embed_dim=WIDTH, vocab_size=VOCABULARY, max_tokens=COLUMNS, hidden_dim=16,
                                      feedfwd_dim=32, num_layers=2, num_heads=2, prefix_length=2, dropout=dropout))


def batch_at(step):
    """Eight vectors and their nouns, always the same eight, in a step's own order and with a step's own noise."""
    fixed, random = torch.Generator().manual_seed(5), torch.Generator().manual_seed(step)
    vectors = torch.nn.functional.normalize(torch.randn(8, WIDTH, generator=fixed), dim=-1)
    targets = torch.randint(1, VOCABULARY, (8, COLUMNS), generator=fixed)
    targets[:, 3] = 0
    targets[::2, 2:] = torch.tensor([0, IGNORE])
    order = torch.randperm(8, generator=random)
    return vectors[order] + 0.05 * torch.randn(8, WIDTH, generator=random), targets[order]


def losses_of(model, run, checkpoint=None, stop_after=None):
    """Train; the losses by step. `stop_after`: a crash after that many steps."""
    losses = {}

    def on_step(done, loss):
        losses[done] = loss
        if done == stop_after:
            raise KeyboardInterrupt

    try:
        train(model, batch_at, run, checkpoint, on_step)
    except KeyboardInterrupt:
        assert stop_after
    return losses


def test_token_loss_by_hand():
    logits = torch.tensor([[[2.0, 0.0], [0.0, 1.0], [9.0, -9.0]]])
    targets = torch.tensor([[0, 0, IGNORE]])
    first = math.log(1 + math.exp(-2.0))  # -log softmax of 2 against 0
    second = math.log(1 + math.exp(1.0))  # of 0 against 1
    assert token_loss(logits, targets).item() == pytest.approx((first + second) / 2, abs=1e-6)


def test_token_loss_ignores_padding():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 4, 7, generator=generator)
    targets = torch.randint(7, (5, 4), generator=generator)
    targets[0, 1:] = IGNORE
    targets[3, 3:] = IGNORE
    changed = logits.clone()
    changed[targets == IGNORE] = 1e3 * torch.randn(int((targets == IGNORE).sum()), 7, generator=generator)
    assert torch.equal(token_loss(logits, targets), token_loss(changed, targets))
    by_hand = torch.stack([-logits[b, c].log_softmax(-1)[targets[b, c]]
                           for b in range(5) for c in range(4) if targets[b, c] != IGNORE])
    torch.testing.assert_close(token_loss(logits, targets), by_hand.mean())


def test_weighted_loss_by_hand():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 3, 7, generator=generator)
    targets = torch.tensor([[3, 0, IGNORE], [2, 6, 0], [5, 0, IGNORE], [1, 1, 0]])
    weights = torch.tensor([0.5, 0.25, 0.25, 0.0])  # two nouns of one vector, one of another, and one without weight
    total, count = 0.0, 0.0
    for row in range(4):
        for column in range(3):
            if targets[row, column] != IGNORE:
                total -= weights[row] * logits[row, column].log_softmax(-1)[targets[row, column]]
                count += weights[row]
    torch.testing.assert_close(weighted_token_loss(logits, targets, weights), total / count)


def test_rows_without_weight_have_no_influence():
    logits, targets = torch.randn(3, 2, 5), torch.tensor([[1, 0], [2, 0], [3, IGNORE]])
    weights = torch.tensor([1.0, 0.0, 2.0])
    expected = weighted_token_loss(logits, targets, weights)
    for strange in (torch.full((2, 5), 1e4), torch.full((2, 5), torch.nan), torch.full((2, 5), -torch.inf)):
        logits[1] = strange
        assert torch.equal(weighted_token_loss(logits, targets, weights), expected)
    targets[1] = IGNORE
    assert torch.equal(weighted_token_loss(logits, targets, weights), expected)


def test_equal_weights_give_the_plain_loss():
    logits, (_, targets) = torch.randn(8, COLUMNS, VOCABULARY), batch_at(0)
    plain = token_loss(logits, targets)
    torch.testing.assert_close(weighted_token_loss(logits, targets, torch.full((8,), 0.2)), plain)


def test_padding_does_not_reach_the_model():
    """The trainer clamps padding to a real token; which one must not matter to the loss."""
    model, (vectors, targets) = decoder().eval(), batch_at(0)
    losses = [token_loss(model(vectors, targets.masked_fill(targets == IGNORE, token)), targets) for token in (0, 7)]
    assert torch.equal(*losses)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_learns(bfloat16):
    model = decoder()
    losses = losses_of(model, TrainingRun(steps=150, learning_rate=1e-2, bfloat16=bfloat16))
    assert list(losses) == list(range(1, 151))
    assert losses[1] > 2
    assert losses[150] < 0.2
    assert not model.training


def test_rate_without_warm_up_is_a_cosine_to_zero():
    run = TrainingRun(steps=100, learning_rate=2.0)
    assert [run.rate(step) for step in (0, 25, 50, 75, 100)] == pytest.approx(
        [2, 1 + math.sqrt(0.5), 1, 1 - math.sqrt(0.5), 0])
    rates = [run.rate(step) for step in range(101)]
    assert rates == sorted(rates, reverse=True)


def test_rate_warms_up_over_its_share_of_the_steps():
    run = TrainingRun(steps=100, learning_rate=2.0, warm_up=0.1)
    plain = TrainingRun(steps=100, learning_rate=2.0)
    assert [run.rate(step) / plain.rate(step) for step in (0, 4, 9, 10, 99)] == pytest.approx([0.1, 0.5, 1, 1, 1])


def test_rate_reaches_the_optimiser():
    """At a rate of zero nothing moves."""
    model = decoder()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    losses_of(model, TrainingRun(steps=3, learning_rate=0.0))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_first_step_is_as_large_as_the_warm_up_allows():
    """Adam's first step moves a weight by the rate, whatever its gradient."""
    model, run = decoder(), TrainingRun(steps=8, learning_rate=0.1, warm_up=0.5, weight_decay=0.0)
    before = model.tokens.weight.detach().clone()
    losses_of(model, run, stop_after=1)
    assert (model.tokens.weight - before).abs().max().item() == pytest.approx(0.025, rel=1e-3)


def test_only_matrices_decay():
    decayed, undecayed = decoder(), decoder()
    losses_of(decayed, TrainingRun(steps=1, learning_rate=0.1, weight_decay=5.0))
    losses_of(undecayed, TrainingRun(steps=1, learning_rate=0.1, weight_decay=0.0))
    assert torch.equal(decayed.norm.weight, undecayed.norm.weight)
    assert decayed.tokens.weight.norm() < 0.6 * undecayed.tokens.weight.norm()


def test_gradients_are_clipped():
    """Adam forgets the scale of its gradients, but not where they drown in its epsilon."""
    model = decoder()
    before = model.tokens.weight.detach().clone()
    losses_of(model, TrainingRun(steps=1, learning_rate=0.1, weight_decay=0.0, clip_norm=1e-12))
    assert (model.tokens.weight - before).abs().max() < 1e-4


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize(("stop_after", "resumes_at"), [(13, 10), (20, 10), (10, 0), (3, 0)])
def test_resumed_training_is_the_same_bit_for_bit(tmp_path, dropout, stop_after, resumes_at):
    """A checkpoint follows `on_step`, so a crash there in step 20 loses that of step 20."""
    run = TrainingRun(steps=25, learning_rate=1e-2, warm_up=0.2, checkpoint_every=10)
    whole = decoder(dropout)
    expected = losses_of(whole, run)

    checkpoint = tmp_path / "decoder.pt"
    first = losses_of(decoder(dropout), run, checkpoint, stop_after)
    other = decoder(dropout, seed=1 if resumes_at else 0)  # where there is no checkpoint yet, one begins again
    rest = losses_of(other, run, checkpoint)

    assert first == {step: expected[step] for step in range(1, stop_after + 1)}
    assert rest == {step: expected[step] for step in range(resumes_at + 1, 26)}
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in whole.state_dict().items())


def test_a_finished_run_does_nothing_more(tmp_path):
    run, checkpoint = TrainingRun(steps=5), tmp_path / "decoder.pt"
    done = decoder()
    losses_of(done, run, checkpoint)
    again = decoder(seed=1)
    assert losses_of(again, run, checkpoint) == {}
    assert torch.equal(done.tokens.weight, again.tokens.weight)
    assert not again.training
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decoder.pt"]
