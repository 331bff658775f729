"""Tables of `study_mle`: one CSV row per run, one Markdown row per setting."""

import math
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from benchmarks.studies.mle_plan import PlannedRun

__all__ = ["joined", "markdown", "summary"]

_HEAD: Final = (
    "| row | seeds | steps | greedy score | lowest–highest | beam 5 | in the last fifth | "
    "validation nats, least → last | CPU-minutes |"
)


def summary(planned: PlannedRun, recorded: dict[str, Any]) -> dict[str, Any]:
    """CSV row of a run, finished or not.

    Args:
        planned: The run.
        recorded: Result of `record`, with at least one observation.
    """
    seen, beam_score = recorded["observations"], recorded["beam_score"]
    best = max(seen, key=lambda one: one["score"])
    training = planned.experiment.training
    # the last evaluation within the first four fifths of the trained steps
    before = [one for one in seen if one["step"] <= 0.8 * seen[-1]["step"]]
    return {
        "row": planned.row,
        "seed": planned.seed,
        "start": planned.start,
        "steps": training.steps,
        "reached": seen[-1]["step"],
        "last_score": round(seen[-1]["score"], 2),
        "beam_score": None if beam_score is None else round(beam_score, 2),
        "best_score": round(best["score"], 2),
        "best_step": best["step"],
        "score_at_four_fifths": round(before[-1]["score"], 2) if before else None,
        "lowest_validation_nll_nats": round(min(one["validation_nll_nats"] for one in seen), 4),
        "last_validation_nll_nats": round(seen[-1]["validation_nll_nats"], 4),
        "last_train_loss_nats": round(seen[-1].get("train_loss_nats", math.nan), 4),
        "cpu_minutes": round(sum(one["cpu_s"] for one in seen) / 60.0, 2),
        "curve": " ".join(f"{one['step']}:{one['score']:.1f}" for one in seen),
    }


def joined(planned: Sequence[PlannedRun], rows: Sequence[dict[str, Any]], known: pd.DataFrame | None) -> pd.DataFrame:
    """Committed rows with new rows added or replaced, in the order of the plan."""
    committed: list[dict[Any, Any]] = [] if known is None else known.to_dict("records")
    by_run: dict[tuple[str, int], dict[Any, Any]] = {(row["row"], row["seed"]): row for row in (*committed, *rows)}
    return pd.DataFrame([by_run[key] for one in planned if (key := (one.row, one.seed)) in by_run])


def markdown(runs: pd.DataFrame) -> str:
    """Markdown with one row per setting, as means over its seeds; interrupted runs have rows of their own."""
    lines = [_HEAD, "| --- |" + " ---: |" * (_HEAD.count("|") - 2)]
    for (row, steps, reached), of_row in runs.groupby(["row", "steps", "reached"], sort=False):
        last, beam = of_row["last_score"], of_row["beam_score"].mean()
        nats = of_row[["lowest_validation_nll_nats", "last_validation_nll_nats"]].mean()
        cells = [
            f"`{row}`",
            str(len(of_row)),
            f"{steps:,}" if reached == steps else f"{reached:,} of {steps:,}",
            f"{last.mean():.1f}",
            f"{last.min():.1f}–{last.max():.1f}" if len(of_row) > 1 else "",
            "" if pd.isna(beam) else f"{beam:.1f}",
            f"{(last - of_row['score_at_four_fifths']).mean():+.1f}",
            f"{nats.iloc[0]:.3f} → {nats.iloc[1]:.3f}",
            f"{of_row['cpu_minutes'].mean():.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
