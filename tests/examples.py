"""How many examples a property is tested on."""

from hypothesis import settings

__all__ = ["fewer"]


def fewer(divisor: int) -> settings:
    """A share of the profile's examples, for a property that is tested with many parameters or is slow.

    Args:
        divisor: By how much to divide their number.
    """
    return settings(max_examples=max(1, settings().max_examples // divisor))
