"""A path through the space: knots (at, Point) along the budget of a run.

Between two knots of one estimator and anchor, λ moves linearly on its simplex. ρ and the forced share move linearly, K
too, rounded. τ, the reward's temperature and the rate move linearly in their logarithm. Where both ends have infinite
α, β and κ move linearly. Values without an in-between keep those of the earlier knot until the later one: metric, kind
of noise, prefix, label.

Between any other two knots lies their blend: at a share w of the way, a share w of each batch's sources is trained at
the later knot. So a path is continuous in its expected gradient and in its cost. A constant blend is a mixed loss
(Paulus et al. 2017; Wu et al. 2016). One whose share changes is a schedule such as CHORD's (arXiv 2508.11408).

Two knots at the same position are a jump, and `Path.at` returns the later one. One knot is a constant path.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from erpo_explore.errors import ConfigError, brief
from erpo_explore.space.estimator import Estimator
from erpo_explore.space.point import Point, weights_of
from erpo_explore.space.reward import Reward, to_number

__all__ = ["CLOCKS", "Clock", "Path"]

Clock = Literal["step", "plateau"]
CLOCKS: Final[tuple[str, ...]] = get_args(Clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The point of each moment of a run, as knots in order.

    Attributes:
        knots: Pairs (at, point) with `at` in [0, 1] and not falling, the first at 0.
        clock: What moves a run along its path. `step`: the share of the budget that is spent. `plateau`: one knot
            further each time the validation score drops, after going back to the weights before the drop (the paper's
            schedule).

    Raises:
        ConfigError: There is no knot, a knot is out of order or outside [0, 1], or the clock is unknown.
    """

    knots: tuple[tuple[float, Point], ...]
    clock: Clock = "step"

    def __post_init__(self) -> None:
        if not self.knots:
            raise ConfigError(
                "path.knots must hold at least one knot, got none; use e.g. [{at: 0, point: {reward: truth}}]"
            )
        if self.clock not in CLOCKS:
            raise ConfigError(f"path.clock must be one of {', '.join(CLOCKS)}, got {self.clock!r}")
        positions = [at for at, _ in self.knots]
        if positions[0] != 0.0:
            raise ConfigError(f"path.knots must begin at 0, got {positions[0]!r}")
        for before, after in itertools.pairwise(positions):
            if not after >= before:
                raise ConfigError(f"path.knots must not go back, got {after!r} after {before!r}")
        if not positions[-1] <= 1.0:
            raise ConfigError(f"path.knots must lie in [0, 1], got {positions[-1]!r}")

    @classmethod
    def constant(cls, point: Point) -> "Path":
        """The path with one point."""
        return cls(knots=((0.0, point),))

    @property
    def end(self) -> Point:
        """The last point."""
        return self.knots[-1][1]

    @property
    def last_jump(self) -> float | None:
        """Where the path jumps to another point for the last time; None where it never does."""
        jumps = [
            at for (before, start), (at, stop) in itertools.pairwise(self.knots) if before == at > 0.0 and start != stop
        ]
        return jumps[-1] if jumps else None

    @property
    def anchors(self) -> frozenset[str]:
        """The anchors that its points read, `self` left out."""
        return frozenset(part.anchor for _, point in self.knots for _, part in point.parts) - {"self"}

    def at(self, progress: float) -> Point:
        """The point after a share of the budget.

        Args:
            progress: Share of the budget, 0 at the beginning and 1 at the end. Past the last knot, the point stays.

        Raises:
            ConfigError: progress is negative or not a number.
        """
        if not progress >= 0.0:
            raise ConfigError(f"progress must be >= 0, got {progress!r}")
        index = max(i for i, (at, _) in enumerate(self.knots) if at <= progress)
        start, point = self.knots[index]
        if progress == start or index + 1 == len(self.knots):
            return point
        stop, target = self.knots[index + 1]
        return _between(point, target, (progress - start) / (stop - start))

    def until(self, progress: float) -> "Path":
        """The path so far at `progress`, with a knot there as its end."""
        here = self.at(progress)
        so_far = tuple((at, point) for at, point in self.knots if at <= progress)
        if so_far[-1][0] < progress and len(self.knots) > len(so_far):
            so_far += ((progress, here),)
        return replace(self, knots=so_far)

    def then(self, at: float, point: Point) -> "Path":
        """This path with one more knot."""
        return replace(self, knots=(*self.knots, (at, point)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values as a user writes them; `from_dict(to_dict(p)) == p`."""
        return {"clock": self.clock, "knots": [{"at": at, "point": point.to_dict()} for at, point in self.knots]}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Path":
        """Read what a user or `to_dict` wrote.

        Raises:
            ConfigError: A field is unknown, missing or out of range.
        """
        if not isinstance(written, Mapping) or not isinstance(written.get("knots"), list):
            raise ConfigError(f"a path must be a mapping with a list of knots, got {brief(written)}")
        for name in written:
            if name not in ("clock", "knots"):
                raise ConfigError(f"path.{name} is unknown; known are clock, knots")
        knots = []
        for index, knot in enumerate(written["knots"]):
            if not isinstance(knot, Mapping) or set(knot) != {"at", "point"}:
                raise ConfigError(f"path.knots[{index}] must have the fields at and point, got {brief(knot)}")
            at = to_number(knot["at"], f"path.knots[{index}].at")
            knots.append((at, Point.from_dict(knot["point"])))
        return cls(knots=tuple(knots), clock=written.get("clock", "step"))

    def __str__(self) -> str:
        return " → ".join(f"[{at:.3g}] {point}" for at, point in self.knots)


def _between(start: Point, stop: Point, share: float) -> Point:
    """The point between `start` and `stop`, at a share of the way, 0 < share < 1."""
    if start == stop:
        return start
    blend = Point.blended([(1.0 - share, start), (share, stop)])
    is_one_kind = _kind(start) == _kind(stop)
    if not is_one_kind or start.blend or stop.blend:
        return blend
    alpha, beta = start.alpha, start.beta + share * (stop.beta - start.beta)
    if not math.isinf(start.tau):
        rho = start.rho + share * (stop.rho - start.rho)
        alpha, beta = weights_of(rho, _log_between(start.tau, stop.tau, share))
    try:
        return replace(
            start,
            reward=_reward_between(start.reward, stop.reward, share),
            alpha=alpha,
            beta=beta,
            forced=start.forced + share * (stop.forced - start.forced),
            kappa=start.kappa + share * (stop.kappa - start.kappa),
            rate=_log_between(start.rate, stop.rate, share),
            estimator=_estimator_between(start.estimator, stop.estimator, share),
        )
    except ConfigError:  # such as a mixture for an estimator that takes the metric alone
        return blend


def _kind(point: Point) -> tuple[Any, ...]:
    """What two points must have in common for points of their kind to lie between them."""
    return point.estimator.to_dict() | {"samples": 0}, point.anchor, math.isinf(point.tau)


def _estimator_between(start: Estimator, stop: Estimator, share: float) -> Estimator:
    """Estimators that differ in the number of draws alone: their K between, rounded."""
    if start == stop:
        return start
    return replace(start, samples=math.floor(start.samples + share * (stop.samples - start.samples) + 0.5))


def _reward_between(start: Reward, stop: Reward, share: float) -> Reward:
    # in this form, equal ends stay bit-equal
    truth, noise, task, model = (
        max(0.0, a + share * (b - a)) for a, b in zip(start.weights, stop.weights, strict=True)
    )
    # where one end has no task weight, its metric and temperature have no meaning; likewise its kind of noise
    source = stop if start.task == 0.0 else start
    target = source if stop.task == 0.0 else stop
    return Reward(
        truth=truth,
        noise=noise,
        task=task,
        model=model,
        metric=source.metric,
        temperature=_log_between(source.temperature, target.temperature, share),
        noise_kind=(stop if start.noise == 0.0 else start).noise_kind,
    )


def _log_between(start: float, stop: float, share: float) -> float:
    # equal ends stay bit-equal, which exp(log(x)) does not promise
    return start if start == stop else math.exp((1.0 - share) * math.log(start) + share * math.log(stop))
