"""Cost of an exploration for its driver if training costs nothing: a thousand trials on two hundred slots.

    python -m benchmarks.speed.cluster_scale                   # 250/50, 500/100 and 1,000/200, 3 reports per trial

Real: the exploration itself (`tune.run.explore`), Tune's controller, the population, recorder, results store, snapshots
and checkpoints. Simulated: the workers. Actors live in this process, start at once, take a fixed time per interval, and
have a few bytes of weights (`stand_in_actors`, `stand_in_runs`). So processes, the network and the transfer of results
are not measured. The time of the stand-ins is listed, because a cluster spends it elsewhere. Each size runs in its own
process under cProfile, whose overhead is part of all figures.
"""

import argparse
import cProfile
import json
import logging
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import ray

from benchmarks.speed.stand_in_actors import StandInActors
from benchmarks.speed.stand_in_runs import StandInTrial
from erpo_explore.config.experiment import Experiment
from erpo_explore.store import load_results
from erpo_explore.tune import tuner
from erpo_explore.tune.run import explore

_SIZES: Final = ((250, 50), (500, 100), (1000, 200))

_COMPONENTS: Final = {
    "stand-ins": ("stand_in_actors", ("_call",)),
    "recorder and store": ("callbacks/recorder", ("observe", "note_checkpoint", "begin")),
    "population": ("schedulers/population", ("choose_trial_to_run", "on_trial_add")),
    "checkpoint sweeper": ("callbacks/checkpoints", ("on_step_end",)),
    "Tune's snapshots": ("execution/tune_controller", ("checkpoint",)),
    "compaction": ("store/writer", ("compact",)),
}
"""File and functions of each component. A component's time is the cumulative time of its functions. No function of one
component is called by a function of another."""


def measure(trials: int, slots: int, reports: int, interval_s: float) -> dict[str, Any]:
    """Figures of one size."""
    experiment = Experiment.from_dict(
        {
            "name": "scale",
            "task": {"name": "toy"},
            "model": {"hidden_size": 8},  # never built, but the disk space of its checkpoints is checked
            "training": {"steps": reports, "interval": 1},
            "search": {"method": "population", "members": trials, "evolve_every": [1]},
            "baselines": [],
        }
    )
    ray.init(num_cpus=slots, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    StandInActors.slots, StandInActors.interval_s = slots, interval_s
    before_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    profile, started, cpu = cProfile.Profile(), time.perf_counter(), time.process_time()
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("ray.tune.execution.tune_controller.RayActorManager", StandInActors),
        patch.object(tuner, "ErpoTrainable", StandInTrial),
    ):
        profile.enable()
        outcome = explore(experiment, Path(folder) / "results")
        profile.disable()
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        num_reports = len(load_results(Path(folder) / "results", columns=["trial"]))
    if outcome.status != "finished" or outcome.num_failed or num_reports != trials * reports:
        raise RuntimeError(f"{num_reports} of {trials * reports} reports, {outcome}")
    there, free = ray.cluster_resources(), ray.available_resources()
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ray.shutdown()
    return {
        "trials": trials,
        "slots": slots,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "reports_per_s": num_reports / wall_s,
        "cpu_ms_per_report": 1e3 * cpu_s / num_reports,
        "grown_mb": (peak_bytes - before_bytes) / 1e6,
        "object_store_mb": (there["object_store_memory"] - free["object_store_memory"]) / 1e6,
        "components_s": _components(profile),
    }


def _components(profile: cProfile.Profile) -> dict[str, float]:
    """CPU seconds of each component, profiler included and waiting excluded; the remainder is Tune's controller.

    Raises:
        RuntimeError: The profile has no function of a component.
    """
    timed: Any = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # missing in typeshed
    components = {}
    for component, (part, names) in _COMPONENTS.items():
        found = [entry[3] for (file, _, name), entry in timed.items() if name in names and part in file]
        if not found:
            raise RuntimeError(f"no function of {component} was called; _COMPONENTS must name those of {part}")
        components[component] = sum(found)
    slept = sum(entry[2] for (_, _, name), entry in timed.items() if "time.sleep" in name)
    total = sum(entry[2] for entry in timed.values()) - slept
    return components | {"remainder, mostly Tune's controller": total - sum(components.values())}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", nargs="+", default=[f"{trials}/{slots}" for trials, slots in _SIZES], help="trials/slots"
    )
    parser.add_argument("--reports", type=int, default=3, help="reports per trial")
    parser.add_argument("--interval-s", type=float, default=0.2, help="seconds that an interval occupies a slot")
    parser.add_argument("--one", action="store_true", help="measure the first size in this process, and print JSON")
    chosen = parser.parse_args()
    sizes = [tuple(map(int, size.split("/"))) for size in chosen.sizes]
    os.environ |= {"RAY_CHDIR_TO_TRIAL_DIR": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    if chosen.one:
        print(json.dumps(measure(*sizes[0], chosen.reports, chosen.interval_s)))
        return
    print(
        "| trials / slots | wall, s | reports/s | CPU, ms per report | memory, MB | object store, MB | components, s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for trials, slots in sizes:
        command = [sys.executable, "-m", "benchmarks.speed.cluster_scale", "--one", "--sizes", f"{trials}/{slots}"]
        command += ["--reports", str(chosen.reports), "--interval-s", str(chosen.interval_s)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
        got = json.loads(ended.stdout.splitlines()[-1])
        components = ", ".join(f"{name} {spent:.1f}" for name, spent in got["components_s"].items())
        print(
            f"| {trials:,} / {slots} | {got['wall_s']:.1f} | {got['reports_per_s']:.1f} "
            f"| {got['cpu_ms_per_report']:.1f} "
            f"| {got['grown_mb']:.0f} | {got['object_store_mb']:.1f} | {components} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
