import pytest
import torch

from erpo_explore.seq2seq.dropout import SeededDropout

from .models import seeded

X = torch.linspace(-2.0, 3.0, 40_000).reshape(200, 200)


@pytest.mark.parametrize("probability", [0.1, 0.2, 0.5, 0.9])
def test_its_share_is_dropped_and_the_rest_is_scaled(probability):
    y = SeededDropout(probability, seeded(1)).train()(X)
    dropped = y == 0.0
    standard_error = (probability * (1.0 - probability) / X.numel()) ** 0.5
    assert float(dropped.float().mean()) == pytest.approx(probability, abs=4.0 * standard_error)
    torch.testing.assert_close(y[~dropped], X[~dropped] / (1.0 - round(probability * 65_536) / 65_536))


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 7), (2, 3, 11)])
def test_any_shape_has_a_mask_of_that_shape(shape):
    mask = SeededDropout(0.5, seeded(1)).train().mask(torch.ones(shape))
    assert mask.shape == shape
    assert set(mask.flatten().tolist()) <= {0.0, 2.0}


def test_dropped_units_have_no_pattern_of_four():
    kept_N4 = SeededDropout(0.3, seeded(4)).train()(torch.ones(50_000, 4)) > 0
    agreement_44 = torch.corrcoef(kept_N4.float().T)
    assert (agreement_44 - torch.eye(4)).abs().max() < 4.0 / 50_000**0.5


def test_it_keeps_the_mean():
    y = SeededDropout(0.5, seeded(2)).train()(torch.ones(100_000))
    assert float(y.mean()) == pytest.approx(1.0, abs=4.0 / 100_000**0.5)


def test_it_drops_units_independently():
    kept = SeededDropout(0.5, seeded(3)).train()(torch.ones(2, 50_000)) > 0
    assert float((kept[0] == kept[1]).float().mean()) == pytest.approx(0.5, abs=0.01)


def test_evaluation_mode_drops_nothing():
    assert SeededDropout(0.5, seeded(1)).eval()(X) is X


def test_no_dropout_draws_nothing():
    generator = seeded(1)
    before = generator.get_state()
    assert SeededDropout(0.0, generator).train()(X) is X
    assert torch.equal(generator.get_state(), before)


def test_the_same_generator_drops_the_same():
    one, other = (SeededDropout(0.5, seeded(7)).train()(X) for _ in range(2))
    assert torch.equal(one, other)


def test_each_call_draws_anew():
    dropout = SeededDropout(0.5, seeded(7)).train()
    assert not torch.equal(dropout(X), dropout(X))


def test_the_global_generator_is_not_used():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one = SeededDropout(0.5, seeded(7)).train()(X)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(SeededDropout(0.5, seeded(7)).train()(X), one)


def test_its_gradient_is_its_mask():
    x = torch.ones(1000, requires_grad=True)
    y = SeededDropout(0.5, seeded(1)).train()(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
