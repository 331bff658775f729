"""Each tracker logs two trials, and its own library reads them back."""

import sys

import pytest

from erpo_explore.config.tracking import Tracking
from erpo_explore.errors import ConfigError
from erpo_explore.tune.callbacks.trackers.registry import check_trackers, new_trackers

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),
]

PARAMS = {"role": "algorithm", "path": "mle", "seed": 1}


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))


def log_two(tracker):
    """Two trials side by side; the second is interrupted."""
    for key, trial in (("q_0", "mle-s1"), ("q_1", "member-0")):
        tracker.begin(key, trial, PARAMS)
        tracker.log(key, 100, {"score": 10.0, "test/bleu": 3.5})
    tracker.log("q_0", 200, {"score": 12.0})
    tracker.end("q_0", failed=False)
    tracker.close()


def test_tensorboard_reads_the_scalars_of_each_trial(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard; pip install tensorboard"
    )
    (tracker,) = new_trackers(Tracking(tensorboard=True), "toy", tmp_path)
    log_two(tracker)
    # as a resumed exploration does
    (tracker,) = new_trackers(Tracking(tensorboard=True), "toy", tmp_path)
    tracker.begin("q_1", "member-0", PARAMS)
    tracker.log("q_1", 200, {"score": 11.0})
    tracker.close()

    def scalars(trial, name):
        files = sorted((tmp_path / "tensorboard" / trial).iterdir())
        events = [event for file in files for event in accumulator.EventAccumulator(str(file)).Reload().Scalars(name)]
        return [(event.step, event.value) for event in events]

    assert scalars("mle-s1", "score") == [(100, 10.0), (200, 12.0)]
    assert scalars("mle-s1", "test/bleu") == [(100, 3.5)]


class TestMlflow:
    @pytest.fixture
    def tracking(self, tmp_path):
        return Tracking(mlflow=f"file://{tmp_path}/mlruns")

    @pytest.fixture
    def runs(self, tracking):
        """Reads the runs back by name."""
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=tracking.mlflow)

        def read():
            experiment = client.get_experiment_by_name("toy")
            return client, {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}

        return read

    def test_each_trial_is_a_run_with_params_and_history(self, tracking, runs, tmp_path):
        (tracker,) = new_trackers(tracking, "toy", tmp_path)
        log_two(tracker)
        client, found = runs()
        assert {name: run.info.status for name, run in found.items()} == {"mle-s1": "FINISHED", "member-0": "KILLED"}
        history = client.get_metric_history(found["mle-s1"].info.run_id, "score")
        assert [(metric.step, metric.value) for metric in history] == [(100, 10.0), (200, 12.0)]
        assert found["mle-s1"].data.metrics["test/bleu"] == 3.5
        assert found["mle-s1"].data.params == {"role": "algorithm", "path": "mle", "seed": "1"}

    def test_a_resumed_exploration_continues_the_same_run(self, tracking, runs, tmp_path):
        (tracker,) = new_trackers(tracking, "toy", tmp_path)
        log_two(tracker)
        (tracker,) = new_trackers(tracking, "toy", tmp_path)
        tracker.begin("q_1", "member-0", PARAMS)
        assert runs()[1]["member-0"].info.status == "RUNNING"
        tracker.log("q_1", 200, {"score": 11.0})
        tracker.end("q_1", failed=True)
        client, found = runs()
        assert len(found) == 2
        assert found["member-0"].info.status == "FAILED"
        history = client.get_metric_history(found["member-0"].info.run_id, "score")
        assert [(metric.step, metric.value) for metric in history] == [(100, 10.0), (200, 11.0)]


def test_wandb_has_one_run_per_trial(tmp_path):
    (tracker,) = new_trackers(Tracking(wandb="project"), "toy", tmp_path)
    for key, trial in (("q_0", "mle-s1"), ("q_1", "member-0")):
        tracker.begin(key, trial, PARAMS)
        tracker.log(key, 100, {"score": 10.0})
    run = tracker._runs["q_0"]
    assert (run.project, run.group, run.name, run.id) == ("project", "toy", "mle-s1", "q_0")
    assert dict(run.config) == PARAMS
    assert run.summary["score"] == 10.0
    tracker.end("q_0", failed=False)
    tracker.close()
    assert sorted(folder.name[-3:] for folder in (tmp_path / "wandb").glob("offline-run-*")) == ["q_0", "q_1"]


@pytest.mark.parametrize(
    ("tracking", "package"),
    [(Tracking(tensorboard=True), "tensorboardX"), (Tracking(mlflow="x"), "mlflow"), (Tracking(wandb="x"), "wandb")],
)
def test_a_missing_package_names_the_extra(tracking, package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    missing = "erpo_explore.tune.callbacks.trackers.registry.find_spec"
    monkeypatch.setattr(missing, lambda name: None if name == package else True)
    with pytest.raises(ConfigError, match=rf"needs {package}.* pip install 'erpo-explore\[tracking\]'"):
        check_trackers(tracking, tmp_path)


def test_event_files_in_an_object_store_are_refused():
    with pytest.raises(
        ConfigError, match=r"tensorboard needs results in a folder of this machine, got s3://bucket/mine"
    ):
        check_trackers(Tracking(tensorboard=True), "s3://bucket/mine")


def test_an_unreachable_mlflow_is_refused_with_its_uri(tmp_path):
    with pytest.raises(ConfigError, match=r"tracking\.mlflow=ftp://nowhere can't be used .* sqlite:///mlflow.db"):
        check_trackers(Tracking(mlflow="ftp://nowhere"), tmp_path)


def test_a_tracker_that_cannot_be_opened_is_left_out_with_a_warning(tmp_path, caplog):
    (tracker,) = new_trackers(Tracking(tensorboard=True, mlflow="ftp://nowhere"), "toy", tmp_path)
    assert tracker.name == "tensorboard"
    assert "tracking with mlflow can't begin" in caplog.text


def test_a_missing_login_at_wandb_is_refused_with_the_command(monkeypatch, tmp_path):
    import wandb

    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setattr(type(wandb.api), "api_key", None, raising=False)
    with pytest.raises(ConfigError, match="wandb login"):
        check_trackers(Tracking(wandb="project"), tmp_path)


def test_a_password_in_the_uri_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_PASSWORD"):
        Tracking(mlflow="http://me:secret@host:5000")
