"""A step in parts has the gradients, the draws and the statistics of a step on the whole batch."""

import pytest
import torch

from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import CustomConfig, LstmConfig, ModelConfig, TransformerConfig, build_model
from erpo_explore.seq2seq.dropout import SeededDropout
from erpo_explore.space import Point, Reward, algorithm
from erpo_explore.space.algorithms import ALGORITHMS
from erpo_explore.trial.optimizer_step import OptimizerStep

from .tiny import CPU, toy

MODELS: dict[str, ModelConfig] = {
    "lstm": LstmConfig(hidden_size=8, dropout=0.0),
    "transformer": TransformerConfig(hidden_size=8, heads=2, layers=1, feed_forward=12, dropout=0.0),
    "custom": CustomConfig(function="examples.my_model:build", settings={"hidden_size": 8}),
}
POINTS = {name: algorithm(name).path("bleu").at(0.7) for name in ALGORITHMS}
POINTS |= {
    "expected": Point(reward=Reward(truth=0.5, noise=0.1, task=0.2, model=0.2, temperature=0.5), label="expected"),
    "forced": Point(reward=Reward(task=1.0, temperature=0.1), forced=0.4),
    "blend": Point.blended([(0.4, POINTS["mle"]), (0.6, POINTS["rloo"])]),
}

STATISTICS = (
    "loss",
    "num_tokens",
    "num_units",
    "entropy_nats",
    "mean_reward",
    "reward_variance",
    "equal_rewards",
    "effective_sample_size",
    "cut_targets",
)


def taken(point: Point, model: ModelConfig, micro_batch: int | None, **batch: int):
    """Gradients, statistics, and the generator's state after one step."""
    task = toy()
    network = build_model(
        model,
        len(task.source_vocabulary),
        len(task.target_vocabulary),
        pad=task.symbols.pad,
        generator=torch.Generator().manual_seed(3),
    )
    # a mask of dropout depends on what is computed at once, and the custom model has a rate of its own
    for module in network.modules():
        if isinstance(module, SeededDropout):
            module.probability = 0.0
    training = Training(**(batch or {"batch_size": 7}), micro_batch=micro_batch, clip_norm=1e9)
    draws = torch.Generator().manual_seed(5)
    outcome = OptimizerStep(task, network, training, seed=1, device=CPU).take(0, point, draws)
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    return gradients, {name: getattr(outcome, name) for name in STATISTICS}, draws.get_state()


def check_same(point: Point, model: ModelConfig, micro_batch: int, **batch: int) -> None:
    whole, parts = (taken(point, model, size, **batch) for size in (None, micro_batch))
    assert torch.equal(whole[2], parts[2])
    for name, value in whole[1].items():
        expected = None if value is None else pytest.approx(float(torch.as_tensor(value).detach()), rel=1e-4, abs=1e-5)
        assert parts[1][name] == expected, name
    largest = max(float(gradient.abs().max()) for gradient in whole[0].values() if gradient is not None)
    for name, gradient in whole[0].items():
        if gradient is None:
            assert parts[0][name] is None
        else:
            torch.testing.assert_close(parts[0][name], gradient, rtol=1e-3, atol=1e-4 * largest)


@pytest.mark.parametrize("name", POINTS)
def test_a_step_in_parts_is_that_on_the_whole_batch_at_each_point(name: str) -> None:
    check_same(POINTS[name], MODELS["lstm"], 3)


@pytest.mark.parametrize("name", ["mle", "raml", "spg", "policy_gradient", "minimum_risk"])
@pytest.mark.parametrize("model", ["transformer", "custom"])
def test_a_step_in_parts_is_that_on_the_whole_batch_for_each_model(model: str, name: str) -> None:
    check_same(POINTS[name], MODELS[model], 2)


def test_batches_of_tokens_can_be_taken_in_parts() -> None:
    check_same(POINTS["spg"], MODELS["lstm"], 2, batch_tokens=100)


def test_parts_as_large_as_the_batch_change_no_bit() -> None:
    whole, one = (taken(POINTS["spg"], MODELS["lstm"], size) for size in (None, 7))
    assert all(torch.equal(one[0][name], gradient) for name, gradient in whole[0].items() if gradient is not None)
