"""Explorations with results in an S3-compatible object store: interrupted, resumed, replayed, begun from."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pyarrow import fs

import erpo_explore as erpo
from erpo_explore.api.explore import explore
from erpo_explore.config.experiment import Experiment
from erpo_explore.store.files import Folder, is_folder, join, read
from tests.tiny_exploration import TINY
from tests.tune.driver import start_command, start_driver, wait_for_reports
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]

TIMED = ["elapsed_s", "tokens_per_s", "reported_at", "checkpoint"]
"""Columns that differ between two runs with the same seed."""


def _experiment(**fields: Any) -> Experiment:
    return Experiment.from_dict(TINY | fields)


def test_an_exploration_is_resumed_and_its_path_replayed(bucket: str, one_slot: str, tmp_path: Path) -> None:
    space, local, remote = tmp_path / "tiny.yaml", tmp_path / "undisturbed", f"{bucket}/results/tiny"
    space.write_text(yaml.safe_dump(TINY), encoding="utf-8")
    explore(_experiment(), local)
    driver = start_driver(remote, space)
    wait_for_reports(driver, remote, 7)
    driver.kill()
    with driver:  # closes its output
        pass
    assert (erpo.load_results(remote, table="trials")["status"] == "running").any()

    # from the command line, which writes the path and the report
    driver = start_command("resume", remote)
    output = driver.communicate()[0].decode()
    assert driver.returncode == 0, output[-3000:]
    assert f"{remote}/best_path.yaml" in output
    for table, timed in (("observations", TIMED), ("lineage", ["decided_at"])):
        pd.testing.assert_frame_equal(*(erpo.load_results(f, table=table).drop(columns=timed) for f in (remote, local)))
    assert b"<html" in read(join(remote, "report.html"))
    kept = erpo.load_results(remote)["checkpoint"].dropna()
    assert len(kept) > 0
    assert any(is_folder(join(remote, checkpoint)) for checkpoint in kept)

    again = f"{bucket}/results/again"
    replay = erpo.replay(f"{remote}/best_path.yaml", experiment=space, folder=again, seeds=1, against="mle")
    assert set(erpo.load_results(again, table="tests")["trial"].str.split("-").str[0]) == {"found", "mle"}
    assert set(replay.table["algorithm"]) == {"found", "mle"}


def test_initial_checkpoints_are_trained_and_used_by_another_exploration(
    bucket: str, one_slot: str, tmp_path: Path
) -> None:
    first, second = f"{bucket}/first", tmp_path / "second"
    alone = {"search": {"method": "none"}, "baselines": ["mle"]}
    explore(_experiment(name="trained", **alone, init_from={"algorithm": "mle", "steps": 6}), first)
    kept = erpo.load_results(f"{first}/initial")["checkpoint"].dropna().iloc[-1]
    assert Folder.at(f"{first}/initial").filesystem.get_file_info(Folder.at(f"{first}/initial/{kept}").path).type == (
        fs.FileType.Directory
    )
    (record,) = yaml.safe_load(read(f"{first}/exploration.yaml"))["initial"]
    assert record["checkpoint"] == f"initial/{kept}"

    explore(_experiment(name="branched", **alone, init_from=f"{first}/initial"), second)
    pd.testing.assert_frame_equal(
        *(erpo.load_results(f).drop(columns=[*TIMED, "exploration"]) for f in (first, second))
    )
