"""An estimator from outside the package: cross-entropy on the best of K draws from the model."""

import torch

from erpo_explore.erpo import Draw, GradientEstimator, Step, StepLoss, sample_targets
from erpo_explore.erpo.m_step import model_draw_losses, row_sums, step_result
from erpo_explore.errors import ConfigError
from erpo_explore.space import Point


class BestOfK(GradientEstimator):
    """L = −1/B Σ_b log p_θ(y_k*), k* the draw with the largest R (the first one of equals)."""

    def check(self, point: Point) -> None:
        if point.reward.task != 1.0:
            raise ConfigError(f"best of K needs reward task=1, got {point.reward}")

    def reads_model(self, point: Point) -> bool:
        return True

    def draw(self, step: Step) -> Draw:
        return sample_targets(step, from_model=True)

    def loss(self, step: Step, draw: Draw) -> StepLoss:
        losses = model_draw_losses(step, draw)
        reward_R = step.scores(draw)
        reward_BK = step.grouped(reward_R)
        loss_BK = step.grouped(row_sums(losses.losses_N, draw.keep_RT))
        best_B1 = reward_BK.argmax(1, keepdim=True)
        return step_result(
            draw,
            losses,
            loss_BK.gather(1, best_B1).mean(),
            num_units=float(len(reward_BK)),
            rewards=step.reward_statistics(reward_R),
        )


BEST_OF_K = BestOfK()
NOT_AN_ESTIMATOR = torch.nn.Identity()
