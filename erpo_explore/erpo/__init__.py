"""How a point trains: the E-step draws targets, the M-step fits them; `exact` is the oracle of both."""

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.e_step import draw_targets
from erpo_explore.erpo.exact import Enumeration, enumerate_targets
from erpo_explore.erpo.exact_gradient import exact_gradient
from erpo_explore.erpo.objective import StepLoss, step_loss

__all__ = ["Draw", "Enumeration", "StepLoss", "draw_targets", "enumerate_targets", "exact_gradient", "step_loss"]
