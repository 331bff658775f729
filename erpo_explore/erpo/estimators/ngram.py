"""RAML by n-gram replacement (code of Tan et al. 2018): one of K candidates per source, with weight 1.

It draws without the model. `erpo_explore.erpo.ngram_sampler` has the distribution.
"""

from typing import Final

from typing_extensions import override

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.m_step import StepLoss, mean_loss
from erpo_explore.erpo.ngram_sampler import sample_ngram_replacements
from erpo_explore.erpo.step import Step

__all__ = ["NGRAM"]


class NgramEstimator(GradientEstimator):
    """One of the K candidates, drawn by exp(R/τ)."""

    @override
    def draw(self, step: Step) -> Draw:
        return sample_ngram_replacements(
            step.reward,
            step.reference,
            num_candidates=step.point.estimator.samples,
            temperature=step.point.tau,
            generator=step.generator,
        )

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        return mean_loss(step, draw)


NGRAM: Final = NgramEstimator()
