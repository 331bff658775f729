"""Messages name field, requirement, value and remedy in plain words."""

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError

SMALLEST = {"name": "mine", "task": {"name": "toy"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"basline": ["mle"]}, "basline: is unknown; did you mean baselines?"),
        ({"search": {"membrs": 4}}, "search.membrs: is unknown; did you mean members?"),
        ({"xyz": 1}, "xyz: is unknown; docs/reference/yaml.md lists the fields"),
        ({"name": True}, "name: must be text, got True; put it in quotes"),
        ({"name": "my name"}, "name: must have letters, digits, dots, - and _ alone"),
        ({"training": None}, "training: must be a mapping of fields, got nothing; fill it in, or leave the field out"),
        ({"training": {"steps": "1e3"}}, "training.steps: must be a whole number, got '1e3'; YAML reads 1e3 as text"),
        ({"training": {"steps": 2.5}}, "training.steps: must be a whole number, got 2.5"),
        ({"training": {"learning_rate": "fast"}}, "training.learning_rate: must be a number, got 'fast'"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: must be a finite number, got nan"),
        ({"training": {"batch_size": -3}}, "training.batch_size: must be >= 1, got -3"),
        ({"search": {"synchronous": "maybe"}}, "search.synchronous: must be true or false, got 'maybe'"),
        ({"search": {"warm_start": "old"}}, "search.warm_start: must be a list, got 'old'"),
        ({"search": {"method": "populaton"}}, "got 'populaton'; did you mean population?"),
        ({"task": "toy"}, "task: must be a mapping of fields, got 'toy'"),
        ({"task": {"name": "filse"}}, "got 'filse'; did you mean files?"),
        ({"task": {"name": "toy", "metrc": "bleu"}}, "task.metrc: is unknown; did you mean metric?"),
        ({"baselines": ["ramll"]}, "got 'ramll'; did you mean raml?"),
        ({"baselines": [{"raml": {"temperatur": 1}}]}, "known are metric, temperature; did you mean temperature?"),
        ({"baselines": {"p": {"knots": []}}}, "baselines: p: path.knots must hold at least one knot"),
    ],
)
def test_a_mistake_is_explained(changes, expected):
    with pytest.raises(ConfigError) as refused:
        Experiment.from_dict(SMALLEST | changes, origin="mine.yaml")
    assert str(refused.value).startswith("mine.yaml: ")
    assert expected in str(refused.value)


def test_a_number_with_an_exponent_is_a_number_everywhere():
    """YAML 1.1 reads 1e-3 as text."""
    experiment = Experiment.from_dict(
        SMALLEST | {"training": {"learning_rate": "1e-3"}, "baselines": {"cold": {"raml": {"temperature": "1e-3"}}}}
    )
    assert experiment.training.learning_rate == 0.001
    assert experiment.paths["cold"].end.tau == 0.001


def test_a_long_value_is_cut():
    with pytest.raises(ConfigError) as refused:
        Experiment.from_dict(SMALLEST | {"search": "x" * 1000})
    assert len(str(refused.value)) < 200
