"""Members without a model on a real Ray, with a score that reflects their history and failures on demand."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import tune

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.trials import plan_trials
from erpo_explore.space import Path as ErpoPath
from erpo_explore.space import Point
from erpo_explore.store import ResultsWriter
from erpo_explore.trial import Observation, Scores
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.schedule import ScheduleState
from erpo_explore.tune.callbacks.checkpoints import CheckpointSweeper
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.callbacks.recording import RecordingCallback
from erpo_explore.tune.schedulers.population import PopulationBasedAnnealing
from erpo_explore.tune.scoreboard import Scoreboard


class SimulatedMember(tune.Trainable):
    """Member that gains its task weight per interval; `faults` is {member: {iteration: ("raise" or "nan", times)}}."""

    def setup(  # type: ignore[override]  # `tune.with_parameters` adds the keywords
        self,
        config: dict[str, Any],
        *,
        num_intervals: int,
        faults: dict[str, Any],
        notes: str,
        step_s: float,
        save_s: Mapping[str, float],
        lead: float,
    ) -> None:
        self._num_intervals, self._faults, self._notes = num_intervals, faults, Path(notes)
        self._step_s, self._save_s, self._lead = step_s, save_s, lead
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def take_config(self, config: dict[str, Any]) -> None:
        self.config = config

    def _begin(self, config: dict[str, Any]) -> None:
        self._name = config["spec"]["name"]
        self._schedule = ScheduleState(ErpoPath.from_dict(config["spec"]["path"]))
        self._score = self._lead * config["spec"]["seed"]
        self._set_target(0)

    def _set_target(self, trained: int) -> None:
        if self.config["next_knot"] is not None:
            at = min(1.0, self.config["until"] / self._num_intervals)
            self._schedule.set_target(
                Point.from_dict(self.config["next_knot"]), now=trained / self._num_intervals, at=at
            )

    def step(self) -> dict[str, Any]:
        time.sleep(self._step_s)
        done = self.iteration + 1
        progress = done / self._num_intervals
        status = "finished" if done == self._num_intervals else "running"
        if fault := self._fault(done):
            if fault == "raise":
                raise RuntimeError("simulated failure")
            self._score, status = math.nan, "diverged"
        point = self._schedule.point(progress)
        self._score += point.reward.task
        lost = math.isnan(self._score)
        observation = Observation(
            step=done,
            progress=progress,
            point=point,
            path=self._schedule.path_so_far(progress),
            status="diverged" if lost else status,  # type: ignore[arg-type]
            train_loss_nats=None if lost else 1.0,
            scores=None
            if lost
            else Scores(validation_nll_nats=1.0, score=self._score, objective=self._score, signature="simulated"),
            entropy_nats=None,
            mean_reward=None,
            effective_sample_size=None,
            tokens_per_s=1.0,
            elapsed_s=float(done),
            device="cpu",
        )
        row = observation.to_row() | {"sentences": {}, "generation": self.config["generation"], "node": "here"}
        ends = status == "finished" or (lost and self.config["num_reseeds"] >= 1)
        return row | {"parent": self.config["parent"], "done": ends}

    def _fault(self, iteration: int) -> str | None:
        """Kind of the failure in this iteration; each fault occurs the given number of times."""
        kind, times = self._faults.get(self._name, {}).get(str(iteration), (None, 0))
        done = len(list(self._notes.glob(f"{self._name}-{iteration}-*")))
        if kind is None or done >= times:
            return None
        (self._notes / f"{self._name}-{iteration}-{done}").touch()
        return str(kind)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        time.sleep(self._save_s.get(self._name, 0.0))
        state = {"iteration": self.iteration, "score": self._score, "schedule": self._schedule.state()}
        (Path(checkpoint_dir) / "state.json").write_text(json.dumps(state))

    def load_checkpoint(self, checkpoint_dir: str) -> None:  # type: ignore[override]
        state = json.loads((Path(checkpoint_dir) / "state.json").read_text())
        self._score, self._schedule = state["score"], ScheduleState.from_state(state["schedule"])
        self._set_target(state["iteration"])


def simulate(
    folder: Path,
    num_intervals: int,
    faults: dict[str, Any] | None = None,
    *,
    step_s: float = 0.0,
    save_s: Mapping[str, float] | None = None,
    lead: float = 1.0,
    max_failures: int = 1,
    **search: Any,
) -> Path:
    """Run a population of simulated members to its end, resuming what the folder holds.

    Args:
        folder: Results folder, new or of an earlier call with the same arguments.
        num_intervals: Budget of each member.
        faults: See `SimulatedMember`.
        step_s: Seconds per interval.
        save_s: Seconds to write a checkpoint, by member; 0 for others.
        lead: Difference between the initial scores of consecutive members.
        max_failures: Failures after which a member is lost.
        search: Fields of the section `search`.

    Returns:
        The folder.
    """
    experiment = Experiment.from_dict(
        {
            "name": "simulated",
            "task": {"name": "toy"},
            "training": {"steps": num_intervals, "interval": 1},
            "search": {
                "method": "population",
                "ranges": {"task": [0.0, 1.0]},
                "evolve_every": [1],
                "selection": "truncation",
            }
            | search,
            "resources": {"max_failures": max_failures},
        }
    )
    specs = plan_trials(experiment, "bleu")
    notes, state = folder / "notes", folder / "checkpoints"
    trainable = tune.with_parameters(
        SimulatedMember,
        num_intervals=num_intervals,
        faults=faults or {},
        notes=str(notes),
        step_s=step_s,
        save_s=save_s or {},
        lead=lead,
    )
    if state.exists():
        tune.Tuner.restore(str(state), trainable, resume_unfinished=True, resume_errored=True).fit()
        return folder
    ResultsWriter.create(folder, {"exploration": "simulated"})
    recorder = Recorder(exploration="simulated", task="toy", model="none", metric="bleu", scoreboard=Scoreboard(folder))
    recorder.begin(specs)
    notes.mkdir()
    tune.Tuner(
        trainable,
        param_space=Assignment(spec=specs[0]).to_dict()
        | {"spec": tune.grid_search([spec.to_dict() for spec in specs])},
        tune_config=tune.TuneConfig(
            scheduler=PopulationBasedAnnealing(experiment, "bleu", recorder), reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="checkpoints",
            storage_path=str(folder),
            callbacks=[RecordingCallback(recorder), CheckpointSweeper()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
            failure_config=tune.FailureConfig(max_failures=experiment.resources.max_failures),
            verbose=0,
        ),
    ).fit()
    return folder
