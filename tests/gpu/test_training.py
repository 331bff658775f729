"""On a GPU the same seed gives the same weights, and a checkpoint opens on a machine without a GPU."""

import pytest
import torch

from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import algorithm
from erpo_explore.tasks import ToyConfig, load_task
from erpo_explore.trial import TrainingRun, TrialSpec
from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint

PATHS = {name: algorithm(name).path("bleu") for name in ("mle", "data_noising", "raml", "spg", "policy_gradient")}


def run_on(device, name, seed=1):
    config = {"difficulty": 0.0, "train_pairs": 60, "validation_pairs": 8, "test_pairs": 0}
    task = load_task(ToyConfig.model_validate(config))
    spec = TrialSpec(name="gpu", role="algorithm", algorithm=name, seed=seed, path=PATHS[name])
    training = Training(steps=8, interval=4, batch_size=8, learning_rate=0.02)
    return TrainingRun(task, LstmConfig(hidden_size=16, dropout=0.2), training, spec, device)


def trained(device, name, intervals=1, seed=1):
    run = run_on(device, name, seed)
    for _ in range(intervals):
        run.advance()
    return run


@pytest.mark.gpu
@pytest.mark.parametrize("name", PATHS)
def test_the_same_seed_trains_the_same_weights(name, cuda):
    one, other = (trained(cuda, name).state()["model"] for _ in range(2))
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.gpu
def test_another_seed_trains_other_weights(cuda):
    one, other = (trained(cuda, "mle", seed=seed).state()["model"] for seed in (1, 2))
    assert not torch.equal(one["output_bias"], other["output_bias"])


@pytest.mark.gpu
@pytest.mark.parametrize("name", PATHS)
def test_a_run_continues_from_a_checkpoint_unchanged(name, cuda, tmp_path):
    run = trained(cuda, name)
    save_checkpoint(run.state(), tmp_path)
    resumed = run_on(cuda, name)
    resumed.load_state(load_checkpoint(tmp_path))
    one, other = run.advance(), resumed.advance()
    assert (one.train_loss_nats, one.scores) == (other.train_loss_nats, other.scores)


@pytest.mark.gpu
def test_a_gpu_checkpoint_continues_on_the_cpu(cuda, tmp_path):
    run = trained(cuda, "mle")
    save_checkpoint(run.state(), tmp_path)
    resumed = run_on(torch.device("cpu"), "mle")
    resumed.load_state(load_checkpoint(tmp_path))
    weights = resumed.state()["model"]
    assert all(torch.equal(weights[key], tensor.cpu()) for key, tensor in run.state()["model"].items())
    assert resumed.advance().step == 8
