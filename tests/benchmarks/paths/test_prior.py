"""The prior of the tables: gains that the logs were made with."""

import itertools
import json
import subprocess
import sys

import pytest

from benchmarks.paths.log import PhaseRow, TreeLog
from benchmarks.paths.prior import prior_of
from benchmarks.paths.tasks import BENCHMARKS
from erpo_explore.errors import ResultsError
from erpo_explore.space import Point

TASK = "synopses"
GAINS = [{"m": 0.0, "l": 0.1, "g": -0.5}, {"m": 0.0, "l": 0.2, "g": -0.25}] * 2


def write_log(folder, seed, *, level, lengths=(1, 2, 3, 4)):
    log = TreeLog(folder / f"{TASK}-{seed}.jsonl", {"task": TASK}, {})
    for length in lengths:
        for letters in itertools.product("mlg", repeat=length):
            score = level + sum(gains[letter] for gains, letter in zip(GAINS, letters, strict=False))
            log.add(
                PhaseRow(path="".join(letters), score=score, validation_nll_nats=1.0, train_s=1.0, evaluation_s=0.1)
            )


def test_the_command_finds_the_gains_of_whole_seeds_again(tmp_path):
    write_log(tmp_path, 1, level=20.0)
    write_log(tmp_path, 2, level=23.0)
    write_log(tmp_path, 3, level=0.0, lengths=(1, 2))
    file = tmp_path / "prior.json"
    command = [sys.executable, "-m", "benchmarks.paths.prior", "--logs", str(tmp_path), "--out", str(file)]
    subprocess.run(command, check=True)
    found = json.loads(file.read_text())[TASK]
    assert found["seeds"] == 2
    assert found["gains"] == [pytest.approx([gains[letter] for letter in "mlg"], abs=2e-4) for gains in GAINS]
    assert [Point.from_dict(each) for each in found["algorithms"].values()] == [
        BENCHMARKS[TASK].points[letter] for letter in found["algorithms"]
    ]


def test_logs_without_a_whole_seed_are_refused(tmp_path):
    write_log(tmp_path, 1, level=20.0, lengths=(1,))
    with pytest.raises(ResultsError, match="no seed has all 120 rows"):
        prior_of(TASK, tmp_path)
