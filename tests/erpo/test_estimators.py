"""Every estimator, registered or from outside the package, behind one interface."""

import dataclasses
import math

import pytest
import torch

from erpo_explore.erpo import GradientEstimator, load_estimator, objective, step_loss
from erpo_explore.erpo.candidates import find_candidates
from erpo_explore.errors import ConfigError
from erpo_explore.space import Estimator, Point, Reward
from erpo_explore.space.estimator import ESTIMATORS

from . import best_of
from .prefix_tree import grouped_loss
from .tiny import (
    POINTS,
    UNK,
    A,
    B,
    enumerate_tiny,
    gradient,
    reference_of,
    reward_of,
    seeded,
    sequence_log_p,
    source_of,
    tiny_model,
    z_scores,
)
from .worlds import padded

BEST = f"{best_of.__name__}:BEST_OF_K"
EDIT, BLEU = Reward(task=1.0, metric="edit"), Reward(task=1.0, metric="bleu")
K = 3


def point(kind, reward=BLEU, alpha=1.0, beta=0.0, samples=K, **settings):
    return Point(reward=reward, alpha=alpha, beta=beta, estimator=Estimator(kind=kind, samples=samples, **settings))


ANCHOR = tiny_model(seed=9)
CANDIDATES = Estimator(kind="candidates", samples=K)
ADMITTED = {
    "token": point("token", alpha=0.4, beta=0.3),
    "policy_gradient": point("token", alpha=math.inf),
    "sequence": point("sequence", alpha=0.4, beta=0.3),
    "stratified": point("stratified", EDIT, alpha=0.0, beta=0.5),
    "ngram": point("ngram", alpha=0.0, beta=0.5),
    "candidates": dataclasses.replace(point("ngram", alpha=0.0, beta=0.5), anchor="frozen", estimator=CANDIDATES),
    "minimum_risk": point("minimum_risk", alpha=math.inf),
    "best_of": point("best_of", best_of=2),
    "target_policy": point("target_policy"),
    BEST: point(BEST),
}
"""A point that each estimator admits."""

REFERENCE = padded((A, B), (B,), (B, B, A), (UNK,))


def step(a_point, *, seed=1, reference=REFERENCE, model=None):
    model = tiny_model() if model is None else model
    sources = source_of(len(reference.tokens_BT))
    candidates = None
    if a_point.estimator.rules.needs_frozen:
        memory = ANCHOR.encode(*sources)
        candidates = find_candidates(ANCHOR, reward_of(a_point), memory, reference, max_tokens=4, number=K)
    return step_loss(a_point, reward_of(a_point), model, *sources, reference, seeded(seed), candidates=candidates)


def test_every_registered_estimator_is_tested():
    assert {a_point.estimator.kind for a_point in ADMITTED.values()} == {*ESTIMATORS, BEST}


@pytest.mark.parametrize("name", ADMITTED)
class TestConformance:
    def test_it_is_found_and_admits_its_point(self, name):
        found = load_estimator(ADMITTED[name].estimator.kind)
        assert isinstance(found, GradientEstimator)
        found.check(ADMITTED[name])

    def test_its_loss_is_finite_and_every_parameter_has_a_finite_gradient(self, name):
        model = tiny_model().train()
        outcome = step(ADMITTED[name], model=model)
        outcome.loss.backward()
        assert outcome.loss.shape == ()
        assert outcome.loss.isfinite()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())

    def test_the_same_seed_gives_the_same_loss_and_another_seed_another(self, name):
        assert torch.equal(step(ADMITTED[name]).loss, step(ADMITTED[name]).loss)
        assert len({float(step(ADMITTED[name], seed=seed).loss.detach()) for seed in range(1, 6)}) > 1

    def test_it_draws_from_the_steps_generator_alone(self, name):
        model = tiny_model()
        before = torch.random.get_rng_state()
        step(ADMITTED[name], model=model)
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_its_counts_are_those_of_its_draws(self, name):
        outcome, a_point = step(ADMITTED[name]), ADMITTED[name]
        num_rows = len(REFERENCE.tokens_BT) * a_point.estimator.draws_per_source
        longest = REFERENCE.tokens_BT.shape[1] + objective._LENGTH_SLACK + 5
        assert num_rows <= outcome.num_tokens <= num_rows * longest
        assert 0.0 < outcome.num_units <= outcome.num_tokens
        assert outcome.mean_reward is None or math.isfinite(outcome.mean_reward)

    def test_its_effective_sample_size_is_between_1_and_k(self, name):
        size = step(ADMITTED[name]).effective_sample_size
        assert size is None or 1.0 <= size <= K

    def test_nothing_is_drawn_where_the_reference_is_certain(self, name):
        kind = ADMITTED[name].estimator.kind
        if kind in ("token", "sequence", BEST):
            certain = Point(reward=Reward(truth=1.0), estimator=Estimator(kind=kind, samples=2))
            assert torch.equal(step(certain).loss, step(Point(reward=Reward(truth=1.0))).loss)
        else:
            with pytest.raises(ConfigError):
                point(kind, Reward(truth=1.0), ADMITTED[name].alpha, ADMITTED[name].beta)


class TestFromOutsideThePackage:
    """Best of K, `tests/erpo/best_of.py`: nothing in the package knows it."""

    MAX_TOKENS = 4

    @pytest.fixture(autouse=True)
    def few_targets(self, monkeypatch):
        monkeypatch.setattr(objective, "_LENGTH_SLACK", 1)

    def test_its_mean_gradient_is_that_of_all_pairs_of_targets(self):
        best_of_2, model = point(BEST, samples=2), tiny_model()
        exact = enumerate_tiny(best_of_2, model, self.MAX_TOKENS)
        log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True)

        def loss_of(index_PK):
            best_P1 = exact.reward_N[index_PK].argmax(1, keepdim=True)
            return -log_p_N[index_PK].gather(1, best_P1)[:, 0]

        exact_P = gradient(grouped_loss(log_p_N.exp(), 2, loss_of), model)
        reference = reference_of(copies=256)
        losses = [step(best_of_2, seed=seed, reference=reference, model=model).loss for seed in range(12)]
        estimates_KP = torch.stack([gradient(loss, model) for loss in losses])
        assert z_scores(estimates_KP, exact_P).max() < 6.0

    def test_one_step_down_its_gradient_raises_the_reward(self):
        best_of_8, model = point(BEST, samples=8), tiny_model()
        before = self.expected_reward(best_of_8, model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        step(best_of_8, reference=reference_of(copies=64), model=model).loss.backward()
        optimizer.step()
        assert self.expected_reward(best_of_8, model) > before

    def expected_reward(self, a_point, model):
        exact = enumerate_tiny(a_point, model, self.MAX_TOKENS)
        return float((exact.log_p_N.exp() * exact.reward_N).sum())

    def test_its_own_check_refuses_a_point(self):
        refused = Point(reward=POINTS["noising"].reward, estimator=Estimator(kind=BEST, samples=2))
        with pytest.raises(ConfigError, match="best of K needs reward task=1"):
            step(refused)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("no_such.module:X", "estimator.kind=no_such.module:X: the module no_such.module cannot be imported"),
            (f"{best_of.__name__}:NOT_AN_ESTIMATOR", "must name an instance of erpo_explore.erpo.GradientEstimator"),
            (f"{best_of.__name__}:BestOfK", "must name an instance of erpo_explore.erpo.GradientEstimator"),
        ],
    )
    def test_what_is_not_an_estimator_is_an_error(self, name, message):
        with pytest.raises(ConfigError, match=message):
            load_estimator(name)
