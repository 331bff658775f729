"""Each search method on a real Ray, complete and resumed after a killed driver."""

import json
import signal
from pathlib import Path

import pandas as pd
import pytest
import yaml

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.space import Path as ErpoPath
from erpo_explore.tune.run import explore, resume
from tests.plan.test_methods import EXTERNAL
from tests.tiny_exploration import TINY
from tests.tune.driver import start_driver, wait_for_reports
from tests.tune.interrupted import copied_at, put_back
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    *RAY_WARNINGS,
    # from the Gaussian process of Tune's PB2, which has only two or three scores here
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

RANGES = {"task": [0.1, 0.3], "temperature": [0.02, 0.5]}


def explored(search: dict[str, object], folder: Path, **changes: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The observations and trials of a tiny exploration with one algorithm."""
    space = Experiment.from_dict(TINY | {"baselines": ["mle"], "search": {"ranges": RANGES} | search} | changes)
    outcome = explore(space, folder)
    assert (outcome.status, outcome.num_failed) == ("finished", 0)
    return erpo.load_results(folder), erpo.load_results(folder, table="trials").set_index("trial")


def paths_of(observations: pd.DataFrame) -> list[ErpoPath]:
    return [ErpoPath.from_dict(json.loads(path)) for path in observations["path"]]


def test_optuna_suggests_paths_beside_the_baselines(one_slot: str, tmp_path: Path) -> None:
    frame, trials = explored({"method": "optuna", "members": 4, "knots": 2}, tmp_path / "optuna")
    assert trials["role"].to_dict() == {"mle-s1": "algorithm"} | {f"optuna-{index}": "optuna" for index in range(4)}
    assert set(trials["status"]) == {"finished"}
    ends = paths_of(frame[(frame["role"] == "optuna") & (frame["step"] == 12)])
    assert [[at for at, _ in path.knots] for path in ends] == [[0.0, 1.0]] * 4
    tasks = [point.reward.task for path in ends for _, point in path.knots]
    assert len(set(tasks)) == 8
    assert all(0.1 <= task <= 0.3 for task in tasks)


def test_only_searched_trials_are_stopped_early(one_slot: str, tmp_path: Path) -> None:
    frame, trials = explored({"method": "asha", "members": 8}, tmp_path / "asha")
    stopped = trials[trials["status"] == "stopped"]
    assert set(trials["status"]) == {"finished", "stopped"}
    assert set(stopped["role"]) == {"random"}
    assert (stopped["steps"] >= 6).all()
    assert (stopped["steps"] < 12).all()
    last = frame.groupby("trial").tail(1).set_index("trial")
    assert last["status"].to_dict() == trials["status"].to_dict()
    assert resume(tmp_path / "asha").status == "finished"


def test_a_method_from_outside_the_package_runs_beside_the_baselines(one_slot: str, tmp_path: Path) -> None:
    frame, trials = explored({"method": EXTERNAL, "levels": 2}, tmp_path / "external")
    assert trials["role"].to_dict() == {"mle-s1": "algorithm", "weight-0": "random", "weight-1": "random"}
    assert set(trials["status"]) == {"finished"}
    assert set(frame.loc[frame["trial"] == "weight-1", "reward_task"]) == {0.5}


@pytest.fixture(scope="module", params=["pbt", "pb2"])
def population(request: pytest.FixtureRequest, one_slot: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a population of Tune's own, with a copy after nine reports beside it."""
    folder = tmp_path_factory.mktemp("populations") / str(request.param)
    with copied_at(folder, 9):
        explored({"method": request.param, "members": 4}, folder)
    return folder


def test_tunes_own_populations_record_paths_that_can_be_replayed(population: Path) -> None:
    frame, trials = erpo.load_results(population), erpo.load_results(population, table="trials").set_index("trial")
    assert trials["role"].to_dict() == {"mle-s1": "algorithm"} | {f"member-{index}": "member" for index in range(4)}
    assert set(trials["status"]) == {"finished"}
    lineage = erpo.load_results(population, table="lineage")
    clones = lineage[lineage["action"] == "clone"].set_index(["trial", "generation"])
    reports = [report for report in frame.itertuples() if (report.trial, report.generation) in clones.index]
    assert reports
    for report in reports:
        clone = clones.loc[(report.trial, report.generation)]
        knot = erpo.Point.from_dict(json.loads(clone.knot))
        donors = ErpoPath.from_dict(json.loads(clone.path))
        assert report.parent == clone.donor
        assert ErpoPath.from_dict(json.loads(report.path)).knots[: len(donors.knots)] == donors.knots
        assert ErpoPath.from_dict(json.loads(report.path)).end == knot
        assert RANGES["task"][0] <= knot.reward.task <= RANGES["task"][1]
        assert RANGES["temperature"][0] <= knot.reward.temperature <= RANGES["temperature"][1]
    assert erpo.best_path(population, role="member").knots[0][1] == erpo.Point(reward=erpo.Reward(truth=1.0))


def test_a_resumed_exploration_has_each_report_once(one_slot: str, tmp_path: Path) -> None:
    """`tests/tune/test_moved_folder.py` resumes one of Optuna."""
    search = {"method": "random", "members": 5, "knots": 2, "early_stopping": "asha"}
    folder, file = tmp_path / "killed", tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(TINY | {"baselines": ["mle"], "search": {"ranges": RANGES} | search}))
    driver = start_driver(folder, file)
    wait_for_reports(driver, folder, 9)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()

    each_report_is_there_once(folder, num_searched=5)


def test_a_resumed_population_of_tunes_own_has_each_report_once(population: Path) -> None:
    with put_back(population, population.with_name(f"{population.name}-9")):
        assert len(erpo.load_results(population)) == 9
        each_report_is_there_once(population, num_searched=4)


def each_report_is_there_once(folder: Path, *, num_searched: int) -> None:
    """Resume an interrupted exploration and check its reports."""
    assert resume(folder).status == "finished"
    frame, trials = erpo.load_results(folder), erpo.load_results(folder, table="trials")
    assert len(trials) == 1 + num_searched
    assert set(trials["status"]) <= {"finished", "stopped"}
    for trial in trials.itertuples():
        reports = frame[frame["trial"] == trial.trial]
        assert list(reports["step"]) == [3 * iteration for iteration in reports["iteration"]]
        # a clone made by Tune may skip iterations
        if trial.role != "member":
            assert list(reports["iteration"]) == list(range(1, trial.num_observations + 1))
        assert trial.steps == (reports["step"].max() if trial.status == "stopped" else 12)
