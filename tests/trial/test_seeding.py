import numpy as np
import pytest
import torch

from erpo_explore.trial.seeding import DRAWS, WEIGHTS, stream

CPU = torch.device("cpu")


def drawn(*key):
    return torch.rand(1000, generator=stream(CPU, *key))


def test_the_same_key_names_the_same_stream():
    assert torch.equal(drawn(7, DRAWS, 3), drawn(7, DRAWS, 3))


@pytest.mark.parametrize("key", [(8, DRAWS, 3), (7, WEIGHTS, 3), (7, DRAWS, 4), (7, DRAWS), (7, 3, DRAWS)])
def test_another_key_names_an_independent_stream(key):
    correlation = np.corrcoef(drawn(7, DRAWS, 3).numpy(), drawn(*key).numpy())[0, 1]
    assert abs(correlation) < 4.0 / 1000**0.5


@pytest.mark.parametrize("key", [(0,), (2**31 - 1, WEIGHTS), (2**63, DRAWS, 2**40)])
def test_any_integers_are_a_key(key):
    assert drawn(*key).shape == (1000,)


def test_the_process_wide_generator_is_neither_read_nor_advanced():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = drawn(7)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(drawn(7), one)
