"""What a trial reports after each interval: measurements, and the point of the space that they belong to."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from erpo_explore.space import Path, Point
from erpo_explore.trial.evaluation import Scores

__all__ = ["Observation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One report.

    Attributes:
        step: Optimizer steps that these weights have taken.
        progress: Share of the budget that is spent, 0–1.
        point: The point at the end of the interval.
        path: The path that these weights have been trained on so far.
        status: `running`, `finished` at the end of the budget, or `diverged` after a non-finite loss.
        train_loss_nats: Mean loss per label over the interval, as defined by its point; None where it diverged.
        scores: The evaluation; None where it diverged.
        entropy_nats: Mean entropy of q̃ over the interval; None where q̃ was not computed.
        mean_reward: Mean metric of the drawn targets over the interval; None where it was not computed.
        reward_deviation: Standard deviation of the same values; None likewise.
        equal_rewards: Share of sources whose K draws have equal rewards; None likewise, and for one draw per source.
        effective_sample_size: Mean over the interval's sources, 1 to K; None where draws are not weighted as wholes.
        cut_targets: Share of the drawn targets that were cut before their EOS; None where nothing was drawn.
        kl_nats: KL divergence of the model from its point's anchor, else from the weights that it began with, as in
            `trial.divergence`; None where these were random, and where it diverged.
        tokens_per_s: Labels trained on per second, evaluation excluded.
        elapsed_s: Seconds that these weights have been trained and evaluated, over all processes.
        device: Device that it was trained on.
    """

    step: int
    progress: float
    point: Point
    path: Path
    status: Literal["running", "finished", "diverged"]
    train_loss_nats: float | None
    scores: Scores | None
    entropy_nats: float | None
    mean_reward: float | None
    reward_deviation: float | None = None
    equal_rewards: float | None = None
    effective_sample_size: float | None
    cut_targets: float | None = None
    kl_nats: float | None = None
    tokens_per_s: float
    elapsed_s: float
    device: str

    def to_row(self) -> dict[str, Any]:
        """Columns of the store's table `observations`, as plain values.

        Three more keys are no columns: `samples`, and by split `sentences`, the statistics of the decoded sentences,
        and `measures`, the score of every metric.
        """
        point = self.point.main
        reward = point.reward
        row: dict[str, Any] = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("point", "path", "scores")
        }
        row |= {
            "alpha": point.alpha,
            "beta": point.beta,
            "rho": point.rho,
            "tau": point.tau,
            "prefix": point.prefix,
            "label": point.label,
            "estimator": point.estimator.kind,
            "num_draws": point.estimator.samples,
            "forced": point.forced,
            "blend_share": math.fsum(share for share, part in self.point.parts if part != point),
            "noise_kind": reward.noise_kind if reward.noise > 0.0 else None,
            "metric": reward.metric if reward.task > 0.0 else None,
            "reward_temperature": reward.temperature if reward.task > 0.0 else None,
            "point": str(self.point),
            "path": self.path.to_dict(),
        }
        row |= {f"reward_{name}": getattr(reward, name) for name in ("truth", "noise", "task", "model")}
        row |= {field.name: getattr(self.scores, field.name, None) for field in fields(Scores)}
        measures = [asdict(measure) for measure in row["measures"] or ()]
        row["measures"] = {"validation": measures} if measures else {}
        row["samples"] = [asdict(sample) for sample in row["samples"] or ()]
        statistics = row.pop("statistics")
        row["sentences"] = {"validation": statistics} if statistics is not None else {}
        return row
