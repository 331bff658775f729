"""RAML's offline sampler for the edit distance (Norouzi et al. 2016): one edited reference per row, with weight 1.

It draws without the model. `erpo_explore.erpo.edit_sampler` has the distribution.
"""

from typing import Final

from typing_extensions import override

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.edit_sampler import sample_edits
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.m_step import StepLoss, mean_loss
from erpo_explore.erpo.step import Step

__all__ = ["STRATIFIED"]


class StratifiedEstimator(GradientEstimator):
    """First the number of edits, then the edits."""

    @override
    def draw(self, step: Step) -> Draw:
        return sample_edits(step.reference, step.point.reward.temperature * step.point.tau, step.generator)

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        return mean_loss(step, draw)


STRATIFIED: Final = StratifiedEstimator()
