"""Tests of drawn frequencies against probabilities."""

from collections.abc import Iterable, Mapping

import numpy as np
import scipy.stats
import torch

Target = tuple[int, ...]


def assert_drawn_from(counts_N: torch.Tensor, probability_N: torch.Tensor) -> None:
    """Chi-square of counts against probabilities; cells that expect fewer than 5 are merged."""
    counts, expected = counts_N.numpy(), probability_N.double().numpy() * int(counts_N.sum())
    assert not counts[expected == 0.0].any()
    rare = expected < 5.0
    observed = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    possible = expected > 1e-9
    observed, expected = observed[possible], expected[possible]
    if len(observed) == 1:  # one cell has all the mass, which is checked, too
        assert counts_N.sum() == observed[0]
        return
    assert scipy.stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


def assert_same_frequencies(one_N: torch.Tensor, other_N: torch.Tensor) -> None:
    """Chi-square of two samples of counts; cells with fewer than 10 are merged."""
    table = np.stack([one_N.numpy(), other_N.numpy()])
    rare = table.sum(0) < 10
    table = np.concatenate([table[:, ~rare], table[:, rare].sum(1, keepdims=True)], axis=1)
    table = table[:, table.sum(0) > 0]
    assert table.shape[1] > 1
    assert scipy.stats.chi2_contingency(table).pvalue > 1e-3


def assert_targets_drawn_from(targets: Iterable[Target], probability: Mapping[Target, float]) -> None:
    """The same test for whole targets; a target without a probability must not be drawn."""
    index = {target: n for n, target in enumerate(probability)}
    drawn = torch.tensor([index[target] for target in targets])
    assert_drawn_from(drawn.bincount(minlength=len(index)), torch.tensor(list(probability.values())))
