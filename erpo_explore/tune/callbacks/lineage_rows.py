"""Rows of the table `lineage`: the first knots of a population, its decisions, and branches."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from erpo_explore.search.decisions import Decision
from erpo_explore.store.rows import to_json
from erpo_explore.trial import TrialSpec

__all__ = ["branch_row", "decision_rows", "first_rows"]


def first_rows(members: Sequence[TrialSpec], exploration: str) -> list[dict[str, Any]]:
    """One row per member, for its first knot."""
    return [
        {
            "exploration": exploration,
            "trial": spec.name,
            "generation": 0,
            "step": 0,
            "action": "start",
            "population": len(members),
            "knot": to_json(spec.path.end.to_dict()),
            "path": to_json(spec.path.until(0.0).to_dict()),
            "reason": "first knot, drawn from the ranges",
            "decided_at": datetime.now(UTC),
        }
        for spec in members
    ]


def branch_row(
    spec: TrialSpec,
    exploration: str,
    *,
    donor: str | None,
    donor_score: float | None,
    iteration: int,
    interval: int,
    reason: str,
) -> dict[str, Any]:
    """The row of a branch. Its path is the whole one.

    Args:
        spec: The trial.
        exploration: Name of the exploration.
        donor: Trial whose checkpoint it begins with; None for the initial weights.
        donor_score: Score of the checkpoint.
        iteration: Report of the donor whose checkpoint it is; 0 without one.
        interval: Optimizer steps per interval.
        reason: Why it was proposed.
    """
    return {
        "exploration": exploration,
        "trial": spec.name,
        "generation": iteration,
        "step": iteration * interval,
        "action": "start" if donor is None else "clone",
        "donor": donor,
        "donor_score": donor_score,
        "knot": to_json(spec.path.end.to_dict()),
        "path": to_json(spec.path.to_dict()),
        "reason": reason,
        "decided_at": datetime.now(UTC),
    }


def decision_rows(
    decisions: Sequence[Decision], exploration: str, *, interval: int, score_of: Callable[[float], float]
) -> list[dict[str, Any]]:
    """One row per decision.

    Args:
        decisions: Decisions of the population, one per member.
        exploration: Name of the exploration.
        interval: Optimizer steps per interval.
        score_of: Gives the score of an objective. The rows have scores.
    """
    return [
        {
            "exploration": exploration,
            "trial": decision.member,
            "generation": decision.generation,
            "step": decision.generation * interval,
            "until_step": decision.until * interval,
            "period": decision.period,
            "action": decision.action,
            "donor": decision.donor,
            "score": _score(decision.objective, score_of),
            "donor_score": _score(decision.donor_objective, score_of),
            "p_value": decision.p_value,
            "rank": decision.rank,
            "population": decision.population,
            "knot": to_json(decision.next_knot.to_dict()),
            "path": to_json(decision.path.to_dict()),
            "reason": decision.reason,
            "decided_at": datetime.now(UTC),
        }
        for decision in decisions
    ]


def _score(objective: float | None, score_of: Callable[[float], float]) -> float | None:
    return None if objective is None else score_of(objective)
