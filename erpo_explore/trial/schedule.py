"""A run's position on its path, on either clock.

On the `step` clock the position is the share of the budget that is spent. On the `plateau` clock it is the number of
times that the validation score has dropped: after a drop the run returns to the weights before it and moves one knot on
(Tan et al. 2018, section 4). Either way the path so far is kept on the step clock, so that any run can be replayed as a
path.
"""

from collections.abc import Mapping
from typing import Any

from erpo_explore.space import Path, Point

__all__ = ["ScheduleState"]


class ScheduleState:
    """The path of a run, and how far the run has come on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._moves = 0
        self._best_score: float | None = None
        self._jumped = Path.constant(path.knots[0][1])

    @property
    def follows_plateau(self) -> bool:
        """Whether drops of the score, not steps, move the run along its path."""
        return self.path.clock == "plateau"

    def point(self, progress: float) -> Point:
        """The current point, at a share of the budget."""
        return self.path.knots[self._moves][1] if self.follows_plateau else self.path.at(progress)

    def path_so_far(self, progress: float) -> Path:
        """The part of the path that the run has trained on, on the step clock."""
        return self._jumped if self.follows_plateau else self.path.until(progress)

    def set_target(self, point: Point, *, now: float, at: float) -> None:
        """Keep the path up to `now`, and replace what follows by a straight line to `point`, reached at `at`.

        Where that is the last knot already, the path stays as it is.

        Args:
            point: The next knot.
            now: Share of the budget that is spent.
            at: Share of the budget at which the run arrives.
        """
        if self.path.knots[-1] == (at, point) and self.path.clock == "step":
            return
        so_far = self.path_so_far(now)
        if so_far.knots[-1][0] < now:  # the path was level since its last knot, and leaves that level only now
            so_far = so_far.then(now, so_far.end)
        self.path = so_far.then(at, point)

    def observe_objective(self, objective: float, progress: float) -> bool:
        """Move one knot on if the score dropped on the plateau clock.

        Args:
            objective: Validation score of the current weights, negated where less is better.
            progress: Share of the budget that is spent.

        Returns:
            Whether the schedule moved; the run must then return to the weights of the evaluation before.
        """
        if not self.follows_plateau:
            return False
        if self._best_score is None or objective >= self._best_score:
            self._best_score = objective
            return False
        before = self.point(progress)
        self._moves = min(self._moves + 1, len(self.path.knots) - 1)
        self._jumped = self._jumped.then(progress, before).then(progress, self.point(progress))
        return True

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "path": self.path.to_dict(),
            "moves": self._moves,
            "best_score": self._best_score,
            "jumped": self._jumped.to_dict(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "ScheduleState":
        """Read what `state` returned."""
        schedule = cls(Path.from_dict(state["path"]))
        schedule._moves, schedule._best_score = state["moves"], state["best_score"]
        schedule._jumped = Path.from_dict(state["jumped"])
        return schedule
