import dataclasses
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.errors import ConfigError
from erpo_explore.space import Reward

from .strategies import rewards


@given(rewards())
def test_from_dict_inverts_to_dict(reward):
    assert Reward.from_dict(reward.to_dict()) == reward


@given(rewards())
def test_to_dict_survives_yaml(reward):
    assert Reward.from_dict(yaml.safe_load(yaml.safe_dump(reward.to_dict()))) == reward


def test_to_dict_leaves_out_defaults_without_effect():
    assert Reward(truth=0.75, noise=0.25).to_dict() == {"truth": 0.75, "noise": 0.25}


@pytest.mark.parametrize(
    ("name", "reward"),
    [
        ("truth", Reward(truth=1.0)),
        ("noise", Reward(noise=1.0)),
        ("model", Reward(model=1.0)),
        ("bleu", Reward(task=1.0, metric="bleu")),
        ("rouge", Reward(task=1.0, metric="rouge")),
        ("edit", Reward(task=1.0, metric="edit")),
    ],
)
def test_a_corner_is_read_by_its_name(name, reward):
    assert Reward.from_dict(name) == reward


def test_whole_numbers_are_read_as_weights():
    assert Reward.from_dict({"truth": 1, "temperature": 2}) == Reward(truth=1.0, temperature=2.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"truth": 1.5}, r"reward\.truth must lie in \[0, 1\], got 1\.5; it is a share"),
        ({"noise": -0.1, "truth": 1.0}, r"reward\.noise must lie in \[0, 1\], got -0\.1; it is a share"),
        ({"model": math.nan}, r"reward\.model must lie in \[0, 1\], got nan; it is a share"),
        ({"task": math.inf}, r"reward\.task must lie in \[0, 1\], got inf; it is a share"),
        ({}, r"truth, noise, task, model must sum to 1, got 0; use e\.g\. \{truth: 0\.9, noise: 0\.1\}"),
        ({"truth": 0.5, "task": 0.25}, r"must sum to 1, got 0\.75; use"),
        (
            {"truth": 1.0, "metric": "meteor"},
            r"reward\.metric must be one of bleu, .*as package\.module:function, got 'meteor'",
        ),
        ({"truth": 1.0, "temperature": 0.0}, r"reward\.temperature must be > 0 and finite, got 0\.0"),
        ({"truth": 1.0, "temperature": math.inf}, r"reward\.temperature must be > 0 and finite, got inf"),
        ({"truth": 1.0, "temperature": math.nan}, r"reward\.temperature must be > 0 and finite, got nan"),
    ],
)
@pytest.mark.usefixtures("as_users_run")
def test_a_value_out_of_range_is_named_with_its_remedy(settings, message):
    with pytest.raises(ConfigError, match=message):
        Reward(**settings)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("meteor", r"one of truth, noise, model, bleu, .*chrf, .* or a mapping of weights, got 'meteor'"),
        (7, r"reward must be a name or a mapping of weights, got 7"),
        (None, r"reward must be a name or a mapping of weights, got nothing"),
        (["truth"], r"reward must be a name or a mapping of weights, got \['truth'\]"),
        ({"truht": 1.0}, r"reward\.truht is unknown; known are truth, noise, task, model, metric, temperature"),
        ({"truth": "1"}, r"reward\.truth must be a number, got '1'"),
        ({"truth": True}, r"reward\.truth must be a number, got True"),
        (
            {"task": 1.0, "metric": ["bleu"]},
            r"reward\.metric must be one of bleu, .*as package\.module:function, got \['bleu'\]",
        ),
        ({"truth": 10**400}, r"reward\.truth must"),
    ],
)
@pytest.mark.usefixtures("as_users_run")
def test_a_wrong_field_is_named_with_its_remedy(written, message):
    with pytest.raises(ConfigError, match=message):
        Reward.from_dict(written)


def test_a_reward_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Reward(truth=1.0).truth = 0.5


def test_equal_rewards_have_equal_hashes():
    assert len({Reward(truth=1.0), Reward(truth=1.0), Reward(noise=1.0)}) == 2


@given(rewards())
def test_weights_are_truth_noise_task_model(reward):
    assert reward.weights == (reward.truth, reward.noise, reward.task, reward.model)


@given(rewards())
def test_is_truth_holds_only_at_the_corner_of_truth(reward):
    assert reward.is_truth == (reward == dataclasses.replace(reward, truth=1.0, noise=0.0, task=0.0, model=0.0))


@given(st.floats(0.0, 1.0))
def test_weights_may_differ_from_one_by_rounding(noise):
    assert Reward(truth=1.0 - noise, noise=noise).noise == noise


def test_a_reward_prints_what_a_user_would_write():
    assert str(Reward(truth=0.75, task=0.25, metric="rouge", temperature=0.1)) == (
        "truth=0.75 task=0.25 metric=rouge temperature=0.1"
    )
