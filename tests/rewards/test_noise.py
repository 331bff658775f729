import pytest
import torch

from erpo_explore.rewards import noise_distribution
from erpo_explore.space.reward import NOISES
from erpo_explore.symbols import Symbols

SYMBOLS = Symbols(pad=0, bos=0, eos=5, unk=2)
UNIGRAM_V = torch.tensor([0.0, 0.5, 0.0, 0.125, 0.375, 0.0])


@pytest.mark.parametrize("kind", NOISES)
def test_it_is_a_distribution(kind):
    assert float(noise_distribution(kind, UNIGRAM_V, SYMBOLS).sum()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unigram", [0.0, 0.5, 0.0, 0.125, 0.375, 0.0]),
        ("uniform", [0.0, 1 / 3, 0.0, 1 / 3, 1 / 3, 0.0]),
        ("blank", [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
    ],
)
def test_its_probabilities_are_those_of_the_definition(kind, expected):
    assert noise_distribution(kind, UNIGRAM_V, SYMBOLS).tolist() == pytest.approx(expected)
