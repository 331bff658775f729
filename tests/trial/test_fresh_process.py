"""A fresh process that loads a run's state, or begins with the same seed, measures the same numbers."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint

from .fresh import ALGORITHM_PATHS, NUM_AFTER, NUM_BEFORE, outcome
from .tiny import PATHS, run_of, same


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Measurements of each path in this process, with a checkpoint in between."""
    folder = tmp_path_factory.mktemp("states")
    outcomes = {}
    for name, path in PATHS.items():
        run = run_of(path)
        before, _ = outcome(run, NUM_BEFORE)
        (folder / name).mkdir()
        save_checkpoint(run.state(), folder / name)
        after, weights = outcome(run, NUM_AFTER)
        outcomes[name] = before, after, weights
    return folder, outcomes


@pytest.fixture(scope="module")
def elsewhere(undisturbed):
    """Measurements of a fresh process: from the checkpoints, from the seeds, and of every algorithm."""
    folder, _ = undisturbed
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-m", "tests.trial.fresh", str(folder)], cwd=root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return torch.load(folder / "outcomes.pt", weights_only=False)


@pytest.mark.parametrize("name", PATHS)
def test_a_resumed_run_continues_with_the_same_numbers(name, undisturbed, elsewhere):
    _, after, weights = undisturbed[1][name]
    observed, resumed_weights = elsewhere[0][name]["resumed"]
    assert observed == after
    assert same(resumed_weights, weights)


@pytest.mark.parametrize("name", PATHS)
def test_the_same_seed_measures_the_same(name, undisturbed, elsewhere):
    before, after, weights = undisturbed[1][name]
    observed, repeated_weights = elsewhere[0][name]["repeated"]
    assert observed == before + after
    assert same(repeated_weights, weights)


def test_the_plateau_path_moved_before_and_after_the_checkpoint(undisturbed):
    folder, outcomes = undisturbed
    assert load_checkpoint(folder / "plateau")["schedule"]["moves"] == 1
    assert len(outcomes["plateau"][1][-1]["path"]["knots"]) > 1 + 2


@pytest.mark.parametrize("name", sorted(PATHS.keys() - {"mle", "plateau", "scheduled_sampling"}))
def test_the_others_drew_targets(name, undisturbed):
    last = undisturbed[1][name][0][-1]
    if name == "candidates":  # which are drawn as wholes: they have a reward, and no entropy of their tokens
        assert last["mean_reward"] is not None
    else:
        assert last["entropy_nats"] > 0.0


@pytest.mark.parametrize("name", ALGORITHM_PATHS)
def test_every_algorithm_measures_the_same_with_the_same_seed(name, elsewhere):
    observed, weights = outcome(run_of(ALGORITHM_PATHS[name]), 1)
    observed_there, weights_there = elsewhere[1][name]
    assert observed_there == observed
    assert same(weights_there, weights)
    assert observed[0]["train_loss_nats"] is not None


def test_another_seed_measures_something_else(elsewhere):
    _, weights_there = elsewhere[1]["spg"]
    _, weights = outcome(run_of(ALGORITHM_PATHS["spg"], seed=21), 1)
    assert not same(weights_there, weights)
