"""Trials whose workers fail on a real Ray, and what is recorded of them."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
import torch
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayActorError, RayTaskError
from ray.tune import TuneError

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError, DataError, DivergedError, ResultsError
from erpo_explore.space import algorithm
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune._ray_internals import retrying_if
from erpo_explore.tune.callbacks.failures import Failure, Failures, last_failure, may_retry
from erpo_explore.tune.callbacks.recording import RecordingCallback
from erpo_explore.tune.run import explore
from erpo_explore.tune.worker.preemption_signal import PreemptedError
from erpo_explore.tune.worker.watchdog import HUNG
from tests.checking import no_type_checks
from tests.shared_ray import connect, disconnect
from tests.tiny_exploration import TINY
from tests.tune.failed_trial import failed_trial, raised_in_worker

FAULTY = """
import gc, time
from collections import Counter
from pathlib import Path

calls = Counter()

def scores(hypotheses, references):
    return [len(set(h.split()) & set(r.split())) / (1 + len(h.split())) for h, r in zip(hypotheses, references)]

def fine(*texts):
    return scores(*texts)

def first_time_in_the_second_interval(name):
    calls[name] += 1
    mark = Path(__file__).with_name(name)
    if calls[name] == 5 and not mark.exists():
        mark.touch()
        return True
    return False

def hangs_once(*texts):
    while first_time_in_the_second_interval("hangs"):
        time.sleep(1000.0)
    return scores(*texts)

def starves_once(*texts):
    if first_time_in_the_second_interval("starves"):
        raise MemoryError("no room for 7 EiB")
    return scores(*texts)

def gorges(*texts):
    gorged = []
    for _ in range(3000):
        gorged.append(bytearray(b"x") * 1_000_000)
        time.sleep(0.002)
    return scores(*texts)

def poisons_once(*texts):
    if first_time_in_the_second_interval("poisons"):
        from erpo_explore.trial import TrainingRun
        for run in filter(lambda each: isinstance(each, TrainingRun), gc.get_objects()):
            run.model.output_bias.data.fill_(float("nan"))
    return scores(*texts)

def fails(*texts):
    raise LookupError("never works")
"""
"""A user's metrics. An interval is 3 steps, each of which calls them once."""

KINDS = ("fine", "hangs_once", "starves_once", "poisons_once", "fails", "gorges")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, one_slot: str) -> Iterator[Path]:
    """Results of one trial per kind, which differ in nothing else, and of maximum likelihood."""
    home = tmp_path_factory.mktemp("faulty")
    (home / "faulty.py").write_text(FAULTY)
    disconnect()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(home))
        # a loaded machine takes long to start the process that reads a hung worker's stacks
        patch.setattr("erpo_explore.tune.callbacks.failures._WAIT_S", 600.0)
        # workers import from the folder where their driver has connected
        with contextlib.chdir(home):
            connect(one_slot)
        yield _explored(home)
    disconnect()


def _explored(home: Path) -> Path:
    paths = {name: algorithm("minimum_risk").path(f"faulty:{name}").to_dict() for name in KINDS}
    changes = {
        "search": {"method": "none"},
        "baselines": {"mle": {}, **paths},
        # a worker of these trials holds 0.3 GB or so
        "resources": {"timeout_s": 30.0, "max_failures": 1, "memory_per_trial_gb": 1.0},
    }
    outcome = explore(Experiment.from_dict(TINY | changes), home / "results")
    assert (outcome.status, outcome.num_failed) == ("finished", 2)
    return home / "results"


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*:FutureWarning:ray.*")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:ray.*")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestWorkersThatFail:
    @pytest.mark.parametrize(
        ("name", "status", "num_failures", "error"),
        [
            ("mle", "finished", 0, None),
            ("fine", "finished", 0, None),
            ("hangs_once", "finished", 1, r"its worker hung and was ended: File .*faulty\.py.* in hangs_once"),
            ("starves_once", "finished", 1, r"MemoryError: no room for 7 EiB"),
            ("poisons_once", "finished", 1, r"non-finite loss after step [45]"),
            ("fails", "failed", 1, r"LookupError: never works"),
            (
                "gorges",
                "failed",
                2,
                r"MemoryError: its worker took [1-4]\.\d\d GB, more than .*memory_per_trial_gb=1; .*",
            ),
        ],
    )
    def test_a_trial_is_retried_and_its_failures_are_recorded(
        self, folder: Path, name: str, status: str, num_failures: int, error: str | None
    ) -> None:
        row = erpo.load_results(folder, table="trials").set_index("trial").loc[f"{name}-s1"]
        assert (row["status"], row["num_failures"]) == (status, num_failures)
        if error is None:
            assert pd.isna(row["error"])
        else:
            assert pd.Series([row["error"]]).str.fullmatch(error).all(), row["error"]

    @pytest.mark.parametrize("name", ["mle", *KINDS])
    def test_each_interval_is_reported_once(self, folder: Path, name: str) -> None:
        steps = erpo.load_results(folder, trials=[f"{name}-s1"])["step"].tolist()
        assert steps == ([] if name in ("fails", "gorges") else [3, 6, 9, 12])

    @pytest.mark.parametrize("name", ["hangs_once", "starves_once"])
    def test_a_retry_trains_as_if_nothing_had_failed(self, folder: Path, name: str) -> None:
        assert _losses(folder, name) == _losses(folder, "fine")

    def test_a_trial_that_diverged_is_retried_with_other_draws(self, folder: Path) -> None:
        poisoned, fine = _losses(folder, "poisons_once"), _losses(folder, "fine")
        assert poisoned[0] == fine[0]
        assert all(one != other for one, other in zip(poisoned[1:], fine[1:], strict=True))

    def test_no_stack_files_remain(self, folder: Path) -> None:
        assert list(folder.rglob(HUNG)) == []


def _losses(folder: Path, name: str) -> list[float]:
    return erpo.load_results(folder, trials=[f"{name}-s1"])["train_loss_nats"].tolist()


class ForeignError(Exception):
    """An error of a user's module."""


class OutOfHandError(Exception):
    """An error that cannot be made from its arguments again."""

    def __init__(self, number: int, unit: str) -> None:
        super().__init__(f"{number} {unit}")


class TestReasons:
    @pytest.mark.parametrize(
        ("cause", "expected"),
        [
            (MemoryError("no room"), Failure(reason="MemoryError: no room")),
            (MemoryError(), Failure(reason="MemoryError")),
            (ValueError("one\n  two"), Failure(reason="ValueError: one two", recurs=True)),
            (ConfigError("bad: 1"), Failure(reason="bad: 1", recurs=True)),
            (DivergedError("loss was NaN"), Failure(reason="loss was NaN", diverged=True)),
            (ForeignError("loss was NaN"), Failure(reason=f"{__name__}.ForeignError: loss was NaN")),
            (PreemptedError("its worker was preempted"), Failure(reason="its worker was preempted", preempted=True)),
        ],
    )
    def test_the_reason_is_the_exception_of_the_worker(
        self, cause: BaseException, expected: Failure, tmp_path: Path
    ) -> None:
        assert last_failure(failed_trial(tmp_path, raised_in_worker(cause))) == expected

    def test_a_worker_that_could_not_start_has_the_error_of_its_constructor(self, tmp_path: Path) -> None:
        died = ActorDiedError(RayTaskError("__init__", "Traceback\nConfigError: bad", ConfigError("bad"), "x", 7, "ip"))
        assert last_failure(failed_trial(tmp_path, died)) == Failure(reason="bad", recurs=True)

    def test_a_worker_that_died_has_the_last_line_of_rays_message(self, tmp_path: Path) -> None:
        died = RayActorError("3f", "The actor died.\n\tactor_id: 3f\nIts node has died.")
        assert last_failure(failed_trial(tmp_path, died)) == Failure(reason="its worker was lost: Its node has died.")

    def test_only_the_last_failure_counts(self, tmp_path: Path) -> None:
        errors = [raised_in_worker(cause) for cause in (DivergedError("loss was NaN"), MemoryError("no room"))]
        assert last_failure(failed_trial(tmp_path, *errors)) == Failure(reason="MemoryError: no room")

    @pytest.mark.parametrize("unkept", [OutOfMemoryError("killed\nnode is low on memory"), TuneError("low on memory")])
    def test_the_text_is_read_where_tune_keeps_no_exception(self, unkept: BaseException, tmp_path: Path) -> None:
        trial = failed_trial(tmp_path, raised_in_worker(DivergedError("loss was NaN")), unkept)
        failure = last_failure(trial)
        assert failure.reason.endswith("low on memory")
        assert not failure.diverged

    def test_the_text_is_read_where_the_exception_cannot_be_unpickled(self, tmp_path: Path) -> None:
        trial = failed_trial(tmp_path, raised_in_worker(OutOfHandError(7, "EiB")))
        assert last_failure(trial) == Failure(reason="OutOfHandError: 7 EiB")

    def test_without_any_text_the_worker_is_lost(self, tmp_path: Path) -> None:
        assert last_failure(failed_trial(tmp_path)) == Failure(reason="worker lost")

    def test_the_frame_of_a_hung_worker_is_reported_once(self, tmp_path: Path) -> None:
        stacks = 'Timeout!\nThread 0x2 (most recent call first):\n  File "b.py", line 2 in b\n'
        stacks += 'Thread 0x1 (most recent call first):\n  File "a.py", line 1 in a\n  File "c.py", line 3 in c\n'
        (tmp_path / HUNG).write_text(stacks)
        trial = failed_trial(tmp_path, RayActorError(error_msg="The actor died"))
        assert last_failure(trial) == Failure(reason='its worker hung and was ended: File "a.py", line 1 in a')
        assert last_failure(trial) == Failure(reason="its worker was lost: The actor died")


class TestRetries:
    @pytest.mark.parametrize(
        "cause",
        [
            ConfigError("no such metric"),
            DataError("line 7 is empty"),
            KeyError("bleu"),
            IndexError("index out of range in self"),
            TypeError("scores() takes 1 positional argument"),
            ZeroDivisionError("division by zero"),
        ],
    )
    def test_an_error_of_data_settings_or_code_is_not_retried(self, cause: BaseException, tmp_path: Path) -> None:
        trial = failed_trial(tmp_path, raised_in_worker(cause))
        assert not may_retry(trial)
        assert last_failure(trial).recurs

    @pytest.mark.parametrize(
        "misfit",
        [
            lambda: torch.nn.Linear(2, 3).load_state_dict(torch.nn.Linear(2, 4).state_dict()),
            lambda: torch.ones(2, 3) @ torch.ones(2, 3),
            lambda: torch.ones(3) + torch.ones(4),
            lambda: torch.cat([torch.ones(2, 3), torch.ones(2, 2)]),
            lambda: torch.ones(5).view(2, 3),
            lambda: torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.float64),
        ],
    )
    def test_tensors_that_do_not_fit_are_not_retried(self, misfit: Callable[[], object], tmp_path: Path) -> None:
        with pytest.raises(RuntimeError) as raised:
            misfit()
        assert not may_retry(failed_trial(tmp_path, raised_in_worker(raised.value)))

    @pytest.mark.parametrize(
        "cause",
        [
            DivergedError("loss was NaN"),
            MemoryError("no room"),
            OSError(28, "full"),
            ConnectionError("reset"),
            ImportError("no module on this machine"),
            ResultsError("cannot read state.pt"),
            RuntimeError("CUDA error: an illegal memory access was encountered"),
            pa.ArrowInvalid("Parquet magic bytes not found"),
            PreemptedError("its worker was preempted"),
            ForeignError("unknown"),
        ],
    )
    def test_what_may_differ_the_next_time_is_retried(self, cause: BaseException, tmp_path: Path) -> None:
        assert may_retry(failed_trial(tmp_path, raised_in_worker(cause)))

    def test_a_lost_worker_is_retried(self, tmp_path: Path) -> None:
        assert may_retry(failed_trial(tmp_path, RayActorError("3f", "The actor died.")))

    def test_tune_retries_what_both_the_number_and_the_kind_of_failures_allow(self, tmp_path: Path) -> None:
        lost, wrong = RayActorError("3f", "The actor died."), raised_in_worker(KeyError("bleu"))
        trials = [failed_trial(tmp_path / name, error) for name, error in (("lost", lost), ("wrong", wrong))]
        with retrying_if(may_retry):
            for at_most, expected in ((2, [True, False]), (0, [False, False]), (-1, [True, False])):
                for trial in trials:
                    trial.max_failures = at_most
                assert [trial.should_recover() for trial in trials] == expected
        assert trials[1].should_recover()


def spec(name: str) -> TrialSpec:
    return TrialSpec(name=name, role="algorithm", algorithm="mle", seed=1, path=algorithm("mle").path("bleu"))


class TestLines:
    def test_a_failure_that_recurs_is_explained_once(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        recorder = SimpleNamespace(folder=tmp_path, fail=lambda *_, **__: None)
        with no_type_checks():
            callback = RecordingCallback(recorder)  # type: ignore[arg-type]
            for name in ("mle-s1", "member-0"):
                trial = failed_trial(tmp_path / name, raised_in_worker(KeyError("bleu")))
                trial.config = Assignment(spec=spec(name)).to_dict()
                callback.on_trial_error(1, [], trial)
        assert caplog.messages == [
            "mle-s1: KeyError: 'bleu'; not retried, since it would fail again (traceback in "
            f"{tmp_path}/checkpoints/mle-s1/error.txt)",
            "member-0: failed as mle-s1",
        ]


class TestCounts:
    def test_ended_workers_and_diverged_reports_add_up(self) -> None:
        failures = Failures(num_ended=2, error="lost").with_report(3, "diverged", 30)
        assert failures.columns() == {"num_failures": 3, "error": "non-finite loss after step 30"}

    def test_a_repeated_report_counts_once(self) -> None:
        failures = Failures().with_report(3, "diverged", 30)
        assert failures.with_report(3, "diverged", 30) == failures
        assert failures.with_report(3, "running", 30).columns()["num_failures"] == 0

    def test_without_a_failure_there_is_no_error(self) -> None:
        assert Failures().with_report(1, "running", 10).columns() == {"num_failures": 0, "error": None}
