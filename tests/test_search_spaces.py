"""The experiments that come with the project."""

from pathlib import Path

import pytest

from erpo_explore.config.experiment import load_experiment
from erpo_explore.config.path_file import load_path
from erpo_explore.config.resolve import resolve
from erpo_explore.plan.trials import plan_trials
from erpo_explore.tasks.metric import reward_metric

FOLDER = Path(__file__).parents[1] / "search_spaces"
FILES = sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("studies/*.yaml")])
PATHS = sorted(FOLDER.glob("paths/*.yaml"))


def test_there_are_some() -> None:
    assert {"default", "multi30k", "iwslt14", "gigaword"} <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_each_fits_the_schema_and_plans_trials_of_its_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER.parent)
    experiment = resolve(load_experiment(file))
    assert experiment.name == ("study-" if file.parent.name == "studies" else "") + file.stem
    specs = plan_trials(experiment, reward_metric(experiment.task.metric or "bleu"))
    assert len({spec.name for spec in specs}) == len(specs) > 0


@pytest.mark.parametrize("file", PATHS, ids=lambda file: file.stem)
def test_each_path_is_read(file: Path) -> None:
    assert load_path(file).knots
