"""Random generators named by whole numbers, so that a repeated decision draws the same numbers.

A decision's generator has the key (seed, generation, stream). The stream of a member is its index; other draws of the
same generation have the streams below, above every index.
"""

from typing import Final

import numpy as np

__all__ = ["DONORS", "RESAMPLES", "keyed_generator"]

DONORS: Final = 2**31
"""Stream of the choice of a donor; the member's index is added to it."""

RESAMPLES: Final = 2**33
"""Stream of the resampled corpora that all members of a generation share."""


def keyed_generator(*key: int) -> np.random.Generator:
    """The generator of a key."""
    return np.random.default_rng(np.random.SeedSequence(key))
