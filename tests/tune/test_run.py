"""Explorations on a real Ray: complete runs, interruptions and failures."""

import json
import os
import re
import signal
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import pandas as pd
import pytest
import yaml
from ray import tune
from ray.tune import TuneError

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ResultsError, RunError
from erpo_explore.space import Path as ErpoPath
from erpo_explore.stats.bootstrap import CorpusStatistics, corpus_score
from erpo_explore.tune.run import _ctrl_c_restored, _fit, explore, resume
from erpo_explore.tune.worker.preempted_interval import PREEMPTED_INTERVAL_FILE
from tests.tiny_exploration import TINY
from tests.tune.driver import start_command, start_driver, wait_for_reports
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [
    pytest.mark.ray,
    *RAY_WARNINGS,
]

TIMED = ["elapsed_s", "tokens_per_s", "reported_at", "checkpoint"]
"""Columns that differ between two runs with the same seed."""


def _holds(file: Path, word: str) -> bool:
    """Whether a file contains a word, as text or within the hexadecimal of a pickle."""
    content = file.read_bytes()
    return word.encode() in content or word.encode().hex().encode() in content


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, one_slot: str) -> Path:
    folder = tmp_path_factory.mktemp("explorations") / "undisturbed"
    outcome = explore(Experiment.from_dict(TINY), folder)
    assert (outcome.status, outcome.num_failed) == ("finished", 0)
    return folder


def _comparable(folder: Path) -> pd.DataFrame:
    return erpo.load_results(folder).drop(columns=TIMED)


class TestACompleteExploration:
    def test_every_trial_reports_every_interval(self, undisturbed: Path) -> None:
        frame = erpo.load_results(undisturbed)
        reports = frame.groupby("trial")["step"].apply(list).to_dict()
        names = {"mle-s1", "interpolation-s1", "member-0", "member-1", "member-2"}
        assert reports == {name: [3, 6, 9, 12] for name in names}

    def test_every_trial_is_recorded_as_finished(self, undisturbed: Path) -> None:
        trials = erpo.load_results(undisturbed, table="trials")
        assert set(trials["status"]) == {"finished"}
        assert set(trials["num_observations"]) == {4}

    def test_with_more_members_than_slots_all_stay_in_the_same_generation(self, undisturbed: Path) -> None:
        frame = erpo.load_results(undisturbed)
        members = frame[frame["role"] == "member"]
        assert (members["generation"] == members["iteration"] - 1).all()

    def test_each_clone_has_the_path_of_a_better_donor(self, undisturbed: Path) -> None:
        lineage = erpo.load_results(undisturbed, table="lineage")
        assert lineage.groupby("generation").size().to_dict() == {0: 3, 1: 3, 2: 3, 3: 3}
        clones = lineage[lineage["action"] == "clone"]
        for clone in clones.itertuples():
            donor = lineage[(lineage["trial"] == clone.donor) & (lineage["generation"] == clone.generation)].iloc[0]
            assert donor["action"] == "continue"
            assert donor["score"] == clone.donor_score > clone.score
            assert clone.path == donor["path"]

    def test_the_path_of_a_member_has_one_knot_per_decision(self, undisturbed: Path) -> None:
        lineage = erpo.load_results(undisturbed, table="lineage").set_index(["trial", "generation"])
        frame = erpo.load_results(undisturbed)
        for report in frame[frame["role"] == "member"].itertuples():
            path = ErpoPath.from_dict(json.loads(report.path))
            decided = ErpoPath.from_dict(json.loads(lineage.loc[(report.trial, report.generation), "path"]))
            knot = erpo.Point.from_dict(json.loads(lineage.loc[(report.trial, report.generation), "knot"]))
            assert path == decided.then(report.progress, knot)

    def test_the_best_path_is_that_of_the_best_row(self, undisturbed: Path) -> None:
        frame = erpo.load_results(undisturbed)
        best = frame.loc[frame["score"].idxmax()]
        assert erpo.best_path(undisturbed) == ErpoPath.from_dict(json.loads(best["path"]))

    def test_sentence_statistics_add_up_to_the_score_of_each_report(self, undisturbed: Path) -> None:
        frame = erpo.load_results(undisturbed).set_index(["trial", "iteration"])
        sentences = erpo.load_results(undisturbed, table="sentences").set_index(["trial", "iteration"])
        assert sentences.index.tolist() == frame.index.tolist()
        for report, row in sentences.iterrows():
            values_ND = row["values"].reshape(row["num_sentences"], -1)
            statistics = CorpusStatistics(kind=row["kind"], values_ND=values_ND)
            assert statistics.num_sentences == 20
            assert corpus_score(statistics) == pytest.approx(frame.loc[report, "score"])

    def test_tunes_snapshots_and_checkpoints_omit_sentence_statistics(self, undisturbed: Path) -> None:
        files = [file for file in (undisturbed / "checkpoints").rglob("*") if file.is_file()]
        found = {
            word: any(_holds(file, word) for file in files)
            for word in ("validation_nll_nats", "sentences", "values_ND")
        }
        assert found == {"validation_nll_nats": True, "sentences": False, "values_ND": False}

    def test_every_score_has_a_signature(self, undisturbed: Path) -> None:
        signatures = set(erpo.load_results(undisturbed)["signature"])
        assert len(signatures) == 1
        assert "tok:none" in signatures.pop()

    def test_the_manifest_holds_the_experiment(self, undisturbed: Path) -> None:
        written = yaml.safe_load((undisturbed / "exploration.yaml").read_text())
        stored, given = Experiment.from_dict(written["space"]), Experiment.from_dict(TINY)
        assert stored.model_copy(update={"task": given.task}) == given
        assert {"torch", "ray", "sacrebleu"} <= set(written["versions"])

    def test_a_second_run_into_the_folder_is_refused_and_changes_nothing(
        self, undisturbed: Path, tiny_space: Experiment
    ) -> None:
        before = {file: file.stat().st_mtime_ns for file in undisturbed.rglob("*") if file.is_file()}
        with pytest.raises(ResultsError, match="resume"):
            explore(tiny_space, undisturbed)
        assert {file: file.stat().st_mtime_ns for file in undisturbed.rglob("*") if file.is_file()} == before

    def test_resuming_a_finished_exploration_changes_nothing(self, undisturbed: Path) -> None:
        before = _comparable(undisturbed)
        assert resume(undisturbed).status == "finished"
        pd.testing.assert_frame_equal(_comparable(undisturbed), before)


def test_the_handler_of_ctrl_c_is_kept() -> None:
    before = signal.getsignal(signal.SIGINT)
    with _ctrl_c_restored():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as Tune puts its own in place
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_diverged_trials_are_recorded_and_do_not_end_the_exploration(one_slot: str, tmp_path: Path) -> None:
    training = TINY["training"] | {"learning_rate": 3e38}  # type: ignore[operator]
    changes = {"training": training, "search": {"method": "none"}, "resources": {"max_failures": 1}}
    outcome = explore(Experiment.from_dict(TINY | changes), tmp_path / "wild")
    trials = erpo.load_results(tmp_path / "wild", table="trials")
    assert (outcome.status, outcome.num_failed) == ("finished", 0)
    assert set(trials["status"]) == {"diverged"}
    assert trials["error"].str.contains("non-finite loss").all()
    # once as a failure that was tried again, once as its last report
    assert set(trials["num_failures"]) == {2}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "grid"])
def test_constant_points_are_searched(method: str, one_slot: str, tmp_path: Path) -> None:
    search = {"method": method, "members": 2, "levels": 2, "ranges": {"task": [0.1, 0.3]}}
    training = TINY["training"] | {"steps": 3}  # type: ignore[operator]
    space = Experiment.from_dict(TINY | {"baselines": [], "search": search, "training": training})
    explore(space, tmp_path / method)
    frame = erpo.load_results(tmp_path / method)
    assert list(frame["role"]) == [method] * 2
    assert frame["reward_task"].between(0.1, 0.3).all()


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ResultsError("cannot write x: No space left on device; free some space"), (ResultsError, "^cannot write x")),
        (ValueError("no such trial"), (RunError, r"stopped \(ValueError: no such trial\); resume .* goes on with it")),
    ],
)
def test_an_error_of_a_callback_is_one_line(
    raised: Exception, expected: tuple[type[Exception], str], tmp_path: Path
) -> None:
    class Tuner(tune.Tuner):
        def __init__(self) -> None:
            """A tuner without trials."""

        def fit(self) -> None:
            try:
                raise raised
            except Exception:
                # as Tune's controller does with errors of its callbacks
                raise TuneError(traceback.format_exc()) from None

    with pytest.raises(expected[0], match=expected[1]) as error:
        _fit(Tuner(), tmp_path)
    assert "\n" not in str(error.value)


def _descendants(pid: int) -> list[int]:
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            # "pid (name) state parent …", and a name may hold anything
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(TINY))
    return file


@pytest.mark.slow
def test_a_resumed_exploration_has_the_results_of_an_undisturbed_one(
    undisturbed: Path, tiny_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    driver = start_command(str(tiny_file), "--results", str(folder), alone=True)
    wait_for_reports(driver, folder, 7)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert (erpo.load_results(folder, table="trials")["status"] == "running").any()

    assert resume(folder).status == "finished"
    pd.testing.assert_frame_equal(_comparable(folder), _comparable(undisturbed))
    lineages = [erpo.load_results(f, table="lineage").drop(columns="decided_at") for f in (folder, undisturbed)]
    pd.testing.assert_frame_equal(*lineages)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_or_sigterm_stops_cleanly_and_prints_how_to_resume(
    number: int, code: int, undisturbed: Path, tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "stopped"
    driver = start_command(str(tiny_file), "--results", str(folder), alone=True)
    wait_for_reports(driver, folder, 4)
    driver.send_signal(number)
    output, _ = driver.communicate()
    assert driver.returncode == code
    assert f"resume {folder}" in " ".join(output.decode().split())
    assert b"Traceback" not in output

    # a relative path, as the message prints it
    monkeypatch.chdir(tmp_path)
    assert resume(Path("stopped")).status == "finished"
    pd.testing.assert_frame_equal(_comparable(folder), _comparable(undisturbed))


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_no_report_is_lost(one_slot: str, tmp_path: Path) -> None:
    # intervals long enough that a worker found in training is still in training when it is killed
    training = TINY["training"] | {"steps": 160, "interval": 40}  # type: ignore[operator]
    space, folder = tmp_path / "space.yaml", tmp_path / "worker"
    space.write_text(yaml.safe_dump(TINY | {"training": training}))
    driver = start_driver(folder, space)
    wait_for_reports(driver, folder, 2)
    while not (training_now := _training(os.getpid())):
        assert driver.poll() is None, "the driver ended before a worker was found in training"
    os.kill(min(training_now), signal.SIGKILL)
    output, _ = driver.communicate()
    assert driver.returncode == 0, output.decode()[-2000:]
    frame = erpo.load_results(folder)
    names = {"mle-s1", "interpolation-s1", "member-0", "member-1", "member-2"}
    assert frame.groupby("trial")["step"].apply(list).to_dict() == {name: [40, 80, 120, 160] for name in names}


def _training(pid: int) -> set[int]:
    """Process ids of workers in training below a process."""
    return {worker for worker in _descendants(pid) if b"Trainable.train" in _command_line(worker)}


def _command_line(pid: int) -> bytes:
    """Command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_a_preempted_worker_saves_its_interval_and_no_step_is_trained_twice(
    one_slot: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = TINY["training"] | {"steps": 200, "interval": 100}  # type: ignore[operator]
    # it may not fail even once
    changes = {"training": training, "search": {"method": "none"}, "resources": {"max_failures": 0}}
    space, folder = Experiment.from_dict(TINY | changes), tmp_path / "preempted"
    with ThreadPoolExecutor() as threads:
        ended = Event()
        preempting = threads.submit(_preempt_worker, folder, ended)
        try:
            outcome = explore(space, folder)
        finally:
            ended.set()
        preempted = preempting.result()
    assert (outcome.status, outcome.num_failed) == ("finished", 0)
    assert re.search(r"its worker was preempted; step \d+ is saved; continuing in another worker", caplog.text)
    assert set(erpo.load_results(folder, table="trials")["num_failures"]) == {0}
    assert list(folder.rglob(PREEMPTED_INTERVAL_FILE)) == []
    assert not Path(f"/proc/{preempted}").exists()
    explore(space, tmp_path / "undisturbed")
    pd.testing.assert_frame_equal(_comparable(folder), _comparable(tmp_path / "undisturbed"))


def _preempt_worker(folder: Path, ended: Event) -> int | None:
    """Send SIGTERM to each worker in training until one has saved its interval; return its process id, else None."""
    signalled: set[int] = set()
    while not ended.is_set():
        training_now = {
            pid for pid in _descendants(os.getpid()) if b"Trainable.train" in _command_line(pid)
        } - signalled
        for pid in training_now:
            time.sleep(0.1)
            os.kill(pid, signal.SIGTERM)
            signalled.add(pid)
            while not ended.is_set() and Path(f"/proc/{pid}").exists():
                if list(folder.rglob(PREEMPTED_INTERVAL_FILE)):
                    return pid
                time.sleep(0.01)
        time.sleep(0.05)
    return None
