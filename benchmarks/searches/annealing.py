"""Our own population on the surface, through `search.decisions`."""

from benchmarks.searches.population import METRIC, SEARCH, Population
from benchmarks.searches.surface import Surface
from benchmarks.searches.surface_paths import INTERVALS
from erpo_explore.config.search import Search
from erpo_explore.search.decisions import decide
from erpo_explore.search.proposals import random_point, start_point
from erpo_explore.search.ranking import MemberState
from erpo_explore.search.streams import keyed_generator
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path, Point
from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["annealing"]


def annealing(surface: Surface, seed: int, *, search: Search = SEARCH, look_ahead: float = 0.0) -> list[Path]:
    """Search with our own population.

    Args:
        surface: The simulator.
        seed: Random seed.
        search: Settings of the search.
        look_ahead: Weight of a member's improvement since its last decision, which is added to its score. This is the
            idea of FIRE-PBT (Dalibard and Jaderberg 2021) without its evaluators: faster improvement survives.
    """
    start = start_point(search, METRIC)
    firsts = [random_point(search, METRIC, keyed_generator(seed, 0, index)) for index in range(search.members)]
    untils = [min(INTERVALS, period_of(index, search)) for index in range(search.members)]
    paths = [
        Path(knots=((0.0, start), (until / INTERVALS, first))) for first, until in zip(firsts, untils, strict=True)
    ]
    population = Population.starting(surface, seed, paths)
    found = []
    for generation in range(1, INTERVALS + 1):
        population.advance()
        found.append(population.best_so_far)
        if generation < INTERVALS:
            untils = _decide(population, untils, search, seed, generation, look_ahead)
    return found


def _decide(
    population: Population, untils: list[int], search: Search, seed: int, generation: int, look_ahead: float
) -> list[int]:
    """Decide for the members that are due; returns the interval at which each is due again."""
    states = [
        MemberState(
            name=f"member-{index}",
            index=index,
            iteration=generation,
            objective=float(population.score_N[index]) + look_ahead * _improvement(population, index, search),
            path=population.paths[index],
            statistics=CorpusStatistics(kind="mean", values_ND=population.sentences_NS[index][:, None]),
        )
        for index, until in enumerate(untils)
        if until == generation
    ]
    index_of = {state.name: state.index for state in states}
    origins, paths, untils = list(range(len(untils))), list(population.paths), list(untils)
    decisions = decide(
        states,
        search,
        METRIC,
        seed=seed,
        generation=generation,
        num_intervals=INTERVALS,
    )
    for decision in decisions:
        index = index_of[decision.member]
        origins[index] = index_of[decision.donor or decision.member]
        paths[index] = _extended(decision.path, generation, decision.until, decision.next_knot)
        untils[index] = decision.until
    population.clone(origins, paths)
    return untils


def _improvement(population: Population, index: int, search: Search) -> float:
    """Improvement of a member's weights since their last decision; 0 before the first."""
    scores_T = population.scores_NT[index]
    before = len(scores_T) - 1 - period_of(index, search)
    return scores_T[-1] - scores_T[before] if before >= 0 else 0.0


def _extended(path: Path, now: int, until: int, knot: Point) -> Path:
    """The path with one more knot, held constant until now."""
    if path.knots[-1][0] < now / INTERVALS:
        path = path.then(now / INTERVALS, path.end)
    return path.then(until / INTERVALS, knot)
