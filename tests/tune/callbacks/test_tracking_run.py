"""All trackers at a real exploration that is interrupted and resumed."""

import signal
from pathlib import Path

import pytest
import yaml

import erpo_explore as erpo
from erpo_explore.tune.run import resume
from tests.tiny_exploration import TINY
from tests.tune.driver import start_driver, wait_for_reports

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_trackers_hold_what_the_store_holds_after_an_interruption(
    one_slot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    search = {"method": "population", "members": 2, "evolve_every": [1]}
    trackers = {"tensorboard": True, "mlflow": uri, "wandb": "project"}
    space, folder = tmp_path / "tiny.yaml", tmp_path / "results"
    space.write_text(yaml.safe_dump(TINY | {"baselines": [], "search": search, "tracking": trackers}))
    driver = start_driver(folder, space)
    wait_for_reports(driver, folder, 3)
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate()
    assert driver.returncode == 0, output.decode()[-2000:]
    assert "running" in set(erpo.load_results(folder, table="trials")["status"])
    assert resume(folder).status == "finished"

    frame = erpo.load_results(folder)
    expected = {name: list(zip(rows["step"], rows["score"], strict=True)) for name, rows in frame.groupby("trial")}
    assert set(expected) == {"member-0", "member-1"}

    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    assert [(run.info.run_name, run.info.status) for run in sorted(runs, key=lambda run: run.info.run_name)] == [
        (name, "FINISHED") for name in sorted(expected)
    ]
    for run in runs:
        history = client.get_metric_history(run.info.run_id, "score")
        # what came after the last snapshot is logged again
        assert sorted({(entry.step, entry.value) for entry in history}) == expected[run.info.run_name]

    for name, scores in expected.items():
        files = (folder / "tensorboard" / name).iterdir()
        events = [event for file in files for event in EventAccumulator(str(file)).Reload().Scalars("score")]
        found = dict(sorted((event.step, event.value) for event in events))
        assert found == pytest.approx(dict(scores), rel=1e-6)

    started = sorted(file.name.rpartition("-")[2] for file in (folder / "wandb").glob("offline-run-*"))
    assert len(set(started)) == 2
