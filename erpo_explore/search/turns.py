"""Named algorithms that take turns: from letters to the path of a run, and which reports end its phases.

A phase ends at a report. Where the number of reports is no multiple of the number of phases, a phase ends at the
nearest report, so that phases differ by one interval at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.search.phases import Letters, Phases
from erpo_explore.space import Path, Point
from erpo_explore.space.algorithms import Algorithm

__all__ = ["REFERENCE", "Turns"]

REFERENCE: Final = "mle"
"""Name of maximum likelihood, the first of the algorithms."""

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Algorithms that take turns along the budget of a run.

    Attributes:
        names: Names of the algorithms, maximum likelihood first.
        points: Their points.
        num_phases: Q, phases of a whole path.
        num_intervals: Reports of a run.

    Raises:
        ConfigError: A run has fewer reports than phases.
    """

    names: tuple[str, ...]
    points: tuple[Point, ...]
    num_phases: int
    num_intervals: int

    def __post_init__(self) -> None:
        if self.num_intervals < self.num_phases:
            raise ConfigError(
                f"search.phases must be at most the number of reports of a run, {self.num_intervals}, got "
                f"{self.num_phases}; lower it, or lower training.interval"
            )

    @classmethod
    def from_search(cls, search: Search, metric: str, *, num_intervals: int) -> "Turns":
        """The candidates of a search, after maximum likelihood.

        Args:
            search: Its candidates and the number of its phases.
            metric: Name of the task's metric.
            num_intervals: Reports of a run.
        """
        settings: dict[str, dict[str, Any]] = {REFERENCE: {}} | search.candidates
        named = {
            name: Algorithm(name=name, settings=values).path(search.metric or metric).end
            for name, values in settings.items()
        }
        return cls(
            names=tuple(named),
            points=tuple(named.values()),
            num_phases=search.phases,
            num_intervals=num_intervals,
        )

    @property
    def ends(self) -> tuple[int, ...]:
        """Number of the report that ends each phase."""
        return tuple(
            (2 * phase * self.num_intervals + self.num_phases) // (2 * self.num_phases)
            for phase in range(1, self.num_phases + 1)
        )

    def phases(self, costs: Mapping[str, float]) -> Phases:
        """The space of paths.

        Args:
            costs: Time of a whole training at each algorithm, in that of maximum likelihood.
        """
        return Phases(num_phases=self.num_phases, costs=tuple(costs[name] / self.num_phases for name in self.names))

    def path(self, letters: Letters) -> Path:
        """The path of all phases, which jumps where the algorithm changes."""
        knots = [(0.0, self.points[letters[0]])]
        for end, before, after in zip(self.ends, letters, letters[1:], strict=False):
            if before != after:
                at = end / self.num_intervals
                knots += [(at, self.points[before]), (at, self.points[after])]
        return Path(knots=tuple(knots))

    def words(self, letters: Letters) -> str:
        """A path for people.

        >>> mle, noise = Algorithm(name="mle").path("bleu").end, Algorithm(name="data_noising").path("bleu").end
        >>> turns = Turns(names=("mle", "data_noising"), points=(mle, noise), num_phases=4, num_intervals=8)
        >>> turns.words((0, 0, 1, 0)), turns.words((1, 1, 1, 1))
        ('mle (2), data_noising (1), mle (1)', 'data_noising')
        """
        runs: list[list[int]] = []
        for letter in letters:
            if runs and runs[-1][0] == letter:
                runs[-1][1] += 1
            else:
                runs.append([letter, 1])
        if len(runs) == 1:
            return self.names[runs[0][0]]
        return ", ".join(f"{self.names[letter]} ({length})" for letter, length in runs)

    def letters_of(self, path: Path) -> Letters:
        """The letters of a path that `path` made."""
        begins = (0, *self.ends[:-1])
        return tuple(self.points.index(path.at(begin / self.num_intervals)) for begin in begins)

    def fitting_letters(self, path: Path) -> Letters | None:
        """The letters of any path that stays at one of the algorithms in each phase; None where it does not.

        The path may be of a run with other phases.
        """
        letters = []
        bounds = [end / self.num_intervals for end in (0, *self.ends)]
        for begin, end in pairwise(bounds):
            width = end - begin
            knots = [point for at, point in path.knots if begin + _ROUNDING < at < end - _ROUNDING]
            points = {*knots, *(path.at(begin + share * width) for share in (1.0 / 3.0, 2.0 / 3.0))}
            if len(points) > 1 or not points <= set(self.points):
                return None
            letters.append(self.points.index(points.pop()))
        return tuple(letters)

    def constant_of(self, path: Path) -> Letters | None:
        """The letters of a path that stays at one of the algorithms; None for any other path."""
        for letter, point in enumerate(self.points):
            if path == Path.constant(point):
                return (letter,) * self.num_phases
        return None
