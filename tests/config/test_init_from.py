import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import FromCheckpoint, FromFolder, FromResults, FromTraining
from erpo_explore.errors import ConfigError

SMALLEST = {"name": "mine", "task": {"name": "toy"}, "training": {"steps": 600, "interval": 100}}


def read(init_from, **changes):
    return Experiment.from_dict(SMALLEST | {"init_from": init_from} | changes, origin="space.yaml")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None),
        ("results/x", FromFolder(folder="results/x")),
        ({"folder": "results/x", "optimizer": False}, FromFolder(folder="results/x", optimizer=False)),
        ({"results": "results/x", "algorithm": "mle"}, FromResults(results="results/x", algorithm="mle")),
        ({"checkpoint": "x", "optimizer": False}, FromCheckpoint(checkpoint="x", optimizer=False)),
        ({"algorithm": "mle", "steps": 200}, FromTraining(algorithm="mle", steps=200, num_seeds=1, optimizer=True)),
    ],
)
def test_init_from_is_read_and_written_back(written, expected):
    experiment = read(written)
    assert experiment.init_from == expected
    assert Experiment.from_dict(experiment.to_dict()) == experiment


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            3,
            r"^space\.yaml: init_from: must be a checkpoint or results folder, .*\{algorithm: NAME, steps: N\}, got 3$",
        ),
        ({}, r"init_from: must be .*, got \{\}$"),
        ({"results": "x", "steps": 3}, r"init_from\.steps: is unknown"),
        ({"checkpoint": "x", "algorithm": "mle"}, r"init_from\.algorithm: is unknown"),
        ({"algorithm": "mle"}, r"init_from\.steps: is missing"),
        ({"algorithm": "mle", "steps": 0}, r"init_from\.steps: must be >= 1, got 0"),
        ({"algorithm": "nix", "steps": 100}, r"init_from\.algorithm must be one of mle, .*got 'nix'"),
        ({"algorithm": "mle", "steps": 250}, r"init_from\.steps must be a multiple of training\.interval=100, got 250"),
    ],
)
def test_a_mistake_is_named_by_its_field(written, expected):
    with pytest.raises(ConfigError, match=expected):
        read(written)
