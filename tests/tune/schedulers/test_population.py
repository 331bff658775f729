"""The scheduler on a real Ray, with members without a model: sub-populations, asynchronous decisions."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from erpo_explore.space import Path as ErpoPath
from erpo_explore.store import load_results
from tests.tune.interrupted import copied_at, put_back
from tests.tune.ray_warnings import RAY_WARNINGS
from tests.tune.simulated import simulate

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    *RAY_WARNINGS,
]

NUM_INTERVALS = 6
TWO_PERIODS: dict[str, Any] = {"num_intervals": NUM_INTERVALS, "members": 8, "evolve_every": [1, 3]}


@pytest.fixture(scope="module")
def two_periods(tmp_path_factory: pytest.TempPathFactory, two_slots: str) -> Path:
    """Eight members on two slots: four judged every interval, four every third."""
    folder = tmp_path_factory.mktemp("two") / "periods"
    with pytest.MonkeyPatch.context() as patch, copied_at(folder, 21):
        # a snapshot after nearly every step of Tune
        patch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "0.2")
        return simulate(folder, **TWO_PERIODS)


def paths_agree(folder: Path) -> None:
    """Check that every report's path is the path so far in the lineage, extended by the next knot."""
    lineage = load_results(folder, "lineage").set_index(["trial", "generation"])
    for report in load_results(folder).itertuples():
        if report.generation > 0 and report.score == report.score:
            decided = lineage.loc[(report.trial, report.generation)]
            path = ErpoPath.from_dict(json.loads(report.path))
            before = ErpoPath.from_dict(json.loads(decided["path"]))
            assert path.knots[: len(before.knots)] == before.knots
            assert path.knots[-1][0] == pytest.approx(report.progress)


def clones_continue_from_their_donors(folder: Path) -> None:
    """Check that a clone reports its donor's score plus its own gain since."""
    reports = load_results(folder).set_index(["trial", "iteration"])
    lineage = load_results(folder, "lineage")
    clones = lineage[lineage["action"] == "clone"]
    assert len(clones) > 0
    for clone in clones.itertuples():
        first = reports.loc[(clone.trial, clone.generation + 1)]
        assert first["generation"] == clone.generation
        donor = reports.loc[(clone.donor, clone.generation)]
        assert first["score"] == pytest.approx(donor["score"] + first["reward_task"])


class TestSubPopulations:
    def test_every_member_reports_every_interval(self, two_periods: Path) -> None:
        reports = load_results(two_periods).groupby("trial")["iteration"].apply(list)
        assert set(map(tuple, reports)) == {tuple(range(1, NUM_INTERVALS + 1))}
        assert len(reports) == 8

    def test_each_is_judged_as_often_as_its_sub_population_evolves(self, two_periods: Path) -> None:
        judged = load_results(two_periods, "lineage").groupby("trial")["generation"].apply(list)
        for index in range(8):
            assert judged[f"member-{index}"] == ([0, 1, 2, 3, 4, 5] if index % 2 == 0 else [0, 3])

    def test_a_knot_is_approached_over_the_whole_period(self, two_periods: Path) -> None:
        paths_agree(two_periods)
        last = load_results(two_periods, trials=["member-1"]).iloc[-1]
        places = [at for at, _ in ErpoPath.from_dict(json.loads(last["path"])).knots]
        assert set(places) <= {0.0, *(i / NUM_INTERVALS for i in range(NUM_INTERVALS + 1))}

    def test_slow_members_get_no_knot_between_their_decisions(self, two_periods: Path) -> None:
        slow = load_results(two_periods, trials=["member-1"])
        assert list(slow["generation"]) == [0, 0, 0, 3, 3, 3]

    def test_weights_migrate_between_sub_populations(self, two_periods: Path) -> None:
        lineage = load_results(two_periods, "lineage")
        clones = lineage[lineage["action"] == "clone"]
        parity = clones["trial"].str[-1].astype(int) % 2, clones["donor"].str[-1].astype(int) % 2
        assert (parity[0] != parity[1]).any()
        assert set(clones.loc[parity[0] != parity[1], "generation"]) == {3}

    def test_a_clone_has_its_donors_score_plus_its_gain_since(self, two_periods: Path) -> None:
        scores = load_results(two_periods).set_index(["trial", "iteration"])["score"]
        task = load_results(two_periods).set_index(["trial", "iteration"])["reward_task"]
        lineage = load_results(two_periods, "lineage")
        for clone in lineage[lineage["action"] == "clone"].itertuples():
            gained = task[(clone.trial, clone.generation + 1)]
            assert scores[(clone.trial, clone.generation + 1)] == pytest.approx(clone.donor_score + gained)

    def test_the_same_seed_decides_the_same(self, two_periods: Path, tmp_path: Path) -> None:
        again = simulate(tmp_path / "again", **TWO_PERIODS)
        first, second = (load_results(f, "lineage").drop(columns="decided_at") for f in (two_periods, again))
        pd.testing.assert_frame_equal(first, second)


def test_a_killed_driver_is_resumed_with_the_decisions_of_an_undisturbed_one(two_periods: Path) -> None:
    with put_back(two_periods, two_periods.with_name("periods-21")) as whole:
        assert len(load_results(two_periods)) == 21
        simulate(two_periods, **TWO_PERIODS)
        for table, timed in (("observations", ["reported_at", "checkpoint"]), ("lineage", ["decided_at"])):
            killed, undisturbed = (load_results(f, table).drop(columns=timed) for f in (two_periods, whole))
            pd.testing.assert_frame_equal(killed, undisturbed)
        assert set(load_results(two_periods, "trials")["num_failures"]) == {0}


def test_asynchronous_members_finish_and_clone_only_members_that_have_trained_as_long(
    two_slots: str, tmp_path: Path
) -> None:
    search = {"members": 5, "evolve_every": [1], "synchronous": False}
    folder = simulate(tmp_path / "asynchronous", NUM_INTERVALS, lead=-1.0, **search)
    last = load_results(folder).groupby("trial")["iteration"].max()
    assert set(last) == {NUM_INTERVALS}
    lineage = load_results(folder, "lineage")
    clones = lineage[lineage["action"] == "clone"]
    assert len(clones) > 0
    assert (clones["donor_score"] > clones["score"]).all()
    clones_continue_from_their_donors(folder)
    paths_agree(folder)


def test_asynchronous_members_do_not_clone_unwritten_weights(two_slots: str, tmp_path: Path) -> None:
    search = {"members": 5, "evolve_every": [1], "synchronous": False, "quantile": 0.5}
    folder = simulate(tmp_path / "slow", NUM_INTERVALS, save_s={"member-0": 0.4}, lead=-1.0, **search)
    clones_continue_from_their_donors(folder)
    paths_agree(folder)


def test_at_the_end_only_each_members_last_checkpoint_and_the_best_are_left(two_periods: Path) -> None:
    left = {path.parent.name + path.name for path in (two_periods / "checkpoints").glob("*/checkpoint_*")}
    frame = load_results(two_periods)
    needed = frame[(frame["iteration"] == NUM_INTERVALS) | (frame.index == frame["score"].idxmax())]
    assert left == {"".join(Path(checkpoint).parts[-2:]) for checkpoint in needed["checkpoint"]}
