import io
import pickle
import types

import pytest
from rich.console import Console

from erpo_explore.space import Path, Point, Reward
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks import progress
from erpo_explore.tune.callbacks.progress import ProgressCallback

POINT = {"reward_truth": 0.7, "reward_noise": 0.3, "reward_task": 0.0, "reward_model": 0.0, "alpha": 0.0, "beta": 1.0}


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now_s = 1000.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def callback(clock, monkeypatch):
    """Two trials of 200 steps, on no terminal."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return callback_of()


def callback_of():
    return ProgressCallback(exploration="tiny", num_trials=2, steps=200, score_name="rouge")


def trial_of(name="mle-s1", status="RUNNING"):
    algorithm = None if name.startswith("member") else "mle"
    role = "member" if algorithm is None else "algorithm"
    spec = TrialSpec(
        name=name, role=role, algorithm=algorithm, seed=1, path=Path.constant(Point(reward=Reward(truth=1.0)))
    )
    return types.SimpleNamespace(config={"spec": spec.to_dict()}, status=status)


def report(callback, name="mle-s1", *, step=100, score=12.345, status="running", parent=None, done=False):
    result = POINT | {"step": step, "score": score, "objective": score, "status": status, "parent": parent}
    result |= {"generation": 0, "tokens_per_s": 1000.0, "samples": []}
    result |= {"done": done or status != "running"}
    callback.on_trial_result(1, [], trial_of(name), result)


def shown(callback):
    """The live table as text."""
    console = Console(file=io.StringIO(), width=120)
    console.print(callback._render())
    return console.file.getvalue()


class TestLines:
    def test_a_report_is_a_line_with_name_step_score_and_time_left(self, callback, capsys):
        callback.setup()
        report(callback)
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert printed.err.startswith("mle-s1 ")
        for part in ("step 100/200", "rouge 12.35", "0 s left"):
            assert part in printed.err
        assert len(printed.err) <= 80

    def test_a_searched_trial_has_the_weights_of_its_reward_where_an_algorithm_has_its_name(self, callback, capsys):
        callback.setup()
        report(callback)
        assert "truth" not in capsys.readouterr().err
        report(callback, "member-0")
        assert capsys.readouterr().err.endswith("  truth 0.70 noise 0.30\n")

    def test_text_that_looks_like_markup_is_shown_as_it_is(self, callback, capsys):
        callback.setup()
        report(callback, "[bold]mle[/nothing]")
        assert "[bold]mle[/nothing]" in capsys.readouterr().err

    def test_a_clone_names_its_donor(self, callback, capsys):
        callback.setup()
        report(callback, "member-0", parent="member-3")
        assert "cloned member-3" in capsys.readouterr().err

    def test_a_diverged_trial_is_marked(self, callback, capsys):
        callback.setup()
        report(callback, score=None, status="diverged")
        assert "step 100/200  diverged" in capsys.readouterr().err

    def test_a_trial_that_is_stopped_early_is_marked(self, callback, capsys):
        callback.setup()
        report(callback, done=True)
        assert "  stopped early\n" in capsys.readouterr().err

    def test_before_the_run_nothing_is_printed(self, callback, capsys):
        report(callback)
        assert capsys.readouterr().err == ""


class TestTimeLeft:
    def line(self, capsys):
        return capsys.readouterr().err.splitlines()[-1]

    @pytest.mark.parametrize(
        ("seconds", "left"),
        [(1, "3 s left"), (30, "1 min 30 s left"), (1200, "1 h 00 min left"), (7260, "6 h 03 min left")],
    )
    def test_it_is_the_time_of_the_remaining_steps_at_the_pace_so_far(self, callback, clock, capsys, seconds, left):
        callback.setup()
        clock.now_s += seconds
        report(callback)
        # 100 of 400 steps are done
        assert f"  {left}" in self.line(capsys)

    def test_a_diverged_trial_has_no_steps_left(self, callback, clock, capsys):
        callback.setup()
        clock.now_s += 10
        report(callback, score=None, status="diverged")
        # 100 steps took 10 s, and only the other trial's 200 are left
        assert "  20 s left" in self.line(capsys)

    def test_a_trial_that_is_stopped_early_has_no_steps_left(self, callback, clock, capsys):
        callback.setup()
        clock.now_s += 10
        report(callback, done=True)
        assert "  20 s left" in self.line(capsys)

    def test_at_the_end_nothing_is_left(self, callback, clock, capsys):
        callback.setup()
        clock.now_s += 10
        report(callback, "one", step=200, status="finished")
        report(callback, "other", step=200, status="finished")
        assert "  0 s left" in self.line(capsys)

    def test_a_resumed_run_counts_its_own_steps_alone(self, callback, clock, capsys):
        callback.setup()
        report(callback)
        state = callback.get_state()
        other = callback_of()
        other.setup()
        other.set_state(state)
        clock.now_s += 10
        report(other, step=150)
        # 50 new steps took 10 s, and 250 are left
        assert "  50 s left" in self.line(capsys)

    def test_it_is_unknown_before_the_first_step(self, callback, capsys):
        callback.setup()
        report(callback, step=0, score=None, status="diverged")
        assert "  … left" in self.line(capsys)


class TestTable:
    def test_it_shows_every_trial_with_its_state(self, callback, clock):
        callback.setup()
        report(callback)
        report(callback, "member-0", score=15.0, parent="member-1")
        report(callback, "lost", score=None, status="diverged")
        report(callback, "hopeless", score=1.0, done=True)
        trials = [
            trial_of("hopeless", "TERMINATED"),
            trial_of(),
            trial_of("member-0", "PAUSED"),
            trial_of("lost", "TERMINATED"),
            trial_of("new", "PENDING"),
        ]
        callback.on_step_end(1, trials)
        text = shown(callback)
        rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
        assert "tiny  400/400 steps" in text
        assert rows["hopeless"][1:4] == ["stopped", "100/200", "1.00"]
        assert rows["mle-s1"][1:4] == ["trains", "100/200", "12.35"]
        assert rows["member-0"][1:4] == ["waits", "100/200", "15.00"]
        assert rows["member-0"][-1] == "member-1"
        assert rows["lost"][1:3] == ["diverged", "100/200"]
        assert rows["new"][1:] == ["waits", "0/200"]

    def test_it_is_empty_before_anything_ran(self, callback):
        assert "0/400 steps, … left" in shown(callback)

    def test_on_a_terminal_it_is_live_and_the_last_one_stays(self, callback, monkeypatch):
        terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
        monkeypatch.setattr(progress, "Console", lambda **_: terminal)
        callback.setup()
        report(callback)
        callback.on_step_end(1, [trial_of(status="TERMINATED")])
        callback.on_experiment_end([])
        last = terminal.file.getvalue()
        assert "mle-s1" in last
        assert "finished" in last


class TestPickles:
    def test_a_callback_that_runs_pickles_without_its_console(self, callback, monkeypatch):
        monkeypatch.setattr(progress, "Console", lambda **_: Console(file=io.StringIO(), force_terminal=True))
        callback.setup()
        report(callback)
        other = pickle.loads(pickle.dumps(callback))
        callback.close()
        assert other.get_state() == callback.get_state()
        assert (other._live, other._console) == (None, None)

    def test_its_state_is_a_copy(self, callback):
        state = callback.get_state()
        report(callback)
        assert state == {"reports": {}}
