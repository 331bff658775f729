"""The loss of a point: the E-step draws targets, the M-step fits them; `exact` is the oracle of both."""

from erpo_explore.erpo.accumulation import accumulate, check_divisible
from erpo_explore.erpo.blend import assign_sources, merge_outcomes
from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.e_step import sample_targets
from erpo_explore.erpo.estimators import GradientEstimator, load_estimator
from erpo_explore.erpo.exact import Enumeration, enumerate_targets
from erpo_explore.erpo.exact_gradient import exact_gradient
from erpo_explore.erpo.m_step import StepLoss
from erpo_explore.erpo.objective import draw_targets, step_loss
from erpo_explore.erpo.reuse import reused_loss
from erpo_explore.erpo.step import Step

__all__ = [
    "Draw",
    "Enumeration",
    "GradientEstimator",
    "Step",
    "StepLoss",
    "accumulate",
    "assign_sources",
    "check_divisible",
    "draw_targets",
    "enumerate_targets",
    "exact_gradient",
    "load_estimator",
    "merge_outcomes",
    "reused_loss",
    "sample_targets",
    "step_loss",
]
