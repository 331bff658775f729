"""Averaged weights: what is evaluated, what is stored, and what training goes on from."""

import pytest
import torch

from erpo_explore.config.training import Training
from erpo_explore.trial.averaging import mean_weights, weights_to_use
from erpo_explore.trial.checkpoint import save_checkpoint
from erpo_explore.trial.evaluation import evaluate
from erpo_explore.trial.initial_weights import load_initial_weights

from .tiny import CPU, MODEL, PATHS, SEED, TRAINING, run_of, same, toy, weights


def averaging(average):
    return Training.model_validate(TRAINING.model_dump() | {"average": average})


@pytest.fixture(params=["ema", {"last": 2}], ids=str)
def training(request):
    return averaging(request.param)


def test_training_goes_on_from_the_weights_themselves(training):
    plain, averaged = run_of(PATHS["mle"]), run_of(PATHS["mle"], training=training)
    for _ in range(3):
        plain.advance()
        averaged.advance()
    assert same(weights(averaged), weights(plain))
    assert not same(weights_to_use(averaged.state()), weights(plain))


def test_the_average_of_the_last_is_the_mean_after_each_interval():
    run, kept = run_of(PATHS["mle"], training=averaging({"last": 2})), []
    for _ in range(3):
        run.advance()
        kept.append(weights(run))
    for name, tensor in weights_to_use(run.state()).items():
        torch.testing.assert_close(tensor, (kept[1][name] + kept[2][name]) / 2)


def test_ema_follows_its_equation():
    run = run_of(PATHS["mle"], training=averaging("ema"))
    plain = run_of(PATHS["mle"], training=TRAINING.model_copy(update={"interval": 1}))
    expected = weights(plain)
    for step in range(1, 5):
        plain.advance()
        decay = (1 + step) / (10 + step)
        expected = {name: decay * mean + (1 - decay) * weights(plain)[name] for name, mean in expected.items()}
    run.advance()
    run.advance()
    for name, tensor in weights_to_use(run.state()).items():
        torch.testing.assert_close(tensor, expected[name])


def test_the_average_is_what_is_scored(training):
    run = run_of(PATHS["mle"], training=training)
    run.advance()
    observation = run.advance()
    with run.averaged():
        scores = evaluate(run.model, toy(), toy().validation)
    assert observation.scores.validation_nll_nats == scores.validation_nll_nats
    assert scores.validation_nll_nats != evaluate(run.model, toy(), toy().validation).validation_nll_nats


def test_a_loaded_run_continues_its_average(training):
    run, other = run_of(PATHS["mle"], training=training), run_of(PATHS["mle"], training=training)
    run.advance()
    other.load_state(run.state())
    run.advance()
    other.advance()
    assert same(other.state()["average"], run.state()["average"])


def test_without_an_average_the_weights_are_used():
    run = run_of(PATHS["mle"])
    run.advance()
    assert run.state()["average"] is None
    assert same(weights_to_use(run.state()), weights(run))


def test_whole_numbers_are_not_averaged():
    kept = [{"n": torch.tensor(1), "w": torch.tensor(1.0)}, {"n": torch.tensor(4), "w": torch.tensor(2.0)}]
    assert mean_weights(kept) == {"n": torch.tensor(4), "w": torch.tensor(1.5)}


def test_the_device_is_kept(training):
    run = run_of(PATHS["mle"], training=training)
    run.advance()
    assert all(tensor.device == CPU for tensor in weights_to_use(run.state()).values())


@pytest.mark.parametrize("optimizer", [True, False])
def test_a_branch_begins_with_the_averaged_weights(training, optimizer, tmp_path):
    run, branch = run_of(PATHS["mle"], training=training), run_of(PATHS["mle"], name="branch")
    run.advance()
    score = run.advance().scores
    save_checkpoint(run.state(), tmp_path)
    initial = load_initial_weights([tmp_path], optimizer=optimizer, first_seed=SEED, task=toy(), model=MODEL)
    branch.take_weights(initial.for_seed(SEED))
    assert same(weights(branch), weights_to_use(run.state()))
    assert evaluate(branch.model, toy(), toy().validation).validation_nll_nats == score.validation_nll_nats
