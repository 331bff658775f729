import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.erpo.conditional import (
    DenseConditional,
    allowed_log_p,
    forbid,
    general_conditional,
    metric_conditional,
    model_conditional,
)
from erpo_explore.rewards import Increments
from erpo_explore.space import Point, Reward

from .frequencies import assert_drawn_from
from .tiny import BOS, EOS, NUM_TOKENS, PAD, SYMBOLS, UNK, A, B, C, seeded

INF = torch.inf
NEVER = list(SYMBOLS.never_drawn)
NUM_DRAWS = 20_000
TRUST = [(0.5, 0.5), (1.0, 0.0), (3.0, 7.0), (0.05, 0.0), (0.01, 0.4)]

values = st.floats(-50.0, 1.0, width=32)
logits = st.lists(st.floats(-40.0, 40.0, width=32), min_size=NUM_TOKENS, max_size=NUM_TOKENS)
log10_taus = st.floats(-4.0, 4.0)
rhos = st.sampled_from([1e-4, 0.5, 1.0]) | st.floats(1e-4, 1.0)


def point_of(alpha, beta=0.0):
    return Point(reward=Reward(task=1.0), alpha=alpha, beta=beta)


def trusting(rho, log10_tau):
    tau = 10.0**log10_tau
    return point_of(rho * tau, (1.0 - rho) * tau)


def some_logits(dtype=torch.float32):
    return torch.randn(2, NUM_TOKENS, generator=seeded(1)).mul_(2.0).to(dtype)


def increments_of(other, slots):
    """[1, V]: slots for EOS, A and B, with A in two slots of which one is kept; then the forbidden tokens."""
    return Increments(
        other_B=torch.tensor([other]),
        token_BJ=torch.tensor([[A, A, B, PAD, EOS]]),
        keep_BJ=torch.tensor([[True, False, True, False, True]]),
        value_BJ=torch.tensor([[slots[0], 77.0, slots[1], 78.0, slots[2]]]),
        num_tokens=NUM_TOKENS,
    ).without(torch.tensor([NEVER]))


SOME = increments_of(-0.3, (0.4, -0.1, -0.6)).take(torch.tensor([0, 0]))


def energies(point, increments, logits_NV):
    """The equation, in double precision."""
    log_p_NV = logits_NV.double().index_fill(1, torch.tensor(NEVER), -INF).log_softmax(-1)
    r_NV = 0.0 if increments is None else increments.dense().double()
    return (point.alpha * log_p_NV + r_NV) / point.tau


def assert_is(conditional, energy_NV, atol=1e-6, z_atol=1e-5):
    q_NV = energy_NV.softmax(-1)
    assert not conditional.q_NV.isnan().any()
    torch.testing.assert_close(conditional.soft().q_XV.double(), q_NV, rtol=1e-4, atol=atol)
    torch.testing.assert_close(conditional.log_z_N.double(), energy_NV.logsumexp(-1), rtol=1e-5, atol=z_atol)


class TestMetricConditional:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("increments", [SOME, None])
    @pytest.mark.parametrize(("alpha", "beta"), TRUST)
    def test_it_is_the_softmax_of_its_equation(self, alpha, beta, increments, dtype):
        point, logits_NV = point_of(alpha, beta), some_logits(dtype)
        energy_NV = energies(point, increments, logits_NV)
        assert_is(metric_conditional(point, increments, logits_NV, SYMBOLS, with_z=True), energy_NV)

    @pytest.mark.parametrize(("alpha", "beta"), TRUST)
    def test_without_z_the_distribution_is_the_same(self, alpha, beta):
        point = point_of(alpha, beta)
        with_z, without = (
            metric_conditional(point, SOME, some_logits(), SYMBOLS, with_z=with_z).q_NV for with_z in (True, False)
        )
        assert torch.equal(with_z, without)

    @given(log10_taus, rhos, st.lists(values, min_size=3, max_size=3), values, logits, st.booleans(), st.booleans())
    def test_it_is_that_softmax_at_every_temperature(self, log10_tau, rho, slots, other, written, half, alone):
        point = trusting(rho, log10_tau)
        increments = None if alone else increments_of(other, slots)
        logits_NV = torch.tensor([written]).to(torch.bfloat16 if half else torch.float32)
        energy_NV = energies(point, increments, logits_NV)
        # a relative error of 1e-7 in an energy is the same absolute error in a log-probability
        scale = 1e-6 * (1.0 + float(energy_NV[energy_NV.isfinite()].abs().max()))
        found = metric_conditional(point, increments, logits_NV, SYMBOLS, with_z=True)
        assert_is(found, energy_NV, atol=min(1.0, scale), z_atol=scale)
        assert not found.soft().q_XV[:, NEVER].any()

    @pytest.mark.parametrize("beta", [0.0, 1.0])
    def test_at_large_alpha_it_is_the_model(self, beta):
        found = metric_conditional(point_of(1e6, beta), SOME, some_logits(), SYMBOLS, with_z=False)
        model = model_conditional(some_logits(), SYMBOLS)
        torch.testing.assert_close(found.soft().q_XV, model.soft().q_XV, rtol=0.0, atol=2e-6)

    def test_at_small_alpha_it_is_the_softmax_of_the_reward(self):
        found = metric_conditional(point_of(1e-6, 0.5), SOME, some_logits(), SYMBOLS, with_z=True)
        torch.testing.assert_close(found.soft().q_XV, (SOME.dense() / 0.5).softmax(-1), rtol=0.0, atol=1e-5)

    def test_a_reward_of_0_at_beta_0_has_z_of_1(self):
        found = metric_conditional(point_of(1.0), None, some_logits(), SYMBOLS, with_z=True)
        torch.testing.assert_close(found.log_z_N, torch.zeros(2), rtol=0.0, atol=1e-6)


class TestGeneralConditional:
    INCREMENTS_NV = torch.tensor([[0.0, -1.0, -INF, 0.5], [-INF, -INF, -2.0, -INF]])
    LOG_P_NV = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]]).log_softmax(-1)

    @pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (0.0, 0.1), *TRUST])
    def test_it_is_the_softmax_of_its_equation(self, alpha, beta):
        energy_NV = (alpha * self.LOG_P_NV.double() + self.INCREMENTS_NV.double()) / (alpha + beta)
        assert_is(general_conditional(point_of(alpha, beta), self.INCREMENTS_NV.clone(), self.LOG_P_NV), energy_NV)

    @given(log10_taus, st.just(0.0) | rhos, st.lists(values | st.just(-INF), min_size=3, max_size=3), logits)
    def test_it_is_that_softmax_at_every_temperature(self, log10_tau, rho, increments, written):
        point = trusting(rho, log10_tau)
        increments_NV, log_p_NV = torch.tensor([[0.0, *increments]]), torch.tensor([written[:4]]).log_softmax(-1)
        energy_NV = (point.alpha * log_p_NV.double() + increments_NV.double()) / point.tau
        scale = 1e-6 * (1.0 + float(energy_NV[energy_NV.isfinite()].abs().max()))
        found = general_conditional(point, increments_NV.clone(), log_p_NV)
        assert_is(found, energy_NV, atol=min(1.0, scale), z_atol=scale)
        assert not found.soft().q_XV[increments_NV == -INF].any()

    @pytest.mark.parametrize(("alpha", "beta"), TRUST)
    def test_for_a_metric_it_equals_the_metrics_conditional(self, alpha, beta):
        point = point_of(alpha, beta)
        general = general_conditional(point, SOME.dense(), allowed_log_p(some_logits(), SYMBOLS))
        own = metric_conditional(point, SOME, some_logits(), SYMBOLS, with_z=True)
        torch.testing.assert_close(general.soft().q_XV, own.soft().q_XV)
        torch.testing.assert_close(general.log_z_N, own.log_z_N)

    def test_at_alpha_0_the_model_is_not_needed(self):
        point = point_of(0.0, 0.3)
        without, with_p = (
            general_conditional(point, self.INCREMENTS_NV.clone(), log_p_NV) for log_p_NV in (None, self.LOG_P_NV)
        )
        assert torch.equal(without.q_NV, with_p.q_NV)

    def test_at_large_alpha_it_is_the_model(self):
        found = general_conditional(point_of(1e6, 1.0), SOME.dense(), allowed_log_p(some_logits(), SYMBOLS))
        model = model_conditional(some_logits(), SYMBOLS)
        torch.testing.assert_close(found.soft().q_XV, model.soft().q_XV, rtol=0.0, atol=2e-6)

    def test_at_positive_alpha_the_model_is_needed(self):
        with pytest.raises(ValueError, match="alpha > 0 needs the model's log-probabilities"):
            general_conditional(point_of(0.5, 0.5), self.INCREMENTS_NV.clone(), None)

    def test_reward_and_model_that_forbid_everything_together_are_an_error(self):
        with pytest.raises(ValueError, match="forbid every token after some prefix"):
            general_conditional(point_of(1.0), torch.tensor([[0.0, -INF]]), torch.tensor([[-INF, 0.0]]))


class TestModelConditional:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_it_is_the_model_over_the_allowed_tokens(self, dtype):
        logits_NV = some_logits(dtype)
        expected_NV = logits_NV.double().exp()
        expected_NV[:, NEVER] = 0.0
        found = model_conditional(logits_NV, SYMBOLS)
        torch.testing.assert_close(found.soft().q_XV.double(), expected_NV / expected_NV.sum(-1, keepdim=True))

    def test_likeliest_returns_the_most_probable_token_and_its_probability(self):
        found = model_conditional(some_logits(), SYMBOLS)
        token_N, q_N = found.likeliest()
        highest = found.soft().q_XV.max(-1)
        assert torch.equal(token_N, highest.indices)
        torch.testing.assert_close(q_N, highest.values)

    @pytest.mark.parametrize("loud", [PAD, BOS, UNK])
    def test_a_forbidden_token_is_never_the_likeliest(self, loud):
        logits_NV = some_logits()
        logits_NV[:, loud] = 100.0
        assert torch.equal(
            model_conditional(logits_NV, SYMBOLS).likeliest()[0],
            model_conditional(some_logits(), SYMBOLS).likeliest()[0],
        )


class TestDraws:
    ENERGY_V = torch.tensor([0.1, 0.0, 0.6, 0.3]).log() + 3.0

    def drawn(self):
        conditional = DenseConditional.of(self.ENERGY_V.repeat(NUM_DRAWS, 1))
        return conditional.draw(seeded(1))

    def test_tokens_are_drawn_with_their_probabilities(self):
        assert_drawn_from(self.drawn()[0].bincount(minlength=4), torch.tensor([0.1, 0.0, 0.6, 0.3]))

    def test_the_returned_probability_is_the_drawn_tokens(self):
        token_N, q_N = self.drawn()
        torch.testing.assert_close(q_N, torch.tensor([0.1, 0.0, 0.6, 0.3])[token_N])

    def test_very_low_energies_are_normalised(self):
        assert DenseConditional.of(torch.full((2, 3), -1e30)).q_NV.tolist() == [[pytest.approx(1 / 3)] * 3] * 2


class TestErrors:
    def test_forbidding_everything_is_an_error(self):
        with pytest.raises(ValueError, match="reward and model forbid every token after some prefix"):
            DenseConditional.of(torch.tensor([[0.0, -1.0], [-INF, -INF]]))

    @pytest.mark.parametrize("wrong", [torch.nan, INF])
    @pytest.mark.parametrize("token", [EOS, A, C])
    def test_a_model_that_diverged_is_an_error(self, token, wrong):
        logits_NV = some_logits()
        logits_NV[1, token] = wrong
        with pytest.raises(FloatingPointError, match="the sampler's distribution is not a number"):
            model_conditional(logits_NV, SYMBOLS)

    def test_logits_of_forbidden_tokens_do_not_matter(self):
        logits_NV = some_logits()
        logits_NV[:, UNK] = torch.nan
        assert model_conditional(logits_NV, SYMBOLS).soft().q_XV.isfinite().all()


class TestForbid:
    def test_it_forbids_exactly_the_tokens_that_a_target_never_holds(self):
        found_NV = forbid(some_logits(), SYMBOLS)
        assert (found_NV[:, NEVER] == -INF).all()
        assert torch.equal(found_NV[:, [EOS, A, B, C]], some_logits()[:, [EOS, A, B, C]])

    def test_it_overwrites_single_precision_logits_only(self):
        single_NV, half_NV = some_logits(), some_logits(torch.bfloat16)
        assert forbid(single_NV, SYMBOLS).data_ptr() == single_NV.data_ptr()
        assert forbid(half_NV, SYMBOLS).dtype == torch.float32
        assert half_NV.isfinite().all()


class TestAllowedLogP:
    def test_words_and_eos_are_allowed(self):
        found_XV = allowed_log_p(torch.zeros(2, 3, NUM_TOKENS), SYMBOLS)
        assert found_XV.exp().flatten(0, 1).tolist() == [pytest.approx([0.0, 0.0, 0.25, 0.0, 0.25, 0.25, 0.25])] * 6

    def test_its_gradient_is_that_of_the_softmax_over_the_allowed_tokens(self):
        logits_NV = some_logits().requires_grad_()
        (found_NV,) = torch.autograd.grad(allowed_log_p(logits_NV, SYMBOLS)[:, A].sum(), logits_NV)
        expected_NV = -model_conditional(some_logits(), SYMBOLS).soft().q_XV
        expected_NV[:, A] += 1.0
        torch.testing.assert_close(found_NV, expected_NV)
