"""The interface of an estimator: how targets are drawn, and which loss they get."""

from abc import ABC, abstractmethod

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.m_step import StepLoss
from erpo_explore.erpo.step import Step
from erpo_explore.space import Point

__all__ = ["GradientEstimator"]


class GradientEstimator(ABC):
    """Estimates E_q[∇ log p_θ] at a point from drawn targets. It has no state, so one object serves every step."""

    def check(self, point: Point) -> None:
        """Raise ConfigError where the estimator does not admit the point. The default admits every point.

        The package's own estimators declare what they admit in `space.estimator.ESTIMATORS` instead.
        """
        del point

    def reads_model(self, point: Point) -> bool:
        """Whether drawing evaluates the model. Its dropout is then drawn once for the sampler and the loss."""
        return point.sampler_reads_model or point.prefix == "model"

    @abstractmethod
    def draw(self, step: Step) -> Draw:
        """One target per row of the step, from the step's generator alone."""

    @abstractmethod
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        """The loss of drawn targets. It is not called for a draw with `is_reference`, whose loss is cross-entropy."""
