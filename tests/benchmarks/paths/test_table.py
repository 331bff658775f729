"""Packed tables: the rows of the logs, whole seeds alone, and costs."""

import itertools
import subprocess
import sys

import pytest

from benchmarks.paths.log import PhaseRow, TreeLog
from benchmarks.paths.table import load_table, pack, phases_of
from benchmarks.paths.tasks import BENCHMARKS
from erpo_explore.errors import ResultsError

TASK = "pronunciations"
COSTS = {"m": 1.0, "l": 1.0, "r": 1.5, "s": 2.0, "n": 1.0, "g": 3.0}


def write_log(folder, seed, *, lengths=(1, 2, 3, 4), settings=None):
    log = TreeLog(folder / f"{TASK}-{seed}.jsonl", settings or {"task": TASK}, {})
    for length in lengths:
        for letters in itertools.product(COSTS, repeat=length):
            log.add(
                PhaseRow(
                    path="".join(letters),
                    score=50.0 - length,
                    validation_nll_nats=1.0,
                    train_s=COSTS[letters[-1]] - 0.1,
                    evaluation_s=0.1,
                )
            )


def test_the_command_packs_logs_and_only_whole_seeds_are_loaded(tmp_path):
    write_log(tmp_path, 1)
    write_log(tmp_path, 2, lengths=(1, 2))
    command = [sys.executable, "-m", "benchmarks.paths.table", "--logs", str(tmp_path), "--out", str(tmp_path)]
    assert "seeds 1, 2" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    table = load_table(TASK, tmp_path)
    assert table["seed"].unique().tolist() == [1]
    assert table.set_index("path")["objective"]["mlrs"] == -46.0
    phases = phases_of(BENCHMARKS[TASK], table)
    assert phases.costs == pytest.approx([0.25, 0.25, 0.375, 0.5, 0.25, 0.75])


def test_logs_of_different_settings_are_not_packed_together(tmp_path):
    write_log(tmp_path, 1, lengths=(1,))
    write_log(tmp_path, 2, lengths=(1,), settings={"task": TASK, "steps": 7})
    with pytest.raises(ResultsError, match="other settings"):
        pack(TASK, tmp_path)


def test_a_table_without_a_whole_seed_is_refused(tmp_path):
    write_log(tmp_path, 1, lengths=(1,))
    pack(TASK, tmp_path).to_parquet(tmp_path / f"{TASK}.parquet")
    with pytest.raises(ResultsError, match="no seed has all 1,554 rows"):
        load_table(TASK, tmp_path)
