import json
import math
from dataclasses import replace

import pytest

from erpo_explore import best_path
from erpo_explore.errors import ResultsError
from erpo_explore.space import Path, Point, Reward
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION

TRUTH = Point(reward=Reward(truth=1.0))
NOISE = Point(reward=Reward(truth=0.7, noise=0.3))
PATHS = {
    "algorithm": Path.constant(TRUTH),
    "member": Path(knots=((0.0, TRUTH), (0.25, NOISE), (0.5, replace(NOISE, label="expected")))),
    "limit": Path.constant(Point(reward=Reward(task=1.0), alpha=math.inf, beta=0.0)),
}


def row(trial, iteration, score, path="algorithm", **changes):
    known = {"trial": trial, "iteration": iteration, "step": 100 * iteration, "score": score, "objective": score}
    return OBSERVATION | known | {"path": json.dumps(PATHS[path].to_dict())} | changes


@pytest.fixture
def writer(tmp_path):
    return ResultsWriter.create(tmp_path / "tiny", {"exploration": "tiny"})


def test_best_path_is_that_of_the_best_score(writer):
    writer.append("observations", [row("a", 1, 9.0), row("a", 2, 11.0, "member"), row("b", 1, 10.0, "limit")])
    assert best_path(writer.folder) == PATHS["member"]


def test_the_folder_may_be_text(writer):
    writer.append("observations", [row("a", 1, 9.0, "member")])
    assert best_path(str(writer.folder)) == PATHS["member"]


@pytest.mark.parametrize("path", PATHS)
def test_any_path_so_far_is_read_back_unchanged(writer, path):
    writer.append("observations", [row("a", 1, 9.0, path)])
    assert best_path(writer.folder) == PATHS[path]


def test_the_earlier_of_equal_scores_wins(writer):
    writer.append("observations", [row("a", 2, 9.0), row("b", 1, 9.0, "member")])
    assert best_path(writer.folder) == PATHS["member"]


def test_a_role_selects_its_trials(writer):
    writer.append("observations", [row("a", 1, 9.0, "member", role="member"), row("b", 1, 10.0, role="algorithm")])
    assert best_path(writer.folder, role="member") == PATHS["member"]
    assert best_path(writer.folder) == best_path(writer.folder, role="algorithm") == PATHS["algorithm"]


def test_a_role_that_no_trial_has_is_named(writer):
    writer.append("observations", [row("a", 1, 9.0)])
    with pytest.raises(ResultsError, match=r"tiny has no trial of role 'member'"):
        best_path(writer.folder, role="member")


@pytest.mark.parametrize("rows", [[], [row("a", 1, None)], [row("a", 1, None, status="diverged")]])
def test_without_a_score_there_is_no_best_path(writer, rows):
    writer.append("observations", rows)
    with pytest.raises(ResultsError, match="no observation has a score yet"):
        best_path(writer.folder)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ResultsError, match="nowhere does not exist"):
        best_path(tmp_path / "nowhere")
