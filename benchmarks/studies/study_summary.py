"""Results of a study's exploration, small enough to commit: one CSV row per trial and a table against a baseline.

    python -m benchmarks.studies.study_summary --results DIR --write docs/studies/multi30k-baselines.csv
    python -m benchmarks.studies.study_summary --table docs/studies/multi30k-baselines.csv

The first command reads a results folder, the second the committed rows.

Trials with the same seed start with the same weights and train on the same batches, so differences are paired by seed.
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
    """One row per ended trial, ordered by name and seed.

    Args:
        observations: Observations of a results folder.
        trials: Trials of the same folder.
        tests: Test scores of the same folder, if the test set was decoded.

    Returns:
        Columns path (name of the algorithm or path, name of the trial if its path was searched), seed, status, steps,
        final_score and best_score on the validation set, best_step, final_nll_nats, minutes (training and evaluation)
        and curve (`step:score` of each report). With `tests`, test_score, null for trials without one. If any path
        was searched, `walked`: the searched path as text.
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
    """Differences of each path to a baseline, paired by seed.

    Args:
        runs: Result of `summary`.
        baseline: Name of a path in it.
        score: `final_score` on the validation set or `test_score`.

    Returns:
        One row per path, the best mean first: seeds, mean, low and high of the score, difference (mean over the seeds
        that the baseline also has), half_width (of its 95% interval by the t distribution; null for one seed).
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
    """Differences as Markdown, with means of the last validation nats and of minutes per run."""
    title = score.replace("_", " ")
    means = runs.groupby("path")[["final_nll_nats", "minutes"]].mean()
    lines = [
        f"| path | seeds | {title} | lowest–highest | against `{baseline}`, 95% interval | validation nats | minutes |",
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
    """Print the table; `--write` also writes the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--results", help="a results folder or URI, or a folder of such folders")
    source.add_argument("--table", type=FilePath, nargs="+", help="CSVs written before, with the same seeds")
    parser.add_argument("--baseline", default="mle", help="path that the others are compared with (default: mle)")
    parser.add_argument(
        "--score",
        choices=("final_score", "test_score"),
        default="final_score",
        help="score on the validation set, or on the test set if it was decoded (default: final_score)",
    )
    parser.add_argument("--write", type=FilePath, help="CSV to write")
    options = parser.parse_args()
    if options.table is not None:
        runs = pd.concat(map(pd.read_csv, options.table), ignore_index=True)
    else:
        location = as_location(options.results)
        runs = summary(*(load_results(location, table=table) for table in ("observations", "trials", "tests")))
    if runs.empty or options.baseline not in set(runs["path"]):
        read = options.results or ", ".join(map(str, options.table))
        parser.error(f"no trial of --baseline {options.baseline} has ended in {read}")
    if options.score not in runs or runs[options.score].isna().all():
        parser.error(f"--score {options.score}: no trial has one; run the exploration with a `test` section")
    if options.write is not None:
        write_aside(options.write, runs.to_csv(index=False).encode(), remedy="run this again")
    print(markdown(runs, options.baseline, options.score))


if __name__ == "__main__":
    main()
