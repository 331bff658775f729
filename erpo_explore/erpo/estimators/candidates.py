"""One of K candidates that the frozen model found and the reward scored once, with weight 1.

It draws without the model, at the price of maximum likelihood. `erpo_explore.erpo.candidates` has the distribution.
"""

from typing import Final

from typing_extensions import override

from erpo_explore.erpo.candidates import draw_candidates
from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.m_step import StepLoss, mean_loss
from erpo_explore.erpo.step import Step

__all__ = ["CANDIDATES"]


class CandidatesEstimator(GradientEstimator):
    """One of the K candidates, drawn by exp(R/τ)."""

    @override
    def draw(self, step: Step) -> Draw:
        if step.candidates is None:
            raise ValueError(f"the step has no candidates, which the point draws from: {step.point}")
        return draw_candidates(
            step.candidates,
            step.reference.symbols,
            tau=step.point.tau,
            reward_temperature=step.point.reward.temperature,
            generator=step.generator,
        )

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        return mean_loss(step, draw)


CANDIDATES: Final = CandidatesEstimator()
