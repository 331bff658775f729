"""Searches played in worlds: regret, and how often a search finds something that is truly better.

    python -m benchmarks.paths.searches --world pronunciations --searches 200      # the recorded table
    python -m benchmarks.paths.searches --world pilot --pilot DIR --searches 200   # the model of the pilot's truth

Each search has a budget in *time*, in whole trainings of maximum likelihood. In a recorded world it sees some seeds of
the table, one score per training as it was recorded. Its regret is the mean of the best path over the *other* seeds,
less that of the path it hands over. Which seeds it sees is drawn anew per search, the same for all methods. The rows
are written after each method, so a run that is interrupted goes on.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.paths.existing import EXISTING
from benchmarks.paths.ours import branching
from benchmarks.paths.table import DATA, load_table, phases_of
from benchmarks.paths.tasks import BENCHMARKS
from benchmarks.paths.worlds import PilotTruth, PilotWorld, RecordedWorld, World
from erpo_explore.errors import ErpoExploreError
from erpo_explore.search.phases import Letters
from erpo_explore.search.streams import keyed_generator

__all__ = ["METHODS", "Found", "play", "summary"]

BUDGETS: Final = (8, 16, 32, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search hands over.

    Attributes:
        path: Its path.
        p_value: Its p-value of the path being no better than maximum likelihood; None where it gives none.
        interval: Ends of its 95 % interval of the gain over maximum likelihood; None where it gives none.
    """

    path: Letters
    p_value: float | None = None
    interval: tuple[float, float] | None = None


def _ours(world: World, budget: float, generator: np.random.Generator) -> Found:
    handed = branching(world, budget, generator)
    gain = handed.over_reference
    return Found(path=handed.path, p_value=gain.p_value, interval=(gain.low, gain.high))


def _without_p(search: Callable[[World, float, np.random.Generator], Letters]) -> Callable[..., Found]:
    return lambda world, budget, generator: Found(path=search(world, budget, generator))


METHODS: Final[Mapping[str, Callable[[World, float, np.random.Generator], Found]]] = {
    "branch, model, race": _ours,
    **{name: _without_p(search) for name, search in EXISTING.items()},
}
"""Searches by name: ours first."""


def main() -> None:
    """Play, write the rows, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=["pilot", *BENCHMARKS], required=True)
    parser.add_argument("--pilot", type=Path, help="folder of the pilot's tables, for the world pilot")
    parser.add_argument("--tables", type=Path, default=DATA, help="folder of the recorded tables")
    parser.add_argument("--searches", type=int, default=200, help="searches per method and budget")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS, help="in trainings of maximum likelihood")
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS), help="methods to play")
    parser.add_argument("--out", type=Path, default=Path("results/paths-searches"), help="folder of the rows")
    options = parser.parse_args()
    try:
        world_of = (
            _pilot(options.pilot, parser) if options.world == "pilot" else _recorded(options.world, options.tables)
        )
    except ErpoExploreError as error:
        parser.exit(2, f"{error}\n")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / f"{options.world}.csv"
    rows = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["method", "budget", "search"])
    for name in options.only:
        for budget in options.budgets:
            known = set(rows.query("method == @name and budget == @budget")["search"])
            missing = [search for search in range(options.searches) if search not in known]
            if missing:
                new = pd.DataFrame(play(world_of, name, budget, missing))
                rows = new if rows.empty else pd.concat([rows, new], ignore_index=True)
                rows.to_csv(file, index=False)
                print(summary(new), flush=True)
    print(summary(rows))


def _pilot(folder: Path | None, parser: argparse.ArgumentParser) -> Callable[[int], World]:
    if folder is None:
        parser.error("--pilot must name the folder of the pilot's tables with --world pilot")
    truth = PilotTruth(folder)
    return lambda search: PilotWorld(truth, search)


def _recorded(task: str, tables: Path) -> Callable[[int], World]:
    """Worlds in which a search sees more than half of the seeds, and is judged by the others."""
    table, benchmark = load_table(task, tables), BENCHMARKS[task]
    phases = phases_of(benchmark, table)
    seeds = np.sort(table["seed"].unique())
    num_seen = max(1, (len(seeds) + 1) // 2)

    def world(search: int) -> World:
        order = keyed_generator(search, 0).permutation(seeds).tolist()
        judged = order[num_seen:] or order
        letters = "".join(benchmark.points)
        return RecordedWorld(table=table, letters=letters, phases=phases, seen=order[:num_seen], judged=judged)

    return world


def play(
    world_of: Callable[[int], World], method: str, budget: float, searches: list[int]
) -> Iterator[dict[str, object]]:
    """Rows of some searches of a method.

    Args:
        world_of: The world of each search.
        method: Name of the method.
        budget: Time of each search.
        searches: Numbers of the searches; each names its world and its draws.
    """
    for search in searches:
        world = world_of(search)
        started = time.process_time()
        with threadpool_limits(1):
            found = METHODS[method](world, budget, keyed_generator(search, 1))
        true = world.truth[found.path]
        yield {
            "method": method,
            "budget": budget,
            "search": search,
            "path": "".join(world.letters[letter] for letter in found.path),
            "regret": world.best - true,
            "gain": true - world.reference,
            "over_point": true - world.best_point,
            "p_value": found.p_value,
            "low": found.interval[0] if found.interval else None,
            "high": found.interval[1] if found.interval else None,
            "search_s": time.process_time() - started,
        }


def summary(rows: pd.DataFrame) -> str:
    """Markdown table: one row per method and budget, with 95 % intervals of the mean regret.

    Claims have p < 0.05, and are true where the path is better. Intervals of the gain are held where they contain it.
    """
    lines = [
        "| method | budget | regret | better than maximum likelihood | than the best point | claims | true | held "
        "| time |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (method, budget), own in rows.groupby(["method", "budget"], sort=False):
        num = len(own)
        half = float(stats.t.ppf(0.975, max(1, num - 1)) * own["regret"].std(ddof=1) / np.sqrt(num)) if num > 1 else 0.0
        claimed = own[own["p_value"] < 0.05]
        claims = f"{len(claimed) / num:.0%} | {(claimed['gain'] > _TINY).mean():.0%}" if len(claimed) else " | "
        held = (own["low"] <= own["gain"] + _TINY) & (own["gain"] <= own["high"] + _TINY)
        intervals = f"{held.mean():.0%}" if own["low"].notna().any() else ""
        lines.append(
            f"| {method} | {budget} | {own['regret'].mean():.2f} ± {half:.2f} | {(own['gain'] > _TINY).mean():.0%} "
            f"| {(own['over_point'] > _TINY).mean():.0%} | {claims} | {intervals} | {own['search_s'].mean():.2f} s |"
        )
    return "\n".join(lines)


_TINY: Final = 1e-9
"""Differences below it are rounding."""

if __name__ == "__main__":
    main()
