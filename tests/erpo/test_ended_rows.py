"""Rows that have ended leave the batch or are masked: the same targets and losses for the same random numbers."""

import pytest
import torch

from erpo_explore.erpo import step_loss
from erpo_explore.erpo.categorical import index_of
from erpo_explore.seq2seq import LstmConfig, TransformerConfig, build_model
from erpo_explore.seq2seq.ended_rows import ended_rows, masks_ended_rows
from erpo_explore.space import algorithm

from .test_sampling import EVERY, OWN, draw
from .tiny import NUM_TOKENS, SYMBOLS, reward_of, seeded
from .worlds import padded

ROWS = ((4, 5), (6,), (5, 4, 6, 4), (6, 6))
FIELDS = ("labels_RT", "inputs_RT", "keep_RT", "finished_R")


def test_the_device_decides():
    assert not masks_ended_rows(torch.device("cpu"))
    assert masks_ended_rows(torch.device("cuda"))
    with ended_rows(masked=True):
        assert masks_ended_rows(torch.device("cpu"))


@pytest.mark.parametrize("with_z", [False, True])
@pytest.mark.parametrize("name", EVERY | OWN)
def test_both_ways_draw_the_same_targets(name, with_z):
    dropped = draw((EVERY | OWN)[name], copies=20, with_z=with_z)
    with ended_rows(masked=True):
        masked = draw((EVERY | OWN)[name], copies=20, with_z=with_z)
    assert all(torch.equal(getattr(masked, field), getattr(dropped, field)) for field in FIELDS)
    torch.testing.assert_close(masked.q_RT, dropped.q_RT, rtol=1e-4, atol=1e-6)
    for field in ("reward_R", "log_z_R"):
        if getattr(dropped, field) is not None:
            torch.testing.assert_close(getattr(masked, field), getattr(dropped, field), rtol=1e-4, atol=1e-4)


def test_a_long_row_has_the_same_index_by_blocks_and_by_one_sum():
    weight_NS = torch.rand(500, 1000, generator=seeded(1)).square()
    uniform_N = torch.rand(500, generator=seeded(2), dtype=torch.float64)
    by_blocks_N = index_of(weight_NS, uniform_N)
    with ended_rows(masked=True):
        assert torch.equal(index_of(weight_NS, uniform_N), by_blocks_N)


# with dropout, whose masks both models draw once for a batch
@pytest.mark.parametrize("config", [LstmConfig(hidden_size=8), TransformerConfig(hidden_size=8, layers=1, heads=2)])
@pytest.mark.parametrize("name", ["raml", "spg", "policy_gradient", "grpo", "interpolation", "scheduled_sampling"])
def test_both_ways_have_the_same_loss_and_gradient(name, config):
    point = algorithm(name).path("bleu").end

    def step():
        model = build_model(config, NUM_TOKENS, NUM_TOKENS, pad=SYMBOLS.pad, generator=seeded(3))
        reference = padded(*ROWS)
        outcome = step_loss(
            point, reward_of(point), model, reference.tokens_BT, reference.keep_BT, reference, seeded(4)
        )
        outcome.loss.backward()
        return outcome, torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])

    dropped, gradient_P = step()
    with ended_rows(masked=True):
        masked, masked_gradient_P = step()
    assert masked.num_tokens == dropped.num_tokens
    assert masked.value == pytest.approx(dropped.value, rel=1e-4)
    torch.testing.assert_close(masked_gradient_P, gradient_P, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["policy_gradient", "interpolation"])
def test_masked_rows_report_a_model_that_is_no_number(name):
    point = algorithm(name).path("bleu").end
    model = build_model(LstmConfig(hidden_size=8), NUM_TOKENS, NUM_TOKENS, pad=SYMBOLS.pad, generator=seeded(3))
    with torch.no_grad():
        model.query.weight.fill_(torch.nan)
    reference = padded(*ROWS)
    given = (point, reward_of(point), model, reference.tokens_BT, reference.keep_BT, reference, seeded(4))
    with ended_rows(masked=True), pytest.raises(FloatingPointError, match="not a number"):
        step_loss(*given)
