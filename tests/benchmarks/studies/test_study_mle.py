"""First stage of a study: runs resume, and the page shows the committed rows."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from benchmarks.speed.mle_cost import costs_ms
from benchmarks.studies.mle_plan import STUDIES, PlannedRun, load_plan, plan_file, select_runs
from benchmarks.studies.mle_table import joined, markdown, summary
from benchmarks.studies.study_mle import page_file, record, summary_file
from erpo_explore.config.experiment import load_experiment
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.seq2seq import TransformerConfig
from erpo_explore.tasks import Task, load_task

ROOT = Path(__file__).parents[3]
TINY = """
base:
  task: {name: files, source: de, target: en, metric: bleu}
  model: {hidden_size: 8}
  training: {steps: 4, interval: 2, batch_size: 8}
  search: {method: none}
  baselines: [mle]
rows:
  parent: {seeds: [1, 2]}
  branch: {seeds: [1], start: parent, set: {model: {dropout: 0.0}, baselines: [{label_smoothing: {epsilon: 0.2}}]}}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    for split in ("train", "valid"):
        (folder / f"{split}.de").write_text("ein haus\nein hund\nzwei hunde\ndrei\n" * 4)
        (folder / f"{split}.en").write_text("a house\na dog\ntwo dogs\nthree\n" * 4)
    return folder


@pytest.fixture
def planned(tmp_path: Path, data: Path) -> list[PlannedRun]:
    (tmp_path / "plan.yaml").write_text(TINY)
    return load_plan(tmp_path / "plan.yaml", data)


@pytest.fixture
def task(planned: list[PlannedRun]) -> Task:
    return load_task(planned[0].experiment.task)


def without_times(written: dict) -> dict:
    return written | {
        "observations": [{name: seen[name] for name in seen if name != "cpu_s"} for seen in written["observations"]]
    }


def test_plan_has_one_run_per_row_and_seed(planned: list[PlannedRun]):
    assert [run.name for run in planned] == ["parent-s1", "parent-s2", "branch-s1"]
    assert [run.algorithm for run in planned] == ["mle", "mle", "label_smoothing"]
    branch = planned[-1].experiment
    assert (branch.model.hidden_size, branch.model.dropout, branch.algorithms) == (
        8,
        0.0,
        {"label_smoothing": {"epsilon": 0.2}},
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("start: stem", "starts from stem, which is none of the rows"),
        ("start: parent, stpes: 1", "has stpes, which is unknown"),
    ],
)
def test_error_in_a_plan_names_the_row(tmp_path: Path, data: Path, changed: str, message: str):
    (tmp_path / "plan.yaml").write_text(TINY.replace("start: parent", changed))
    with pytest.raises(ConfigError, match=f"row branch {message}"):
        load_plan(tmp_path / "plan.yaml", data)


def test_row_of_another_kind_keeps_nothing_of_the_base(tmp_path: Path, data: Path):
    other = "seeds: [1, 2], set: {model: {kind: transformer, heads: 2}}"
    (tmp_path / "plan.yaml").write_text(TINY.replace("seeds: [1, 2]", other))
    assert load_plan(tmp_path / "plan.yaml", data)[0].experiment.model == TransformerConfig(heads=2)


def test_selection_of_rows_and_seeds(planned: list[PlannedRun]):
    assert [run.name for run in select_runs(planned, ["parent"], [2])] == ["parent-s2"]
    assert select_runs(planned, None, None) == planned
    with pytest.raises(ConfigError, match="--only stem: the plan has no such row; it has branch, parent"):
        select_runs(planned, ["stem"], None)


def test_interrupted_run_resumes_with_the_same_result(planned: list[PlannedRun], task: Task, tmp_path: Path):
    whole = record(planned[0], task, tmp_path / "whole")
    record(planned[0], task, tmp_path / "cut", num_intervals=1)
    # interrupted between the two files of an interval, which is therefore trained again
    file = tmp_path / "cut" / "parent-s1" / "run.json"
    written = json.loads(file.read_text())
    written["observations"].append(written["observations"][0] | {"step": 4})
    file.write_text(json.dumps(written))
    resumed = record(planned[0], task, tmp_path / "cut")

    assert [seen["step"] for seen in whole["observations"]] == [2, 4]
    assert without_times(resumed) == without_times(whole)
    assert whole["beam_score"] is not None


def test_run_interrupted_before_its_first_checkpoint_starts_again(
    planned: list[PlannedRun], task: Task, tmp_path: Path
):
    record(planned[0], task, tmp_path, num_intervals=1)
    next((tmp_path / "parent-s1" / "checkpoint").iterdir()).unlink()

    assert [seen["step"] for seen in record(planned[0], task, tmp_path)["observations"]] == [2, 4]


def test_branch_starts_from_the_last_weights_of_its_parent_with_the_same_seed(
    planned: list[PlannedRun], task: Task, tmp_path: Path
):
    parent, other, branch = planned
    record(other, task, tmp_path)
    with pytest.raises(ResultsError, match="parent-s1: branch-s1 branches from it, but it is not finished"):
        record(branch, task, tmp_path)
    ended = record(parent, task, tmp_path)["observations"][-1]
    begun = record(branch, task, tmp_path)["observations"]

    assert [seen["step"] for seen in begun] == [0, 2, 4]
    assert begun[0]["validation_nll_nats"] == ended["validation_nll_nats"]
    assert begun[-1]["validation_nll_nats"] != ended["validation_nll_nats"]


def test_other_settings_do_not_overwrite_a_run(planned: list[PlannedRun], task: Task, tmp_path: Path):
    record(planned[0], task, tmp_path, num_intervals=1)
    longer = planned[0].experiment.model_copy(
        update={"training": planned[0].experiment.training.model_copy(update={"steps": 6})}
    )
    with pytest.raises(ResultsError, match="was started with settings other than the plan's"):
        record(PlannedRun(row="parent", seed=1, start=None, experiment=longer), task, tmp_path)


def test_summary_has_the_score_at_four_fifths(planned: list[PlannedRun]):
    seen = [
        {"step": step, "score": score, "cpu_s": 30.0, "validation_nll_nats": nll, "train_loss_nats": 1.0}
        for step, score, nll in ((2, 20.0, 2.5), (3, 31.0, 2.0), (4, 30.5, 2.25))
    ]
    row = summary(planned[0], {"observations": seen, "beam_score": 32.0})
    other = row | {"seed": 2, "last_score": 32.5}
    cut = summary(planned[1], {"observations": seen[:2], "beam_score": None})

    assert (row["last_score"], row["best_score"], row["best_step"]) == (30.5, 31.0, 3)
    assert (row["score_at_four_fifths"], row["lowest_validation_nll_nats"], row["cpu_minutes"]) == (31.0, 2.0, 1.5)
    assert markdown(pd.DataFrame([row, other, cut])).splitlines()[2:] == [
        "| `parent` | 2 | 4 | 31.5 | 30.5–32.5 | 32.0 | +0.5 | 2.000 → 2.250 | 1.5 |",
        "| `parent` | 1 | 3 of 4 | 31.0 |  |  | +11.0 | 2.000 → 2.000 | 1.0 |",
    ]


def test_rows_without_a_new_run_are_kept(planned: list[PlannedRun]):
    known = pd.DataFrame(
        [{"row": "branch", "seed": 1, "last_score": 3.0}, {"row": "parent", "seed": 2, "last_score": 2.0}]
    )
    both = joined(planned, [{"row": "parent", "seed": seed, "last_score": 9.0} for seed in (1, 2)], known)

    assert list(both["last_score"]) == [9.0, 9.0, 3.0]


@pytest.mark.parametrize("study", STUDIES)
def test_committed_rows_are_in_the_plan(study: str):
    known = {(run.row, run.seed) for run in load_plan(plan_file(study), Path("data"))}
    runs = pd.read_csv(summary_file(study))

    assert set(zip(runs["row"], runs["seed"], strict=True)) <= known
    assert not runs.duplicated(["row", "seed"]).any()


@pytest.mark.parametrize("study", STUDIES)
def test_page_has_the_table_of_the_committed_rows(study: str):
    assert markdown(pd.read_csv(summary_file(study))) in page_file(study).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("study", "space_file"), [("multi30k", "multi30k.yaml"), ("synopsis", "synopsis-scratch-five.yaml")]
)
def test_experiment_of_the_later_stages_is_the_chosen_row(study: str, space_file: str):
    experiment = load_experiment(ROOT / "search_spaces" / "studies" / space_file)
    chosen = yaml.safe_load(plan_file(study).read_text(encoding="utf-8"))["chosen"]
    row = next(run for run in load_plan(plan_file(study), experiment.task.data) if run.row == chosen)

    assert experiment.name == f"study-{space_file.removesuffix('.yaml')}"
    assert (experiment.task, experiment.model, experiment.training) == (
        row.experiment.task,
        row.experiment.model,
        row.experiment.training,
    )


def test_step_cost_of_each_algorithm(planned: list[PlannedRun]):
    taken, labels_per_s = costs_ms(planned[0], ["mle", "raml"], rounds=2, warm=1)

    assert set(taken) == {"mle", "raml"}
    assert min(*taken.values(), labels_per_s) > 0.0
