import pytest
import torch

from erpo_explore.rewards import metric_reward
from erpo_explore.space.reward import TOKEN_METRICS

from .steps import NUM_TARGET, reference_on, rows_of

CPU = torch.device("cpu")


def walk(name, device):
    """The increments after each prefix of sentences that share some words with the references."""
    reward, reference = metric_reward(name), reference_on(device)
    other_BT, _ = rows_of(NUM_TARGET, device, seed=5)
    even_T = torch.arange(other_BT.shape[1], device=device) % 2 == 0
    hypothesis_BT = torch.where(even_T, reference.tokens_BT, other_BT)
    state, steps = reward.begin(reference), []
    for t in range(hypothesis_BT.shape[1]):
        steps.append(reward.increments(state))
        state = reward.advance(state, hypothesis_BT[:, t])
    return torch.stack(steps, dim=1)


@pytest.mark.gpu
@pytest.mark.parametrize("name", TOKEN_METRICS)
def test_increments_equal_the_cpus(name, cuda):
    on_cuda = walk(name, cuda)
    assert on_cuda.device.type == "cuda"
    torch.testing.assert_close(on_cuda.cpu(), walk(name, CPU), rtol=1e-5, atol=1e-5)
