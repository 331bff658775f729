"""Scores of maximum likelihood on a study's task and their spread over seeds: the first stage of a study.

    .venv/bin/python -m benchmarks.studies.study_mle multi30k --data DIR [--only NAME …] [--seeds 1 2] [--write]
    .venv/bin/python -m benchmarks.studies.study_mle multi30k --table      # the committed CSV as Markdown

`benchmarks/studies/data/STUDY_mle.yaml` is the plan: a base experiment and rows that change it. There is one run per
row and seed, in one thread and without Ray. Everything but the CPU time is reproducible. Each interval writes a
checkpoint under `--keep`: an interrupted run resumes, and a finished run is not trained again. A row with `start`
branches from the last weights and optimizer moments of another row with the same seed.

The validation set is decoded greedily after each interval and with a beam at the end. The test set is not used.
"""

import argparse
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any, Final

import pandas as pd
import torch

from benchmarks.studies.mle_plan import STUDIES, PlannedRun, load_plan, plan_file, select_runs
from benchmarks.studies.mle_table import joined, markdown, summary
from erpo_explore.config.init_from import CHECKPOINT_FILE
from erpo_explore.errors import ResultsError
from erpo_explore.space import Path as SpacePath
from erpo_explore.space import algorithm
from erpo_explore.store.files import write_aside
from erpo_explore.tasks import Task, load_task
from erpo_explore.trial import TrainingRun, TrialSpec, evaluate
from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["page_file", "record", "summary_file"]

_PAGES: Final = Path(__file__).parents[2] / "docs" / "studies"
_BEGIN, _END = "<!-- the table is written by benchmarks/studies/study_mle.py -->", "<!-- end of the table -->"
_BEAM: Final = 5


def main() -> None:
    """Train the missing runs, then print the table of all runs; `--write` also commits it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES, help="study whose plan is trained")
    parser.add_argument("--data", type=Path, help="folder with train.de, train.en, valid.de, …")
    parser.add_argument("--only", nargs="+", help="rows of the plan; default: all")
    parser.add_argument("--seeds", nargs="+", type=int, help="seeds of the rows; default: all")
    parser.add_argument("--processes", type=int, default=1, help="parallel runs, one core each")
    parser.add_argument("--keep", type=Path, help="folder of the runs; default: results/STUDY-mle")
    parser.add_argument("--write", action="store_true", help="write the rows into the committed CSV and page")
    parser.add_argument("--table", action="store_true", help="print the committed rows without training")
    options = parser.parse_args()
    if options.table:
        print(markdown(pd.read_csv(summary_file(options.study))))
        return
    if options.data is None:
        parser.error("--data is needed to train; use --table to print without training")
    planned = load_plan(plan_file(options.study), options.data)
    keep: Path = options.keep or Path("results") / f"{options.study}-mle"
    _train(select_runs(planned, options.only, options.seeds), keep, options.processes)
    rows = [summary(one, seen) for one in planned if (seen := _recorded(one, keep))["observations"]]
    if options.write:
        file = summary_file(options.study)
        _publish(joined(planned, rows, pd.read_csv(file) if file.exists() else None), options.study)
    print(markdown(pd.DataFrame(rows)))


def summary_file(study: str) -> Path:
    """CSV of the committed rows."""
    return _PAGES / f"{study}-mle.csv"


def page_file(study: str) -> Path:
    """Page about the study."""
    return _PAGES / f"{study}.md"


def _publish(runs: pd.DataFrame, study: str) -> None:
    """Replace the committed rows and their table in the page."""
    write_aside(summary_file(study), runs.to_csv(index=False).encode(), remedy="run this again")
    before, rest = page_file(study).read_text(encoding="utf-8").split(_BEGIN)
    page = f"{before}{_BEGIN}\n{markdown(runs)}\n{_END}{rest.split(_END)[1]}"
    write_aside(page_file(study), page.encode(), remedy="run this again")


def _train(selected: list[PlannedRun], keep: Path, processes: int) -> None:
    """Train the unfinished runs; runs that others branch from first."""
    for is_branch in (False, True):
        missing = [
            (one, keep) for one in selected if (one.start is not None) == is_branch and not _is_finished(one, keep)
        ]
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for done, name in enumerate(pool.imap_unordered(_train_one, missing), 1):
                print(f"{done} of {len(missing)}: {name}", flush=True)


def _train_one(job: tuple[PlannedRun, Path]) -> str:
    planned, keep = job
    torch.set_num_threads(1)
    record(planned, load_task(planned.experiment.task), keep)
    return planned.name


def record(planned: PlannedRun, task: Task, keep: Path, *, num_intervals: int | None = None) -> dict[str, Any]:
    """Train a run to its end, resuming it if it was interrupted.

    Args:
        planned: The run.
        task: Its task.
        keep: Folder of all runs.
        num_intervals: Number of intervals to train; None for all that remain.

    Returns:
        `settings`, `observations` (one per interval), and `beam_score` (None until the run is finished).

    Raises:
        ResultsError: The run was started with other settings, or the run that it branches from is not finished.
    """
    folder = keep / planned.name
    (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
    written = _recorded(planned, keep)
    training = planned.experiment.training
    spec = TrialSpec(
        name=planned.name, role="algorithm", algorithm=planned.algorithm, seed=planned.seed, path=_path(planned, task)
    )
    run = TrainingRun(task, planned.experiment.model, training, spec, torch.device("cpu"))
    if written["observations"] and (folder / "checkpoint" / CHECKPOINT_FILE).exists():
        run.load_state(load_checkpoint(folder / "checkpoint"))
    elif planned.start is not None:
        run.take_weights(load_checkpoint(_parent_folder(planned, keep) / "checkpoint"))
        written["observations"] = [_before_training(run, task)]
    # the file is written before the checkpoint, so it may hold one interval more
    written["observations"] = [seen for seen in written["observations"] if seen["step"] <= run.step]
    left = (training.steps - run.step) // training.interval
    for _ in range(left if num_intervals is None else min(left, num_intervals)):
        written["observations"].append(_interval(run))
        _write(written, folder)
        save_checkpoint(run.state(), folder / "checkpoint")
    if run.finished:
        written["beam_score"] = evaluate(run.model, task, task.validation, beam_width=_BEAM).score
        _write(written, folder)
    return written


def _path(planned: PlannedRun, task: Task) -> SpacePath:
    return algorithm(planned.algorithm, **planned.experiment.algorithms[planned.algorithm]).path(task.reward_metric)


def _interval(run: TrainingRun) -> dict[str, Any]:
    began_s = time.process_time()
    seen = run.advance()
    if seen.scores is None:
        raise ResultsError(f"step {seen.step}: the loss is non-finite; lower the row's training.learning_rate")
    return {
        "step": seen.step,
        "cpu_s": time.process_time() - began_s,
        "train_loss_nats": seen.train_loss_nats,
        "validation_nll_nats": seen.scores.validation_nll_nats,
        "score": seen.scores.score,
    }


def _before_training(run: TrainingRun, task: Task) -> dict[str, Any]:
    """Observation of a branch before its first step."""
    scores = evaluate(run.model, task, task.validation)
    return {"step": 0, "cpu_s": 0.0, "validation_nll_nats": scores.validation_nll_nats, "score": scores.score}


def _recorded(planned: PlannedRun, keep: Path) -> dict[str, Any]:
    """Recorded part of a run."""
    file = keep / planned.name / "run.json"
    if not file.exists():
        return {"settings": planned.settings, "observations": [], "beam_score": None}
    written: dict[str, Any] = json.loads(file.read_text())
    if written["settings"] != planned.settings:
        raise ResultsError(
            f"{file}: was started with settings other than the plan's; remove {file.parent} or rename the row"
        )
    return written


def _write(written: dict[str, Any], folder: Path) -> None:
    write_aside(folder / "run.json", json.dumps(written, indent=1).encode(), remedy="run this again")


def _parent_folder(planned: PlannedRun, keep: Path) -> Path:
    folder = keep / f"{planned.start}-s{planned.seed}"
    file = folder / "run.json"
    if not file.exists() or json.loads(file.read_text())["beam_score"] is None:
        raise ResultsError(f"{folder}: {planned.name} branches from it, but it is not finished; train it first")
    return folder


def _is_finished(planned: PlannedRun, keep: Path) -> bool:
    return _recorded(planned, keep)["beam_score"] is not None


if __name__ == "__main__":
    main()
