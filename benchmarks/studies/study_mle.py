"""How well maximum likelihood does on a study's task, and how much its seeds differ: the first stage of the study.

    .venv/bin/python -m benchmarks.studies.study_mle multi30k --data DIR [--only NAME …] [--seeds 1 2] [--write]
    .venv/bin/python -m benchmarks.studies.study_mle multi30k --table      # the rows of the committed CSV as Markdown

`benchmarks/studies/data/STUDY_mle.yaml` lists what is trained: a base, and rows that each change some of it. A run is
one row with one seed, in one thread, without Ray. Run again, it gives the same row but for the CPU time. Every interval
writes a checkpoint under `--keep`, so an interrupted run continues, and a finished run is not trained again. A row with
`start` branches from the last weights and moments of another row with the same seed.

The validation set is decoded greedily at each interval and with a beam at the end. The test set is never touched.
"""

import argparse
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any, Final

import pandas as pd
import torch

from benchmarks.studies.mle_plan import STUDIES, Planned, asked_of, load_plan, plan_of
from benchmarks.studies.mle_table import joined, markdown, summary
from erpo_explore.config.init_from import CHECKPOINT_FILE
from erpo_explore.errors import ResultsError
from erpo_explore.space import Path as SpacePath
from erpo_explore.space import algorithm
from erpo_explore.store.files import write_aside
from erpo_explore.tasks import Task, load_task
from erpo_explore.trial import TrainingRun, TrialSpec, evaluate
from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["page_of", "record", "summary_of"]

_PAGES: Final = Path(__file__).parents[2] / "docs" / "studies"
_BEGIN, _END = "<!-- the table is written by benchmarks/studies/study_mle.py -->", "<!-- end of the table -->"
_BEAM: Final = 5


def main() -> None:
    """Train what is missing, then print, and where asked write, a table of all that there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES, help="whose plan is trained")
    parser.add_argument("--data", type=Path, help="folder of its text: train.de, train.en, valid.de, …")
    parser.add_argument("--only", nargs="+", help="rows of the plan; all if left out")
    parser.add_argument("--seeds", nargs="+", type=int, help="of those that the rows name; all if left out")
    parser.add_argument("--processes", type=int, default=1, help="runs at a time, a core each")
    parser.add_argument("--keep", type=Path, help="where runs are kept; results/STUDY-mle if left out")
    parser.add_argument("--write", action="store_true", help="put what there is into the committed CSV and page")
    parser.add_argument("--table", action="store_true", help="print the committed rows, and train nothing")
    options = parser.parse_args()
    if options.table:
        print(markdown(pd.read_csv(summary_of(options.study))))
        return
    if options.data is None:
        parser.error("--data is needed to train; --table does without")
    planned = load_plan(plan_of(options.study), options.data)
    keep: Path = options.keep or Path("results") / f"{options.study}-mle"
    _train(asked_of(planned, options.only, options.seeds), keep, options.processes)
    rows = [summary(one, seen) for one in planned if (seen := _begun(one, keep))["observations"]]
    if options.write:
        file = summary_of(options.study)
        _publish(joined(planned, rows, pd.read_csv(file) if file.exists() else None), options.study)
    print(markdown(pd.DataFrame(rows)))


def summary_of(study: str) -> Path:
    """The committed rows."""
    return _PAGES / f"{study}-mle.csv"


def page_of(study: str) -> Path:
    """What is written about the study."""
    return _PAGES / f"{study}.md"


def _publish(runs: pd.DataFrame, study: str) -> None:
    """Replace the committed rows, and the table that the page makes of them."""
    write_aside(summary_of(study), runs.to_csv(index=False).encode(), remedy="run this again")
    before, rest = page_of(study).read_text(encoding="utf-8").split(_BEGIN)
    page = f"{before}{_BEGIN}\n{markdown(runs)}\n{_END}{rest.split(_END)[1]}"
    write_aside(page_of(study), page.encode(), remedy="run this again")


def _train(asked: list[Planned], keep: Path, processes: int) -> None:
    """Trunks before their branches."""
    for is_branch in (False, True):
        missing = [(one, keep) for one in asked if (one.start is not None) == is_branch and not _is_finished(one, keep)]
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for done, said in enumerate(pool.imap_unordered(_train_one, missing), 1):
                print(f"{done} of {len(missing)}: {said}", flush=True)


def _train_one(asked: tuple[Planned, Path]) -> str:
    planned, keep = asked
    torch.set_num_threads(1)
    record(planned, load_task(planned.space.task), keep)
    return planned.name


def record(planned: Planned, task: Task, keep: Path, *, num_intervals: int | None = None) -> dict[str, Any]:
    """Train a run to its end, from where it was cut.

    Args:
        planned: What is trained.
        task: Its text.
        keep: Folder of all runs.
        num_intervals: Stop after so many, as one who is cut does; None for all that are left.

    Returns:
        `settings`, `observations`, one an interval, and `beam_score`, None unless the run is finished.

    Raises:
        ResultsError: The run was begun with other settings, or what it branches from is not finished.
    """
    folder = keep / planned.name
    (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
    written = _begun(planned, keep)
    training = planned.space.training
    spec = TrialSpec(
        name=planned.name, role="algorithm", algorithm=planned.algorithm, seed=planned.seed, path=_path(planned, task)
    )
    run = TrainingRun(task, planned.space.model, training, spec, torch.device("cpu"))
    if written["observations"] and (folder / "checkpoint" / CHECKPOINT_FILE).exists():
        run.load_state(load_checkpoint(folder / "checkpoint"))
    elif planned.start is not None:
        run.take_weights(load_checkpoint(_trunk(planned, keep) / "checkpoint"))
        written["observations"] = [_unmoved(run, task)]
    # the file is written before the checkpoint, so it may know one interval more
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


def _path(planned: Planned, task: Task) -> SpacePath:
    return algorithm(planned.algorithm, **planned.space.algorithms[planned.algorithm]).path(task.metric)


def _interval(run: TrainingRun) -> dict[str, Any]:
    began_s = time.process_time()
    seen = run.advance()
    if seen.scores is None:
        raise ResultsError(f"step {seen.step}: the loss is not a number; lower the row's training.learning_rate")
    return {
        "step": seen.step,
        "cpu_s": time.process_time() - began_s,
        "train_loss_nats": seen.train_loss_nats,
        "validation_nll_nats": seen.scores.validation_nll_nats,
        "score": seen.scores.score,
    }


def _unmoved(run: TrainingRun, task: Task) -> dict[str, Any]:
    """What a branch begins with."""
    scores = evaluate(run.model, task, task.validation)
    return {"step": 0, "cpu_s": 0.0, "validation_nll_nats": scores.validation_nll_nats, "score": scores.score}


def _begun(planned: Planned, keep: Path) -> dict[str, Any]:
    """What there is of this run already."""
    file = keep / planned.name / "run.json"
    if not file.exists():
        return {"settings": planned.settings, "observations": [], "beam_score": None}
    written: dict[str, Any] = json.loads(file.read_text())
    if written["settings"] != planned.settings:
        raise ResultsError(
            f"{file}: was begun with settings other than the plan's; remove {file.parent} or give the row another name"
        )
    return written


def _write(written: dict[str, Any], folder: Path) -> None:
    write_aside(folder / "run.json", json.dumps(written, indent=1).encode(), remedy="run this again")


def _trunk(planned: Planned, keep: Path) -> Path:
    folder = keep / f"{planned.start}-s{planned.seed}"
    file = folder / "run.json"
    if not file.exists() or json.loads(file.read_text())["beam_score"] is None:
        raise ResultsError(f"{folder}: {planned.name} branches from it, but it is not finished; train it first")
    return folder


def _is_finished(planned: Planned, keep: Path) -> bool:
    return _begun(planned, keep)["beam_score"] is not None


if __name__ == "__main__":
    main()
