import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.errors import ConfigError
from erpo_explore.space import Estimator, Point, Reward
from erpo_explore.space.estimator import BASELINES, KINDS, TOKEN, EstimatorRules

_ANY = {"samples": st.integers(2, 64), "baseline": st.sampled_from([None, *BASELINES])}
estimators = st.builds(Estimator, kind=st.sampled_from(KINDS), **_ANY) | st.builds(
    Estimator, kind=st.just("minimum_risk"), sharpness=st.floats(1e-3, 10.0), **_ANY
)


@given(estimators)
def test_from_dict_inverts_to_dict(estimator):
    assert Estimator.from_dict(estimator.to_dict()) == estimator


@pytest.mark.parametrize("kind", ["token", "stratified"])
def test_a_kind_that_needs_one_draw_may_be_written_alone(kind):
    assert Estimator.from_dict(kind) == Estimator(kind=kind)


def test_the_default_is_one_draw_token_by_token():
    assert Estimator() == TOKEN
    assert (TOKEN.kind, TOKEN.samples, TOKEN.draws_per_source) == ("token", 1, 1)


@given(estimators)
def test_one_of_the_targets_that_are_proposed_is_trained_on(estimator):
    assert estimator.draws_per_source == (1 if estimator.kind in ("ngram", "candidates") else estimator.samples)


@pytest.mark.parametrize(("kind", "baseline"), [("token", "self_critical"), ("target_policy", "group")])
def test_the_default_baseline_is_that_of_the_kind(kind, baseline):
    assert Estimator(kind=kind, samples=2).chosen_baseline == baseline
    assert Estimator(kind=kind, samples=2, baseline="none").chosen_baseline == "none"


def test_an_estimator_from_outside_admits_every_point():
    estimator = Estimator.from_dict("mine.estimators:NEW")
    assert Estimator.from_dict(estimator.to_dict()) == estimator
    assert estimator.rules == EstimatorRules(
        implementation="mine.estimators:NEW",
        weighs="always",
        has_sharpness=True,
        has_best_of=True,
        admits_reference="always",
    )
    for alpha in (0.0, 1.0, math.inf):
        reward, beta = Reward(task=1.0, metric="mine:wer"), 0.0 if math.isinf(alpha) else 1.0
        assert Point(reward=reward, alpha=alpha, beta=beta, estimator=estimator).alpha == alpha


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"kind": "greedy"}, r"estimator\.kind must be one of token, sequence, .*, got 'greedy'"),
        ({"samples": 0}, r"estimator\.samples must be a whole number >= 1, got 0"),
        ({"samples": 2.0}, r"estimator\.samples must be a whole number >= 1, got 2\.0"),
        ({"samples": True}, r"estimator\.samples must be a whole number >= 1, got True"),
        ({"kind": "sequence"}, r"estimator\.samples must be >= 2 for kind=sequence, got 1; use e\.g\. 4"),
        ({"baseline": "mean"}, r"estimator\.baseline must be one of none, self_critical, .*, got 'mean'"),
        ({"baseline": "group"}, r"samples must be >= 2 for baseline=group, got 1; .*or baseline: self_critical"),
        ({"sharpness": 0.0}, r"estimator\.sharpness must be > 0 and finite, got 0\.0"),
        ({"sharpness": math.nan}, r"estimator\.sharpness must be > 0 and finite, got nan"),
        ({"sharpness": 0.5}, r"estimator\.sharpness has no effect with kind=token, got 0\.5; leave it out"),
        ({"samples": 4, "best_of": 2}, r"estimator\.best_of has no effect with kind=token, got 2; leave it out"),
        ({"kind": "best_of", "samples": 4, "best_of": 5}, r"best_of must be a whole number from 2 to samples=4, got 5"),
        ({"kind": "best_of", "samples": 4, "best_of": 1}, r"best_of must be a whole number from 2 to samples=4, got 1"),
        ({"reuse": 0}, r"estimator\.reuse must be a whole number >= 1, got 0"),
        ({"reuse": 2, "clip": 0.0}, r"estimator\.clip must be > 0 and finite, got 0\.0; PPO has 0\.2"),
        ({"clip": 0.2}, r"estimator\.clip=0\.2 has no effect with reuse=1, where the ratio is 1; leave it out"),
        ({"with_reference": 1}, r"estimator\.with_reference must be true or false, got 1"),
        ({"with_reference": True}, r"samples must be >= 2 for with_reference=true, got 1; use e\.g\. 4, of which one"),
        ({"draws": 3}, r"estimator\.draws is unknown; known are kind, samples, baseline, scale, normalise, sharpness"),
        (3, r"estimator must be a kind or a mapping, got 3"),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy(written, message):
    with pytest.raises(ConfigError, match=message):
        Estimator.from_dict(written)
