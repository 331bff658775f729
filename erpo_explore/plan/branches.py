"""What a search by branches hands over, and what it believes, as the field `handover` of `exploration.yaml`.

A path counts as dropped while the model gives it a chance below 5 % to be better than the most promising one: it is
then hardly ever a challenger. No branch ends early.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from scipy.stats import norm

from erpo_explore.search.branching import Branching, fitted_model
from erpo_explore.search.handover import Gain, hand_over
from erpo_explore.search.path_model import Beliefs
from erpo_explore.search.phases import Checkpoint, Letters, Phases
from erpo_explore.search.turns import Turns

__all__ = ["handover_record"]

_DROPPED: Final = 0.05
"""Chance to be better than the most promising path, below which a path is dropped."""


def handover_record(
    phases: Phases,
    checkpoints: Sequence[Checkpoint],
    turns: Turns,
    settings: Branching,
    *,
    seed: int,
    score_of: Callable[[float], float],
    runs: Mapping[Letters, Sequence[str]] | None = None,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """The path that is handed over, as plain values; None before a whole run of maximum likelihood.

    It is the path that `hand_over` finds where that is above maximum likelihood with p < 0.05. Otherwise it is the best
    algorithm alone.

    Args:
        phases: The space of paths.
        checkpoints: Everything that was scored, in its order.
        turns: The algorithms.
        settings: Settings of the search.
        seed: Random seed of the search.
        score_of: Gives the score of an objective.
        runs: Names of the trials of each whole path.
        before: The record before the last trial ended, which has since when each path is dropped.
    """
    if not any(one.letters == phases.reference_path for one in checkpoints):
        return None
    found = hand_over(phases, checkpoints, settings, seed=seed)
    gain, over_point = found.over_reference, found.over_point
    letters = found.path if gain.is_sure else over_point.path
    return {
        "path": turns.path(letters).to_dict(),
        "name": turns.words(letters),
        "is_sure": gain.is_sure,
        "seeds": len({one.seed for one in checkpoints if one.letters == letters}),
        "leader": {
            "name": turns.words(found.path),
            "score": score_of(found.objective),
            "seeds": found.seeds,
            "over_mle": _plain(gain),
            "over_point": _plain(over_point) | {"name": turns.words(over_point.path)},
        },
        "num_checkpoints": len(checkpoints),
        "algorithms": list(turns.names),
        "ends": list(turns.ends),
        **_beliefs(phases, checkpoints, turns, settings, found.path, runs or {}, score_of, before or {}),
    }


def _beliefs(
    phases: Phases,
    checkpoints: Sequence[Checkpoint],
    turns: Turns,
    settings: Branching,
    leader: Letters,
    runs: Mapping[Letters, Sequence[str]],
    score_of: Callable[[float], float],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """What the model believes of each path with a run, and of one phase of each algorithm in place of the reference."""
    reference = phases.reference_path
    changed = [
        [(*reference[:place], letter, *reference[place + 1 :]) for letter in range(phases.num_algorithms)]
        for place in range(phases.num_phases)
    ]
    tried = list(dict.fromkeys([reference, leader, *runs]))
    asked = list(dict.fromkeys([*tried, *(path for row in changed for path in row)]))
    beliefs = fitted_model(phases, tuple(checkpoints), settings.prior).beliefs(asked)
    number = {path: index for index, path in enumerate(asked)}
    ended = {(one.seed, one.letters) for one in checkpoints if len(one.letters) == phases.num_phases}
    dropped = {row["name"]: row["dropped_after"] for row in before.get("paths", [])}
    paths = []
    for path in tried:
        gain, deviation = beliefs.difference(number[path], number[reference])
        chance = None if path == leader else _chance(beliefs, number[path], number[leader])
        name = turns.words(path)
        since = None
        if chance is not None and chance < _DROPPED:
            since = len(ended) if dropped.get(name) is None else dropped[name]
        paths.append(
            {
                "name": name,
                "letters": list(path),
                "trials": list(runs.get(path, ())),
                "score": score_of(float(beliefs.mean_P[number[path]])),
                "deviation": max(0.0, float(beliefs.covariance_PP[number[path], number[path]])) ** 0.5,
                "gain": {"mean": gain, "deviation": deviation},
                "chance": chance,
                "dropped_after": since,
            }
        )
    effects = [[beliefs.difference(number[path], number[reference]) for path in row] for row in changed]
    return {
        "num_ended": len(ended),
        "paths": paths,
        "effects": {
            "mean": [[mean for mean, _ in row] for row in effects],
            "deviation": [[deviation for _, deviation in row] for row in effects],
        },
    }


def _chance(beliefs: Beliefs, path: int, other: int) -> float:
    """Probability that a path is better than another one."""
    mean, deviation = beliefs.difference(path, other)
    return float(norm.cdf(mean / deviation)) if deviation > 0.0 else float(mean > 0.0)


def _plain(gain: Gain) -> dict[str, Any]:
    return {"mean": gain.mean, "low": gain.low, "high": gain.high, "p_value": gain.p_value}
