"""The search spaces that come with the project."""

from pathlib import Path

import pytest

from erpo_explore.config.experiment import load_experiment
from erpo_explore.plan.trials import plan_trials

FILES = sorted((Path(__file__).parent.parent / "search_spaces").glob("*.yaml"))


def test_there_are_some() -> None:
    assert {"default", "multi30k", "iwslt14", "gigaword"} <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_fits_the_schema_and_plans_trials_of_its_name(file: Path) -> None:
    space = load_experiment(file)
    assert space.name == file.stem
    specs = plan_trials(space, space.task.metric or "bleu")
    assert len({spec.name for spec in specs}) == len(specs) > 0
