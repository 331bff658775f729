"""Functions that a program passes as values are found under their names, here and in workers."""

import pytest

from erpo_explore import callables
from erpo_explore.errors import ConfigError
from erpo_explore.named_function import load_object
from erpo_explore.seq2seq.custom_config import CustomConfig
from erpo_explore.space import algorithm


def overlap(hypotheses, references):
    return [0.5 for _ in hypotheses]


def test_a_function_as_a_metric_becomes_its_name_and_is_found_again():
    risk = algorithm("minimum_risk", metric=overlap)
    assert risk.settings["metric"] == f"{__name__}:overlap"
    assert load_object("reward.metric", risk.settings["metric"]) is overlap


def test_a_function_within_a_function_is_found_though_it_cannot_be_imported():
    def inner(hypotheses, references):
        return [1.0 for _ in hypotheses]

    name = callables.register(inner)
    assert "<locals>" not in name
    assert load_object("reward.metric", name) is inner


def test_a_later_function_of_the_same_name_takes_the_place_of_the_earlier_one():
    def make(score):
        def same(hypotheses, references):
            return [score for _ in hypotheses]

        return same

    first, second = make(0.0), make(1.0)
    assert callables.register(first) == callables.register(second)
    assert callables.find(callables.register(second)) is second


def test_a_model_may_be_built_by_a_function_that_is_passed():
    assert CustomConfig(function=overlap).function == f"{__name__}:overlap"


@pytest.mark.parametrize("function", [lambda *_: [], "overlap", 3])
def test_what_has_no_name_is_refused(function):
    with pytest.raises(ConfigError, match="must be a function or class with a name"):
        callables.register(function)


def test_workers_get_what_the_driver_has_registered():
    name = callables.register(overlap)
    sent = callables.registered()
    callables.register_all({name: sent[name]})
    assert callables.find(name) is overlap
