"""Which files of another user's results are executed, and when that is refused."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from erpo_explore.cli.main import main
from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ResultsError
from erpo_explore.plan.manifest import manifest
from erpo_explore.plan.trust import check_replayable, check_resumable, named_functions
from erpo_explore.report import write_report
from erpo_explore.space import Estimator, Point, Reward
from erpo_explore.space import Path as SpacePath
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION
from tests.tiny_exploration import TINY

EVIL = "evil_module:score"


def experiment_with(**changed: Any) -> dict[str, Any]:
    return Experiment.from_dict(TINY | changed).to_dict()


def own_estimator() -> dict[str, Any]:
    point = Point(reward=Reward(task=1.0), estimator=Estimator(kind=EVIL))
    return SpacePath.constant(point).to_dict()


NAMING = [
    experiment_with(baselines=["mle", {"minimum_risk": {"metric": EVIL}}]),
    experiment_with(model={"kind": "custom", "function": EVIL}),
    {"search": {"choices": {"metric": ["bleu", EVIL]}}},
    {"baselines": {"mine": {"knots": [{"at": 0, "point": {"reward": {"metric": EVIL}}}]}}},
    {"baselines": {"mine": {"knots": [{"at": 0, "point": {"reward": EVIL}}]}}},
    {"baselines": {"mine": {"knots": [{"at": 0, "point": {"reward": "bleu", "estimator": EVIL}}]}}},
    experiment_with(baselines={"mine": own_estimator()}),
]


@pytest.fixture
def evil_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in the working folder, and the file that importing it creates."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil_module.py").write_text("from pathlib import Path\nPath('imported').touch()\n")
    return tmp_path / "imported"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results of an exploration that has begun, and whose model is a function."""
    folder = tmp_path / "results"
    written = manifest(Experiment.from_dict(TINY | {"model": {"kind": "custom", "function": EVIL}}))
    ResultsWriter.create(folder, written, needed_bytes=1)
    state = folder / "checkpoints"
    state.mkdir()
    (state / "tuner.pkl").write_bytes(b"")
    return folder


@pytest.fixture
def another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process runs as another user than the owner of the files, and not as root."""
    before, owner = os.stat_result, os.getuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 4321)
    stat = Path.stat

    def with_other_owner(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = list(stat(self, follow_symlinks=follow_symlinks))
        found[4] = 1234 if found[4] == 0 else found[4]
        return before(found)

    monkeypatch.setattr(Path, "stat", with_other_owner)


@pytest.mark.parametrize(
    "written", NAMING, ids=["algorithm", "model", "choice", "path", "reward alone", "estimator alone", "estimator"]
)
def test_functions_are_found_in_every_field_that_may_name_them(written: dict[str, Any]) -> None:
    assert named_functions(written) == (EVIL,)


def test_functions_are_found_in_metrics_with_options_in_sums_and_beside_the_metric() -> None:
    written = {
        "metric": {"sum": [{"name": "b:b", "weight": 2}, "a:a"]},
        "also": ["c:c", {"name": "d:d", "higher_is_better": False}],
    }
    assert named_functions({"task": written}) == ("a:a", "b:b", "c:c", "d:d")


@pytest.mark.parametrize(
    "written", [experiment_with(), None, [], {"init_from": "s3://bucket/x"}, {"metric": {"x": "a:b"}}]
)
def test_other_values_name_no_function(written: Any) -> None:
    assert named_functions(written) == ()


def test_a_folder_of_the_same_user_is_resumed_and_its_functions_are_logged(
    results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "erpo_explore"):
        check_resumable(results, trust=False)
    assert f"names functions, which are imported and run: {EVIL}" in caplog.text


@pytest.mark.usefixtures("another_user")
def test_a_folder_of_another_user_is_refused(results: Path) -> None:
    with pytest.raises(ResultsError, match=r"belongs to the user .*Tune's pickled state.*--trust"):
        check_resumable(results, trust=False)
    check_resumable(results, trust=True)


@pytest.mark.parametrize("file", [".", "exploration.yaml", "checkpoints", "checkpoints/tuner.pkl"])
def test_a_folder_that_every_user_may_write_is_refused(results: Path, file: str) -> None:
    path = results / file
    path.chmod(path.stat().st_mode | 0o002)
    with pytest.raises(ResultsError, match="can be written by every user"):
        check_resumable(results, trust=False)
    check_resumable(results, trust=True)


@pytest.mark.usefixtures("another_user")
def test_only_replays_that_import_functions_need_trust(results: Path) -> None:
    check_replayable(results, experiment_with(), trust=False)
    with pytest.raises(ResultsError, match=rf"runs functions that it may name \({EVIL}\)"):
        check_replayable(results, NAMING[1], trust=False)


def test_a_folder_at_a_uri_has_no_owner(results: Path) -> None:
    check_resumable(f"file://{results}", trust=False)


@pytest.mark.usefixtures("another_user")
def test_resume_checks_the_owner_before_it_imports(
    results: Path, evil_module: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["explore.py", "resume", "results"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--trust" in capsys.readouterr().err
    assert not evil_module.exists()


def test_a_report_imports_nothing_that_the_folder_names(results: Path, evil_module: Path) -> None:
    writer = ResultsWriter.open(results)
    writer.append("observations", [OBSERVATION | {"metric": EVIL}])
    write_report(results)
    assert yaml.safe_load((results / "exploration.yaml").read_text())["space"]["model"]["function"] == EVIL
    assert not evil_module.exists()
