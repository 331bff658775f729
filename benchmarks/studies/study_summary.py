"""What a study's exploration found, small enough to commit: a CSV row a trial, and a table against a baseline.

    python -m benchmarks.studies.study_summary --results DIR --write docs/studies/multi30k-baselines.csv
    python -m benchmarks.studies.study_summary --table docs/studies/multi30k-baselines.csv

The first reads a results store, the second the committed rows.

Trials of the same seed begin with the same weights and see the same batches, so differences are taken seed by seed.
"""

import argparse
import json
from pathlib import Path as FilePath

import pandas as pd

from erpo_explore.space import Path
from erpo_explore.stats.seeds import confidence_interval
from erpo_explore.store import load_results
from erpo_explore.store.files import as_location, write_aside

__all__ = ["differences", "markdown", "summary"]


def summary(observations: pd.DataFrame, trials: pd.DataFrame, tests: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row a trial that has ended, in the order of names and seeds.

    Args:
        observations: The table of a results store.
        trials: The same folder's.
        tests: The same folder's, where the test set was decoded.

    Returns:
        path (name of the algorithm or path; of the trial where it walks one that was searched), seed, status, steps,
        final_score and best_score on the valid set, best_step, final_nll_nats, minutes (of training and evaluating) and
        curve, `step:score` of each report; with `tests`, test_score, null where a trial has none; where anything was
        searched, walked: the searched path, as it prints.
    """
    rows = []
    is_named = trials["algorithm"].notna()
    named = trials.assign(algorithm=trials["algorithm"].fillna(trials["trial"]))
    ended = named[named["status"] != "running"].sort_values(["algorithm", "seed"])
    by_trial = dict(list(observations.sort_values("step").groupby("trial")))
    for trial in ended.itertuples():
        seen = by_trial[trial.trial]
        rows.append(
            {
                "path": trial.algorithm,
                "seed": trial.seed,
                "status": trial.status,
                "steps": trial.steps,
                "final_score": trial.final_score,
                "best_score": trial.best_score,
                "best_step": trial.best_step,
                "final_nll_nats": seen["validation_nll_nats"].iloc[-1],
                "minutes": trial.elapsed_s / 60.0,
                "curve": " ".join(
                    f"{step}:{score:.1f}" for step, score in zip(seen["step"], seen["score"], strict=True)
                ),
            }
        )
    runs = pd.DataFrame(rows)
    if tests is not None and len(tests):
        runs["test_score"] = ended["trial"].map(tests.set_index("trial")["score"]).to_numpy()
    if not is_named.all():
        searched = trials[~is_named].set_index("trial")["path"]
        walked = searched.map(lambda path: str(Path.from_dict(json.loads(path))))
        runs["walked"] = ended["trial"].map(walked).to_numpy()
    return runs.round({"final_score": 3, "best_score": 3, "test_score": 3, "final_nll_nats": 4, "minutes": 2})


def differences(runs: pd.DataFrame, baseline: str, score: str = "final_score") -> pd.DataFrame:
    """Each path against a baseline, scores of the same seed paired.

    Args:
        runs: What `summary` returns.
        baseline: Name of a path in it.
        score: `final_score` on the valid set or `test_score`.

    Returns:
        By path, the best mean first: seeds, mean, low and high of the score, difference (its mean over the seeds
        that the baseline has as well), half_width (of its 95% interval by the t distribution; null for one seed).
    """
    scores = runs.pivot(index="seed", columns="path", values=score)
    rows = []
    for path in scores.columns:
        own, paired = scores[path].dropna(), (scores[path] - scores[baseline]).dropna()
        lead = confidence_interval(paired.tolist()) if len(paired) else None
        half_width = lead.high - lead.mean if lead is not None and lead.high is not None else None
        rows.append((path, len(own), own.mean(), own.min(), own.max(), lead.mean if lead else None, half_width))
    columns = ["path", "seeds", "mean", "low", "high", "difference", "half_width"]
    return pd.DataFrame(rows, columns=columns).sort_values("mean", ascending=False, ignore_index=True)


def markdown(runs: pd.DataFrame, baseline: str, score: str = "final_score") -> str:
    """The same as a table, with the mean of last valid nats and minutes a run."""
    title = score.replace("_", " ")
    means = runs.groupby("path")[["final_nll_nats", "minutes"]].mean()
    lines = [
        f"| path | seeds | {title} | lowest–highest | against `{baseline}`, 95% interval | valid nats | minutes |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in differences(runs, baseline, score).itertuples():
        between = f" ± {row.half_width:.2f}" if pd.notna(row.half_width) else ""
        cells = [
            f"`{row.path}`",
            str(row.seeds),
            f"{row.mean:.2f}",
            f"{row.low:.2f}–{row.high:.2f}" if row.seeds > 1 else "",
            "" if row.path == baseline or pd.isna(row.difference) else f"{row.difference:+.2f}{between}",
            f"{means.loc[row.path, 'final_nll_nats']:.3f}",
            f"{means.loc[row.path, 'minutes']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and write the rows where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--results", help="a results folder or URI, or a folder of such folders")
    source.add_argument("--table", type=FilePath, nargs="+", help="CSVs that were written before, of the same seeds")
    parser.add_argument("--baseline", default="mle", help="what the others are compared with (default: mle)")
    parser.add_argument(
        "--score",
        choices=("final_score", "test_score"),
        default="final_score",
        help="on the valid set, or on the test set where it was decoded (default: final_score)",
    )
    parser.add_argument("--write", type=FilePath, help="CSV for the rows")
    options = parser.parse_args()
    if options.table is not None:
        runs = pd.concat(map(pd.read_csv, options.table), ignore_index=True)
    else:
        place = as_location(options.results)
        runs = summary(*(load_results(place, table=table) for table in ("observations", "trials", "tests")))
    if runs.empty or options.baseline not in set(runs["path"]):
        read = options.results or ", ".join(map(str, options.table))
        parser.error(f"no trial of --baseline {options.baseline} has ended in {read}")
    if options.score not in runs or runs[options.score].isna().all():
        parser.error(f"--score {options.score}: no trial has one; run the exploration with a section test")
    if options.write is not None:
        write_aside(options.write, runs.to_csv(index=False).encode(), remedy="run this again")
    print(markdown(runs, options.baseline, options.score))


if __name__ == "__main__":
    main()
