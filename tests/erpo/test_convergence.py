"""The sequence-level E-step, E_q[f] ≈ Σ_k w_k f(y_k) with y_k ~ q̃, has error about K^−½ and bias about 1/K.

Legend: R rows, B groups of K rows, N enumerated targets.
"""

import math

import numpy as np
import pytest
import torch

from erpo_explore.erpo.weights import self_normalised

from .expected import MAX_TOKENS, draw, enumeration, task, weighted
from .prefix_tree import TRUTH
from .tiny import PAD, targets_of, tiny_model

POINT = task(1.0, 0.0, "bleu", 1.0, estimator=weighted("sequence"))
SIZES = (4, 16, 64, 256, 1024, 4096)
NUM_ROWS = 2**17
FUNCTIONS = ("reward", "reference")
"""f: the metric's value, and whether the target is the reference."""


@pytest.fixture(scope="module")
def exact():
    return enumeration(POINT, tiny_model())


@pytest.fixture(scope="module")
def drawn():
    return draw(POINT, tiny_model(), NUM_ROWS)


def f_of(name, reward, tokens):
    return reward if name == "reward" else (tokens == torch.tensor([*TRUTH, PAD])).all(1).float()


def exact_mean(exact, name):
    return (exact.log_q_N.exp() * f_of(name, exact.reward_N, exact.tokens_NL)).sum().item()


def gaps(drawn, exact, name, size):
    """[B]: error of each group's estimate."""
    weight_BK = self_normalised(drawn.log_z_R.view(-1, size), drawn.finished_R.view(-1, size))
    f_BK = f_of(name, drawn.reward_R, targets_of(drawn, MAX_TOKENS)).view(-1, size)
    return (weight_BK * f_BK).sum(1).double() - exact_mean(exact, name)


def exact_estimate(exact, name, size):
    """E over K draws of the estimate: E[Σ w f / Σ w] = K ∫ E[w f exp(−s w)] E[exp(−s w)]^(K − 1) ds.

    w = Π Z of targets that ended, 0 of those that were cut; groups without any that ended (one in 10^6) are left out.
    """
    q_token_N = exact.log_q_token_N.double().softmax(0)
    w_N = exact.log_z_N.double().exp() * exact.finished_N
    f_N = f_of(name, exact.reward_N, exact.tokens_NL).double()
    log_s_S = torch.linspace(-25.0, 8.0, 4001, dtype=torch.float64)
    fading_SN = (-log_s_S.exp()[:, None] * w_N).exp()
    first_S = (q_token_N * w_N * f_N * fading_SN).sum(1)
    others_S = (q_token_N * fading_SN).sum(1) ** (size - 1)
    return size * torch.trapezoid(first_S * others_S * log_s_S.exp(), log_s_S).item()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_error_falls_as_one_over_root_k(drawn, exact, name):
    errors = [gaps(drawn, exact, name, size).square().mean().sqrt().item() for size in SIZES]
    assert np.polyfit(np.log(SIZES), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_mean_estimate_equals_its_exact_expectation(drawn, exact, name, size):
    estimates_B = gaps(drawn, exact, name, size) + exact_mean(exact, name)
    error = (estimates_B.std() / math.sqrt(len(estimates_B))).item()
    assert abs(estimates_B.mean().item() - exact_estimate(exact, name, size)) < 4.0 * error


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_bias_falls_as_one_over_k(exact, name):
    """K · bias → −Σ q (q / q̃) (f − E_q[f]), the delta method's."""
    q_token_N = exact.log_q_token_N.double().softmax(0)
    q_N = q_token_N * exact.log_z_N.double().exp() * exact.finished_N
    q_N, f_N = q_N / q_N.sum(), f_of(name, exact.reward_N, exact.tokens_NL).double()
    mean = (q_N * f_N).sum()
    limit = -(q_N.square() / q_token_N * (f_N - mean)).sum().item()
    biases = [exact_estimate(exact, name, size) - mean.item() for size in SIZES[1:]]
    assert SIZES[-1] * biases[-1] == pytest.approx(limit, rel=0.01)
    assert np.polyfit(np.log(SIZES[1:]), np.log(np.abs(biases)), 1)[0] == pytest.approx(-1.0, abs=0.02)
