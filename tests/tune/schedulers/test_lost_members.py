"""Members whose loss diverges or whose workers fail, on a real Ray, with members without a model."""

from pathlib import Path

import pytest

from erpo_explore.store import load_results
from tests.tune.ray_warnings import RAY_WARNINGS
from tests.tune.simulated import simulate

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]


def test_a_member_with_a_non_finite_loss_is_reseeded_from_the_best(one_slot: str, tmp_path: Path) -> None:
    faults = {"member-3": {"2": ("nan", 1)}}
    folder = simulate(tmp_path / "nan", 4, faults, members=4)
    lost = load_results(folder, "lineage").set_index(["trial", "generation"]).loc[("member-3", 2)]
    scores = load_results(folder).set_index(["trial", "iteration"])["score"].xs(2, level="iteration")
    assert (lost["action"], lost["donor"]) == ("clone", scores.idxmax())
    assert "re-seeded" in lost["reason"]
    reports = load_results(folder, trials=["member-3"]).set_index("iteration")
    assert list(reports["status"]) == ["running", "diverged", "running", "finished"]


def test_a_member_whose_worker_fails_once_is_tried_again(one_slot: str, tmp_path: Path) -> None:
    folder = simulate(tmp_path / "once", 3, {"member-0": {"2": ("raise", 1)}}, members=4)
    assert list(load_results(folder, trials=["member-0"])["iteration"]) == [1, 2, 3]
    assert not load_results(folder, "lineage")["reason"].str.contains("lost").any()
    trials = load_results(folder, "trials").set_index("trial")
    assert trials.loc["member-0", ["status", "num_failures"]].tolist() == ["finished", 1]


def test_a_member_whose_worker_fails_too_often_is_reseeded(one_slot: str, tmp_path: Path) -> None:
    folder = simulate(tmp_path / "often", 3, {"member-0": {"2": ("raise", 2)}}, members=4)
    lost = load_results(folder, "lineage").set_index(["trial", "generation"]).loc[("member-0", 2)]
    assert lost["action"] == "clone"
    assert list(load_results(folder, trials=["member-0"])["iteration"]) == [1, 3]
    assert set(load_results(folder, "trials")["status"]) == {"finished"}


@pytest.mark.parametrize("kind", ["nan", "raise"])
def test_a_member_that_is_lost_repeatedly_is_given_up_and_the_others_continue(
    kind: str, one_slot: str, tmp_path: Path
) -> None:
    faults = {"member-2": {str(iteration): (kind, 99) for iteration in range(1, 7)}}
    folder = simulate(tmp_path / kind, 6, faults, members=4, max_failures=0)
    status = load_results(folder, "trials").set_index("trial")["status"]
    assert status.to_dict() == {
        "member-0": "finished",
        "member-1": "finished",
        "member-2": "diverged" if kind == "nan" else "failed",
        "member-3": "finished",
    }
