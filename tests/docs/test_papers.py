"""The page that says which paper is which point: each entry is one."""

import re
from pathlib import Path

import pytest
import yaml

from erpo_explore.config.baselines import read_baselines
from erpo_explore.config.experiment import Experiment
from erpo_explore.space import ALGORITHMS
from erpo_explore.space import Path as ErpoPath
from erpo_explore.space.algorithms import Algorithm

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "papers.md"
ROWS = re.findall(
    r"^\| (?P<paper>[^|]+) \| [^|]+ \| `(?P<entry>.+)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize(("paper", "entry"), ROWS, ids=[paper for paper, _ in ROWS])
def test_an_entry_is_a_baseline_that_can_be_stored_and_read_again(paper: str, entry: str) -> None:
    (name,) = read_baselines([yaml.safe_load(entry)])
    experiment = Experiment.from_dict({"name": "x", "task": {"name": "toy"}, "baselines": [yaml.safe_load(entry)]})
    assert Experiment.from_dict(experiment.to_dict()) == experiment
    baseline = experiment.baselines[name]
    path = baseline.path("bleu") if isinstance(baseline, Algorithm) else baseline
    assert isinstance(path, ErpoPath)
    assert ErpoPath.from_dict(path.to_dict()) == path


def test_there_are_thirty_papers_or_more_and_every_named_algorithm_is_among_them() -> None:
    assert len(ROWS) >= 30
    entries = [read_baselines([yaml.safe_load(entry)]) for _, entry in ROWS]
    named = {each.name for entry in entries for each in entry.values() if isinstance(each, Algorithm)}
    assert named == set(ALGORITHMS)
