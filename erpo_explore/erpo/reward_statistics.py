"""What a reward gives the targets of one training step: mean, variance, share of sources without a preference.

Legend: B sources, K draws per source.

    mean        m = Σ_b Σ_k w_bk R_bk / B                w_bk = 1 / K, or the weights of the draws
    variance    Σ_b Σ_k w_bk (R_bk − m)² / B
    equal       share of sources whose K draws have equal rewards

Where all draws of a source have the same reward, a baseline over its draws leaves no gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from jaxtyping import Float
from torch import Tensor

from erpo_explore.erpo.weights import are_equal

__all__ = ["RewardStatistics", "reward_statistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardStatistics:
    """Statistics of R in the metric's own unit: tensors of the device, or numbers (`StepLoss.on_host`).

    Attributes:
        mean: Mean over the targets.
        variance: Variance over the targets.
        equal_share: Share of sources whose draws have equal rewards; None for one draw per source.
    """

    mean: float | Float[Tensor, ""]
    variance: float | Float[Tensor, ""]
    equal_share: float | Float[Tensor, ""] | None

    def on_device(self) -> dict[str, Float[Tensor, ""]]:
        """The statistics that are still tensors."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Tensor)}

    @classmethod
    def merged(cls, parts: Sequence[tuple["RewardStatistics | None", float]]) -> "RewardStatistics | None":
        """The statistics of a batch from those of its parts, each with its number of sources; None where none has."""
        known = [(part, sources) for part, sources in parts if part is not None]
        total = sum(sources for _, sources in known)
        if not known:
            return None
        mean = sum(part.mean * sources for part, sources in known) / total
        shares = [(part.equal_share, sources) for part, sources in known if part.equal_share is not None]
        return cls(
            mean=mean,
            variance=sum((part.variance + (part.mean - mean) ** 2) * sources for part, sources in known) / total,
            equal_share=sum(share * sources for share, sources in shares) / total if shares else None,
        )


def reward_statistics(
    reward_BK: Float[Tensor, "B K"], temperature: float, weight_BK: Float[Tensor, "B K"] | None = None
) -> RewardStatistics:
    """Statistics of the rewards of one step's targets.

    Args:
        reward_BK: R / τ_R of each draw.
        temperature: τ_R; the statistics are in the metric's own unit.
        weight_BK: Weights that sum to 1 per source. Default: all draws count alike.
    """
    reward_BK = reward_BK.detach()
    mean = reward_BK.mean() if weight_BK is None else (weight_BK * reward_BK).sum(1).mean()
    square_BK = (reward_BK - mean).square()
    variance = square_BK.mean() if weight_BK is None else (weight_BK * square_BK).sum(1).mean()
    return RewardStatistics(
        mean=mean.double() * temperature,
        variance=variance.double() * temperature**2,
        equal_share=are_equal(reward_BK).double().mean() if reward_BK.shape[1] > 1 else None,
    )
