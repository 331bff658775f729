"""Cost of a search if training costs nothing: simulated members in Tune, with our scheduler and Tune's PBT.

    python -m benchmarks.speed.population_scale --members 1000 --reports 50

A member is an actor that reports at once and writes a checkpoint of a few bytes. Both schedulers evaluate the whole
population after every report, clone a quarter of it, and record their decisions: ours as rows of the results store,
Tune's PBT as policy files. Runs of the two alternate, so that a slow phase of the machine affects both.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import ray
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from benchmarks.speed.timing import ratios
from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.trials import plan_trials
from erpo_explore.store import ResultsWriter
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.population import PopulationBasedAnnealing
from erpo_explore.tune.scoreboard import Scoreboard, Scored

_METRIC: Final = "bleu"


class SimulatedMember(tune.Trainable):
    """Member whose weights are one number, and whose score depends on its config and seed."""

    def setup(self, config: dict[str, Any]) -> None:
        """Start with zero weights."""
        del config
        self._weights = 0.0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start as another member in the same process."""
        self.setup(new_config)
        return True

    def take_config(self, config: dict[str, Any]) -> None:
        """Store the next config."""
        self.config = config

    def step(self) -> dict[str, Any]:
        """Train for one interval and report."""
        seed = self.config["spec"]["seed"]
        self._weights += float(np.random.default_rng((seed, self.iteration)).random()) + self.config.get("noise", 0.5)
        return {
            "score": self._weights,
            "objective": self._weights,
            "step": self.iteration + 1,
            "path": self.config["spec"]["path"],
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the weights."""
        (Path(checkpoint_dir) / "weights").write_text(repr(self._weights))

    def load_checkpoint(self, checkpoint_dir: str) -> None:  # type: ignore[override]  # it is always a folder
        """Read the weights."""
        self._weights = float((Path(checkpoint_dir) / "weights").read_text())


class Scores(tune.Callback):
    """Passes scores to the scoreboard, as an exploration does."""

    def __init__(self, scoreboard: Scoreboard) -> None:
        self._scoreboard = scoreboard

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Record a score."""
        del iteration, trials, info
        name = trial.config["spec"]["name"]
        self._scoreboard.note_score(
            name, result["training_iteration"], Scored(result["step"], result["score"], result["objective"])
        )


def run(kind: str, members: int, reports: int, folder: Path) -> float:
    """Seconds of one search.

    Args:
        kind: `ours`, or `pbt` for Tune's scheduler in synchronous mode, as ours.
        members: Number of members.
        reports: Reports per member.
        folder: Folder of checkpoints and results.
    """
    space = Experiment.from_dict(
        {
            "name": "scale",
            "task": {"name": "toy"},
            "training": {"steps": reports, "interval": 1},
            "search": {"method": "population", "members": members, "evolve_every": [1], "selection": "truncation"},
        }
    )
    specs = [spec for spec in plan_trials(space, _METRIC) if spec.role == "member"]
    ResultsWriter.create(folder / "results", {"exploration": "scale"})
    recorder = Recorder(
        exploration="scale", task="toy", model="none", metric=_METRIC, scoreboard=Scoreboard(folder / "results")
    )
    scheduler = (
        PopulationBasedAnnealing(space, _METRIC, recorder)
        if kind == "ours"
        else PopulationBasedTraining(
            time_attr="training_iteration",
            metric="objective",
            mode="max",
            perturbation_interval=1,
            hyperparam_mutations={"noise": tune.uniform(0.0, 1.0)},
            synch=True,
        )
    )
    configs = [Assignment(spec=spec).to_dict()["spec"] for spec in specs]
    tuner = tune.Tuner(
        SimulatedMember,
        param_space=Assignment(spec=specs[0]).to_dict() | {"spec": tune.grid_search(configs), "noise": 0.5},
        tune_config=tune.TuneConfig(scheduler=scheduler, reuse_actors=True),
        run_config=tune.RunConfig(
            name="checkpoints",
            storage_path=str(folder),
            stop={"training_iteration": reports},
            callbacks=[Scores(recorder.scoreboard)],
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, num_to_keep=3),
            verbose=0,
        ),
    )
    started = time.perf_counter()
    results = tuner.fit()
    seconds = time.perf_counter() - started
    reached = [result.metrics["training_iteration"] for result in results]
    if len(reached) != members or set(reached) != {reports}:
        raise RuntimeError(f"{kind}: {len(reached)} of {members} members reached {sorted(set(reached))} reports")
    return seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=1000, help="members of the population")
    parser.add_argument("--reports", type=int, default=50, help="reports per member")
    parser.add_argument("--slots", type=int, default=2, help="parallel members")
    parser.add_argument("--rounds", type=int, default=1, help="runs per scheduler")
    chosen = parser.parse_args()
    os.environ |= {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    ray.init(num_cpus=chosen.slots, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    times: dict[str, list[float]] = {"pbt": [], "ours": []}
    for index in range(chosen.rounds):
        for kind in sorted(times, reverse=index % 2 == 0):
            with tempfile.TemporaryDirectory() as folder:
                times[kind].append(run(kind, chosen.members, chosen.reports, Path(folder)))
            print(f"{kind}: {times[kind][-1]:.1f} s", flush=True)
    ray.shutdown()
    ratio = statistics.median(ratios(times["ours"], times["pbt"]))
    print(f"{chosen.members} members x {chosen.reports} reports on {chosen.slots} slots: {ratio:.2f} x the time of PBT")


if __name__ == "__main__":
    main()
