"""The budget of a trial: steps or epochs, and an interval that fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.config.experiment import Experiment, Training
from erpo_explore.errors import ConfigError

SMALLEST = {"name": "mine", "task": {"name": "toy"}}


@pytest.mark.parametrize(("steps", "interval"), [(600, 60), (12, 1), (3500, 350), (24, 2), (25, 5), (7, 1), (997, 997)])
def test_the_default_interval_divides_the_budget_into_about_ten(steps, interval):
    assert Training(steps=steps).interval == interval


def test_the_default_budget_is_600_steps():
    assert (Training().steps, Training().interval) == (600, 60)
    assert Training(interval=200).steps == 600


@given(st.floats(0.01, 50), st.none() | st.integers(1, 500), st.integers(1, 5000))
def test_epochs_become_as_many_steps_rounded_up_to_whole_intervals(epochs, interval, steps_per_epoch):
    training = Training(epochs=epochs, interval=interval)
    exact = epochs * steps_per_epoch
    if interval is not None and interval >= exact + 1:
        with pytest.raises(ValueError, match=r"training\.interval must be at most \d+, .* got \d+; lower it"):
            training.in_steps(steps_per_epoch)
        return
    resolved = training.in_steps(steps_per_epoch)
    assert resolved.epochs is None
    assert resolved.steps % resolved.interval == 0
    assert exact <= resolved.steps < exact + 1 + resolved.interval
    assert interval in (None, resolved.interval)
    assert resolved.steps // resolved.interval <= 10 or interval is not None


def test_both_sizes_of_a_batch_are_refused():
    with pytest.raises(
        ConfigError, match=r"batch_size and batch_tokens must not both .* batch_size=5 and batch_tokens=2"
    ):
        Experiment.from_dict(SMALLEST | {"training": {"batch_size": 5, "batch_tokens": 2}})


def test_the_default_batch_has_64_pairs():
    assert (Training().batch_size, Training(batch_tokens=900).batch_size) == (64, None)


def test_steps_stay_as_they_are():
    training = Training(steps=50, interval=10)
    assert training.in_steps(7) is training


def test_both_budgets_are_refused():
    with pytest.raises(ConfigError, match=r"training: steps and epochs must not both .* steps=5 and epochs=2; leave"):
        Experiment.from_dict(SMALLEST | {"training": {"steps": 5, "epochs": 2}})


@pytest.mark.parametrize("epochs", [0, -1, "many", float("inf")])
def test_epochs_are_a_number_above_0(epochs):
    with pytest.raises(ConfigError, match=r"training\.epochs: "):
        Experiment.from_dict(SMALLEST | {"training": {"epochs": epochs}})


@pytest.mark.parametrize(
    "training", [{"epochs": 2}, {"epochs": 2, "interval": 7}, {"steps": 12}, {}, {"batch_tokens": 50}]
)
def test_plain_values_of_either_budget_are_read_back(training):
    experiment = Experiment.from_dict(SMALLEST | {"training": training})
    assert Experiment.from_dict(experiment.to_dict()) == experiment


def test_initial_steps_must_fit_the_interval_of_the_epochs():
    experiment = Experiment.from_dict(
        SMALLEST | {"training": {"epochs": 3}, "init_from": {"algorithm": "mle", "steps": 25}}
    )
    with pytest.raises(ConfigError, match=r"init_from\.steps must be a multiple of training\.interval=30, got 25"):
        experiment.in_steps(100)


@pytest.mark.parametrize("average", ["ema", {"last": 3}, None])
def test_an_average_is_written_as_it_is_read(average):
    training = Training.model_validate({"average": average})
    assert Training.model_validate(training.model_dump(mode="json")).average == training.average


@pytest.mark.parametrize("average", ["sma", {"last": 1}, {"last": 2, "first": 1}, 0.99])
def test_another_average_is_refused(average):
    with pytest.raises(ValueError, match="average"):
        Training.model_validate({"average": average})
