import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.rewards import Increments

NUM_TOKENS = 6
INF = math.inf

values = st.floats(-1e4, 1e4, width=32)


@st.composite
def increments(draw):
    """Two rows of four slots; some tokens are in several slots, of which at most one is kept."""
    tokens = draw(st.lists(st.lists(st.integers(0, NUM_TOKENS - 1), min_size=4, max_size=4), min_size=2, max_size=2))
    wanted = draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=2))
    keep = [
        [want and token not in row[:j] for j, (token, want) in enumerate(zip(row, wants, strict=True))]
        for row, wants in zip(tokens, wanted, strict=True)
    ]
    return Increments(
        other_B=torch.tensor(draw(st.lists(values, min_size=2, max_size=2))),
        token_BJ=torch.tensor(tokens),
        keep_BJ=torch.tensor(keep),
        value_BJ=torch.tensor(draw(st.lists(st.lists(values, min_size=4, max_size=4), min_size=2, max_size=2))),
        num_tokens=NUM_TOKENS,
    )


def written_out(found: Increments) -> torch.Tensor:
    """[B, V], slot by slot."""
    rows = []
    for b in range(len(found.other_B)):
        row = [float(found.other_B[b])] * found.num_tokens
        for token, keep, value in zip(found.token_BJ[b], found.keep_BJ[b], found.value_BJ[b], strict=True):
            if keep:
                row[int(token)] = float(value)
        rows.append(row)
    return torch.tensor(rows)


@given(increments())
def test_dense_has_every_kept_slots_value_and_one_value_for_all_other_tokens(found):
    torch.testing.assert_close(found.dense(), written_out(found), rtol=1e-6, atol=2e-3)


@given(increments())
def test_the_value_of_a_token_is_exactly_its_slots(found):
    of_BV = torch.stack([found.of(torch.tensor([v, v])) for v in range(NUM_TOKENS)], dim=1)
    assert torch.equal(of_BV, written_out(found))


@given(increments(), st.sampled_from([1e-4, 0.5, 3.0]))
def test_scaling_scales_every_value(found, scale):
    torch.testing.assert_close(written_out(found.scaled(scale)), written_out(found) * scale)


@given(increments(), st.sampled_from([0.25, 1.0, 2.0]))
def test_gains_are_added_to_the_energies(found, scale):
    energy_BV = torch.arange(2.0 * NUM_TOKENS).reshape(2, NUM_TOKENS)
    before_BV = energy_BV.clone()
    expected_BV = energy_BV + scale * written_out(found)
    torch.testing.assert_close(
        found.add_gains(energy_BV + scale * found.other_B[:, None], scale), expected_BV, rtol=1e-6, atol=5e-3
    )
    assert torch.equal(energy_BV, before_BV)


@given(increments())
def test_the_log_softmax_is_that_of_all_tokens(found):
    torch.testing.assert_close(
        written_out(found.log_softmax()), written_out(found).double().log_softmax(-1).float(), rtol=1e-6, atol=2e-3
    )


@pytest.mark.parametrize("kept", [0, NUM_TOKENS])
def test_the_log_softmax_holds_where_no_token_or_every_token_has_a_slot(kept):
    found = Increments(
        other_B=torch.tensor([-0.5]),
        token_BJ=torch.arange(kept)[None],
        keep_BJ=torch.ones(1, kept, dtype=torch.bool),
        value_BJ=torch.linspace(-1.0, 1.0, kept)[None],
        num_tokens=NUM_TOKENS,
    )
    torch.testing.assert_close(found.log_softmax().dense(), found.dense().log_softmax(-1))


def test_a_forbidden_token_is_minus_infinity_in_every_form():
    found = Increments(
        other_B=torch.tensor([-1.0]),
        token_BJ=torch.tensor([[4, 4]]),
        keep_BJ=torch.tensor([[True, False]]),
        value_BJ=torch.tensor([[2.0, 9.0]]),
        num_tokens=NUM_TOKENS,
    ).without(torch.tensor([[0, 1]]))
    assert found.dense().tolist() == [[-INF, -INF, -1.0, -1.0, 2.0, -1.0]]
    assert found.of(torch.tensor([1])).tolist() == [-INF]
    assert found.log_softmax().dense().exp().sum(-1).tolist() == pytest.approx([1.0])
    assert found.log_softmax().dense()[:, :2].tolist() == [[-INF, -INF]]


@given(increments(), st.lists(st.integers(0, 1), max_size=4))
def test_rows_can_be_selected_before_or_after(found, rows):
    row_N = torch.tensor(rows, dtype=torch.long)
    assert torch.equal(found.take(row_N).dense(), found.dense()[row_N])
