import copy

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.renamed import upgraded
from erpo_explore.errors import ConfigError

TODAY = {
    "name": "mine",
    "task": {"name": "toy", "validation_pairs": 20},
    "model": {"kind": "lstm", "hidden_size": 16},
    "training": {"steps": 200, "interval": 100, "validation_limit": 10},
    "search": {"candidates": {"grpo": {"samples": 2}}, "p_candidate": 0.5, "p_start": 0.1, "p_lowest": 0.3},
    "baselines": {"mle": {}, "by_hand": {"knots": [{"at": 0.0, "point": {"reward": "truth"}}]}},
    "init_from": {"algorithm": "mle", "steps": 100},
}
OLDER = {
    "name": "mine",
    "task": {"name": "toy", "valid_pairs": 20},
    "model": {"kind": "lstm", "units": 16},
    "training": {"steps": 200, "interval": 100, "valid_limit": 10},
    "search": {
        "landmarks": {"grpo": {"samples": 2}},
        "visit": 0.5,
        "home": 0.1,
        "absent": 0.3,
        "propose": "bandit",
        "trust": 0.4,
    },
    "dots": {"mle": {}},
    "paths": {"by_hand": {"knots": [{"at": 0.0, "point": {"reward": "truth"}}]}},
    "start_from": {"dot": "mle", "steps": 100},
}
SMALLEST = {"name": "mine", "task": {"name": "toy"}}


def test_an_older_experiment_is_upgraded_to_todays_words():
    before = copy.deepcopy(OLDER)
    assert upgraded(OLDER) == TODAY
    assert before == OLDER
    Experiment.from_dict(upgraded(OLDER))


def test_todays_words_stay():
    assert upgraded(TODAY) == TODAY


def test_an_older_list_takes_paths_as_well():
    older = {"dots": ["mle", {"raml": {}}], "paths": {"cold": {"raml": {}}}}
    assert upgraded(older) == {"baselines": ["mle", {"raml": {}}, {"cold": {"raml": {}}}]}


def test_a_path_may_have_had_the_name_of_an_algorithm():
    path = {"clock": "step", "knots": [{"at": 0.0, "point": {"reward": "truth"}}]}
    experiment = Experiment.from_dict(upgraded(SMALLEST | {"dots": {"mle": {}}, "paths": {"raml": path}}))
    assert (list(experiment.algorithms), list(experiment.paths)) == (["mle"], ["raml"])


@pytest.mark.parametrize("written", [None, [], "x", {}, {"search": None}, {3: {"dot": 1}}])
def test_what_is_no_experiment_is_left_to_the_schema(written):
    assert upgraded(written) == written


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dots": ["mle"]}, r"dots is now baselines$"),
        ({"paths": {}}, r"paths is now baselines, which takes paths as well; move the entries there$"),
        ({"start_from": "results/x"}, r"start_from is now init_from$"),
        ({"start_from": {"dot": "mle"}}, r"start_from is now init_from; init_from\.dot is now init_from\.algorithm$"),
        ({"init_from": {"dot": "mle", "steps": 3}}, r"init_from\.dot is now init_from\.algorithm$"),
        ({"model": {"units": 8}}, r"model\.units is now model\.hidden_size$"),
        ({"model": {"kind": "own", "function": "a:b"}}, r"model\.kind: own is now custom$"),
        ({"training": {"valid_limit": 8}}, r"training\.valid_limit is now training\.validation_limit$"),
        ({"task": {"name": "toy", "valid_pairs": 8}}, r"task\.valid_pairs is now task\.validation_pairs$"),
        ({"search": {"landmarks": ["grpo"]}}, r"search\.landmarks is now search\.candidates$"),
        (
            {"search": {"visit": 0.1, "home": 0.1}},
            r"search\.visit is now search\.p_candidate; search\.home is now search\.p_start$",
        ),
        ({"search": {"absent": 0.1}}, r"search\.absent is now search\.p_lowest$"),
        ({"search": {"propose": "bandit"}}, r"search\.propose must be left out; the bandit was removed, since"),
        ({"search": {"trust": 0.4}}, r"search\.trust must be left out; the bandit was removed, since"),
    ],
)
def test_the_error_for_an_older_yaml_names_todays_word(changes, message):
    with pytest.raises(ConfigError, match=rf"^mine\.yaml: {message}"):
        Experiment.from_dict(SMALLEST | changes, origin="mine.yaml")
