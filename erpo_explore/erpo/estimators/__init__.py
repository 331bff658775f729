"""Estimators of a point's expected gradient, one module each.

An estimator decides how targets are drawn and which loss they get. `erpo_explore.space.estimator` lists them, with the
points that each admits.
"""

from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.estimators.load import load_estimator

__all__ = ["GradientEstimator", "load_estimator"]
