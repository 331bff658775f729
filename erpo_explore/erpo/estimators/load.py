"""Estimators by name."""

import functools

from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.errors import ConfigError
from erpo_explore.named_function import load_object
from erpo_explore.space.estimator import ESTIMATORS

__all__ = ["load_estimator"]


@functools.cache
def load_estimator(kind: str) -> GradientEstimator:
    """The estimator of a kind.

    Args:
        kind: A key of `space.estimator.ESTIMATORS`, or `package.module:object` for one from outside the package.

    Raises:
        ConfigError: The module cannot be imported, or the object is not a `GradientEstimator`.
    """
    name = ESTIMATORS[kind].implementation if kind in ESTIMATORS else kind
    found = load_object("estimator.kind", name)
    if not isinstance(found, GradientEstimator):
        raise ConfigError(
            f"estimator.kind={kind} must name an instance of erpo_explore.erpo.GradientEstimator, "
            f"got {found!r}; write e.g. MINE = MyEstimator() in the module and name it package.module:MINE"
        )
    return found
