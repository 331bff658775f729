"""A run's walk along its path, on either clock.

On the `step` clock the place on the path is the share of the budget that is spent. On the `plateau` clock it is the
number of times that the valid score has dropped: the run goes back to the weights before the drop, and one knot on
(Tan et al. 2018, section 4). What was walked is kept on the step clock either way, so that any walk can be replayed as
a path.
"""

from typing import Any

from erpo_explore.space import Path, Point

__all__ = ["Walk"]


class Walk:
    """Where on its path a run is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._moves = 0
        self._best_score: float | None = None
        self._jumped = Path.constant(path.knots[0][1])

    @property
    def follows_plateau(self) -> bool:
        """Whether drops of the score move the walk, not steps."""
        return self.path.clock == "plateau"

    def point(self, progress: float) -> Point:
        """Where the run stands after a share of its budget."""
        return self.path.knots[self._moves][1] if self.follows_plateau else self.path.at(progress)

    def walked(self, progress: float) -> Path:
        """The path up to now, on the step clock."""
        return self._jumped if self.follows_plateau else self.path.until(progress)

    def go_to(self, point: Point, *, now: float, at: float) -> None:
        """Leave the path that was walked up to `now` for a point to be reached at `at`.

        A run that is told again where it walks already keeps its path as it is.
        """
        if self.path.knots[-1] == (at, point) and self.path.clock == "step":
            return
        walked = self.walked(now)
        if walked.knots[-1][0] < now:  # nothing moved since, and the way to the new knot begins now
            walked = walked.then(now, walked.end)
        self.path = walked.then(at, point)

    def see(self, score: float, progress: float) -> bool:
        """Take note of a valid score.

        Args:
            score: Of the weights now; higher is better.
            progress: Share of the budget that is spent.

        Returns:
            Whether the walk moved one knot on, and the run must go back to the weights of the evaluation before.
        """
        if not self.follows_plateau:
            return False
        if self._best_score is None or score >= self._best_score:
            self._best_score = score
            return False
        before = self.point(progress)
        self._moves = min(self._moves + 1, len(self.path.knots) - 1)
        self._jumped = self._jumped.then(progress, before).then(progress, self.point(progress))
        return True

    def state(self) -> dict[str, Any]:
        """The walk as plain values."""
        return {
            "path": self.path.to_dict(),
            "moves": self._moves,
            "best_score": self._best_score,
            "jumped": self._jumped.to_dict(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Walk":
        """The walk that `state` was taken of."""
        walk = cls(Path.from_dict(state["path"]))
        walk._moves, walk._best_score = state["moves"], state["best_score"]
        walk._jumped = Path.from_dict(state["jumped"])
        return walk
