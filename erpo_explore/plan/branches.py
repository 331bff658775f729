"""What a search by branches hands over, as the field `handover` of `exploration.yaml`."""

from collections.abc import Sequence
from typing import Any

from erpo_explore.search.branching import Branching
from erpo_explore.search.handover import Gain, hand_over
from erpo_explore.search.phases import Checkpoint, Phases
from erpo_explore.search.turns import Turns

__all__ = ["handover_record"]


def handover_record(
    phases: Phases,
    checkpoints: Sequence[Checkpoint],
    turns: Turns,
    settings: Branching,
    *,
    seed: int,
    sign: float,
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
        sign: −1 where less of the score is better.
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
            "score": sign * found.objective,
            "seeds": found.seeds,
            "over_mle": _plain(gain),
            "over_point": _plain(over_point) | {"name": turns.words(over_point.path)},
        },
        "num_checkpoints": len(checkpoints),
    }


def _plain(gain: Gain) -> dict[str, Any]:
    return {"mean": gain.mean, "low": gain.low, "high": gain.high, "p_value": gain.p_value}
