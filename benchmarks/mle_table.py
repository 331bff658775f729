"""The runs of `multi30k_mle` in numbers: a row a run for the CSV, a row a setting for the page."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from benchmarks.mle_plan import Planned

__all__ = ["joined", "markdown", "summary"]

_HEAD: Final = "| row | seeds | last BLEU | lowest–highest | beam 5 | best (step) | rise in last fifth | CPU-minutes |"


def summary(planned: Planned, finished: dict[str, Any]) -> dict[str, Any]:
    """One row of the CSV.

    Args:
        planned: The run.
        finished: What `record` has returned at its end.
    """
    seen = finished["observations"]
    best = max(seen, key=lambda one: one["bleu"])
    training = planned.space.training
    before = [one for one in seen if one["step"] <= 0.8 * training.steps]
    return {
        "row": planned.row,
        "seed": planned.seed,
        "start": planned.start,
        "steps": training.steps,
        "last_bleu": round(seen[-1]["bleu"], 2),
        "beam_bleu": round(finished["beam_bleu"], 2),
        "best_bleu": round(best["bleu"], 2),
        "best_step": best["step"],
        "bleu_at_four_fifths": round(before[-1]["bleu"], 2) if before else None,
        "lowest_valid_nll_nats": round(min(one["valid_nll_nats"] for one in seen), 4),
        "last_valid_nll_nats": round(seen[-1]["valid_nll_nats"], 4),
        "last_train_loss_nats": round(seen[-1]["train_loss_nats"], 4),
        "cpu_minutes": round(sum(one["cpu_s"] for one in seen) / 60.0, 2),
        "curve": " ".join(f"{one['step']}:{one['bleu']:.1f}" for one in seen),
    }


def joined(planned: Sequence[Planned], rows: Sequence[dict[str, Any]], known: pd.DataFrame | None) -> pd.DataFrame:
    """New rows beside the committed ones, which stay unless they were trained again, in the order of the plan."""
    committed: list[dict[Any, Any]] = [] if known is None else known.to_dict("records")
    by_run: dict[tuple[str, int], dict[Any, Any]] = {(row["row"], row["seed"]): row for row in (*committed, *rows)}
    return pd.DataFrame([by_run[key] for one in planned if (key := (one.row, one.seed)) in by_run])


def markdown(runs: pd.DataFrame) -> str:
    """One row a setting: means over its seeds."""
    lines = [_HEAD, "| --- |" + " ---: |" * (_HEAD.count("|") - 2)]
    for row, of_row in runs.groupby("row", sort=False):
        last = of_row["last_bleu"]
        spread = f"{last.min():.1f}–{last.max():.1f}" if len(of_row) > 1 else ""
        best = of_row.sort_values("best_bleu").iloc[-1]
        cells = [
            f"`{row}`",
            str(len(of_row)),
            f"{last.mean():.1f}",
            spread,
            f"{of_row['beam_bleu'].mean():.1f}",
            f"{best['best_bleu']:.1f} ({best['best_step']:,})",
            f"{(last - of_row['bleu_at_four_fifths']).mean():+.1f}",
            f"{of_row['cpu_minutes'].mean():.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
