import platform
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
import yaml

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan import manifest as manifest_module
from erpo_explore.plan.manifest import check_release, experiment_of, manifest
from erpo_explore.space import algorithm
from tests.tiny_exploration import TINY

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def experiment():
    baselines = {"mle": {}, "papers": algorithm("interpolation").path("bleu").to_dict(), "limit": policy_gradient()}
    return Experiment.from_dict(TINY | {"seed": 11, "baselines": baselines})


def policy_gradient():
    return algorithm("policy_gradient").path("bleu").to_dict()


def test_a_manifest_names_the_experiment_and_the_versions(experiment):
    written = manifest(experiment)
    assert (written["exploration"], written["seed"]) == ("tiny", 11)
    versions = written["versions"]
    assert versions["python"] == platform.python_version()
    assert versions["torch"] == torch.__version__
    assert {name: versions[name] for name in ("erpo-explore", "ray", "sacrebleu", "rouge-score", "pyarrow")} == {
        name: version(name) for name in ("erpo-explore", "ray", "sacrebleu", "rouge-score", "pyarrow")
    }


def test_the_start_is_in_utc(experiment):
    started = datetime.fromisoformat(manifest(experiment)["started_at"])
    assert started.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - started) < timedelta(minutes=1)


def test_the_experiment_is_read_back_from_yaml(experiment):
    written = yaml.safe_load(yaml.safe_dump(manifest(experiment)))
    assert experiment_of(written, "exploration.yaml") == experiment


@pytest.mark.parametrize("name", ["results_0_1", "results_0_1-replay"])
def test_a_manifest_of_version_0_1_is_read(name):
    written = yaml.safe_load((DATA / name / "exploration.yaml").read_text())
    experiment = experiment_of(written, "exploration.yaml")
    assert experiment.algorithms == {"mle": {}, "raml": {"temperature": 0.2}}
    assert list(experiment.paths) == ["found" if name.endswith("replay") else "by_hand"]
    assert (experiment.model.hidden_size, experiment.task.validation_pairs) == (16, 8)
    assert experiment_of({"space": experiment.to_dict()}, "exploration.yaml") == experiment


@pytest.mark.parametrize("written", [{}, {"space": None}, {"space": {"name": "tiny"}}, {"space": [1]}])
def test_a_manifest_without_an_experiment_is_named(written):
    with pytest.raises(ConfigError, match=r"^exploration\.yaml: "):
        experiment_of(written, "exploration.yaml")


@pytest.mark.tools("git")
class TestCommit:
    def git(self, *args):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        run = subprocess.run(["git", *who, *args], cwd=self.folder, capture_output=True, text=True, check=True)
        return run.stdout.strip()

    @pytest.fixture(autouse=True)
    def code(self, tmp_path, monkeypatch):
        """A file in the role of the package code, in its own checkout."""
        self.folder = tmp_path
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        self.file = tmp_path / "code.py"
        self.file.write_text("1\n")
        monkeypatch.setattr(manifest_module, "__file__", str(self.file))

    def commit(self):
        self.git("init", "--quiet")
        self.git("add", "code.py")
        self.git("commit", "--quiet", "--message", "first")
        return self.git("rev-parse", "HEAD")

    def test_the_commit_is_that_of_the_checkout(self, experiment):
        commit = self.commit()
        assert manifest(experiment)["git_commit"] == commit

    def test_changed_code_is_marked(self, experiment):
        commit = self.commit()
        self.file.write_text("2\n")
        assert manifest(experiment)["git_commit"] == f"{commit}-changed"

    def test_untracked_files_are_no_change(self, experiment):
        commit = self.commit()
        (self.folder / "notes.txt").write_text("mine\n")
        assert manifest(experiment)["git_commit"] == commit

    def test_outside_a_checkout_there_is_none(self, experiment):
        assert manifest(experiment)["git_commit"] is None

    def test_a_package_installed_within_another_checkout_has_none(self, experiment):
        self.git("init", "--quiet")
        self.git("commit", "--quiet", "--allow-empty", "--message", "first")
        assert manifest(experiment)["git_commit"] is None

    def test_without_git_there_is_none(self, experiment, monkeypatch):
        self.commit()
        monkeypatch.setenv("PATH", str(self.folder))
        assert manifest(experiment)["git_commit"] is None


class TestRelease:
    """Unfinished trials are continued by the release that began them."""

    def test_the_release_that_wrote_a_folder_may_continue_it(self):
        check_release(manifest(Experiment.from_dict(TINY)), "results/tiny")

    @pytest.mark.parametrize("written", [{"versions": {"erpo-explore": "0.0.9"}}, {}])
    def test_another_release_is_refused_with_what_still_works(self, written):
        with pytest.raises(ResultsError, match=r"results/tiny was begun by erpo-explore .*report and replay work"):
            check_release(written, "results/tiny")
