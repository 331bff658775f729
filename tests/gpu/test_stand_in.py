"""A whole run on a stand-in device, where a tensor that was forgotten on the CPU is an error."""

import pytest
import torch
from torch.utils._pytree import tree_map

from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import LstmConfig, TransformerConfig
from erpo_explore.seq2seq.ended_rows import ended_rows
from erpo_explore.space import ALGORITHMS, algorithm
from erpo_explore.tasks import ToyConfig, load_task
from erpo_explore.trial import TrainingRun, TrialSpec
from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint

from .stand_in import CPU, OnDevice, stand_in_device

LSTM = LstmConfig(hidden_size=8, dropout=0.2)
TRANSFORMER = TransformerConfig(hidden_size=8, layers=1, heads=2, dropout=0.2)
TOY = {"difficulty": 0.0, "train_pairs": 8, "validation_pairs": 2, "test_pairs": 0}


def run_of(model, path, device):
    spec = TrialSpec(name="stand-in", role="algorithm", algorithm="mle", seed=1, path=path)
    training = Training(steps=4, interval=1, batch_size=4, learning_rate=0.02, validation_limit=2)
    return TrainingRun(load_task(ToyConfig.model_validate(TOY)), model, training, spec, device)


def on_cpu(value):
    """The same state of plain tensors, since a subclass is not written as one."""
    return tree_map(lambda each: each.cpu() if isinstance(each, OnDevice) else each, value)


class TestTheDevice:
    def test_it_refuses_tensors_of_the_cpu(self):
        with stand_in_device() as device:
            one, other = torch.ones(2, device=device), torch.ones(2)
            assert (one.device, (one + 1.0).device, other.device) == (device, device, CPU)
            with pytest.raises(RuntimeError, match="one device"):
                one + other
            assert (one.cpu() + other).tolist() == [2.0, 2.0]
            assert (one + other.to(device)).tolist() == [2.0, 2.0]

    def test_it_computes_what_the_cpu_does(self):
        with stand_in_device() as device:
            weight = torch.arange(6.0, device=device).view(2, 3).requires_grad_()
            (weight.t()[1:] ** 2).sum().backward()
            assert isinstance(weight.grad, OnDevice)
            assert weight.grad.tolist() == [[0.0, 2.0, 4.0], [0.0, 8.0, 10.0]]


@pytest.mark.parametrize("model", [LSTM, TRANSFORMER], ids=["lstm", "transformer"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_step_of_every_algorithm_is_on_the_device(name, model):
    path, point = algorithm("mle").path("bleu"), algorithm(name).path("bleu").end
    with ended_rows(masked=True):
        expected = run_of(model, path, CPU).train_step(point)
    with stand_in_device() as device:
        run = run_of(model, path, device)
        outcome = run.train_step(point)
        assert all(isinstance(parameter.data, OnDevice) for parameter in run.model.parameters())
    assert outcome.value == pytest.approx(expected.value, rel=1e-4)


@pytest.mark.parametrize("model", [LSTM, TRANSFORMER], ids=["lstm", "transformer"])
def test_a_run_is_evaluated_saved_and_resumed_there(model, tmp_path):
    path = algorithm("spg").path("bleu")
    with stand_in_device() as device:
        run = run_of(model, path, device)
        run.advance(num_samples=1)
        save_checkpoint(on_cpu(run.state()), tmp_path)
        resumed = run_of(model, path, device)
        resumed.load_state(load_checkpoint(tmp_path))
        assert run.advance().scores == resumed.advance().scores
