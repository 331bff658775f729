"""`explore.py submit`: run, resume or replay on a cluster."""

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from erpo_explore.cli.experiment import advised_experiment, chosen_experiment, find_experiment
from erpo_explore.cli.output import say
from erpo_explore.errors import ConfigError

if TYPE_CHECKING:
    from erpo_explore.config.experiment import Experiment
    from erpo_explore.launch import HeadJob, RayLauncher, Submission

__all__ = ["submit"]

_SUBMITTED: Final = ("run", "resume", "replay")
"""Commands that run on a cluster; the others read fetched results on this machine."""

_WITH_RESULTS: Final = (0, 1, 130)
"""Exit codes with which an exploration leaves results: done, some trial failed, interrupted."""


def submit(
    cluster: Annotated[FilePath, typer.Option(help="A file for `ray up`, e.g. cluster/gpu.yaml.", metavar="FILE")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Command for the cluster: [run] EXPERIMENT, resume, replay.")
    ] = None,
    data: Annotated[
        FilePath | None, typer.Option(help="Copy DIR to the cluster and train on it, as `run --data DIR` does here.")
    ] = None,
    into: Annotated[
        FilePath | None, typer.Option(help="Local copy of the results folder. Default: results/NAME.")
    ] = None,
    follow: Annotated[
        str | None, typer.Option(help="Submit nothing; follow the exploration NAME to its end.", metavar="NAME")
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="Submit nothing; interrupt the exploration NAME as Ctrl-C would.", metavar="NAME")
    ] = None,
) -> None:
    """Run on a cluster: bring it up, explore there, follow the progress, fetch the results.

    Ctrl-C ends only the following; the exploration continues. The exit code is that of explore.py.

    \b
    Examples:
      explore.py submit --cluster cluster/gpu.yaml multi30k --data DIR
      explore.py submit --cluster cluster/gpu.yaml resume results/multi30k
      explore.py submit --cluster cluster/gpu.yaml --follow multi30k
    """  # noqa: D301
    from erpo_explore import launch

    checked = launch.load_cluster_file(cluster)
    ray = launch.RayLauncher.find(cluster)
    if follow is not None or stop is not None:
        if arguments or data or (follow is not None and stop is not None):
            raise ConfigError("--follow NAME and --stop NAME go with --cluster and --into alone")
        if stop is not None:
            say(launch.stop(ray, launch.HeadJob(stop)))
            return
        raise typer.Exit(_follow_to_end(ray, launch.HeadJob(str(follow)), into))
    submission = _submission(_commands(), arguments or [], data, into)
    launch.ensure_token(checked, ray.program)
    try:
        launch.submit(ray, submission, note=say)
    except KeyboardInterrupt:
        say(f"interrupted; `submit --cluster {cluster} --follow {submission.job.name}` shows whether it has started")
        raise typer.Exit(130) from None
    raise typer.Exit(_follow_to_end(ray, submission.job, submission.local))


def _commands() -> Mapping[str, Any]:
    """All commands of the application, by name."""
    # the application imports this module
    from erpo_explore.cli.main import app

    group: Any = typer.main.get_command(app)
    commands: Mapping[str, Any] = group.commands
    return commands


def _submission(
    commands: Mapping[str, Any], arguments: Sequence[str], data: FilePath | None, into: FilePath | None
) -> "Submission":
    """The files to carry and the command to run, checked here as far as possible."""
    from erpo_explore.launch import HeadJob, Submission, format_arguments, job_name, parse_arguments

    name, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in commands else ("run", arguments)
    if name not in _SUBMITTED:
        raise ConfigError(f"submit runs {', '.join(_SUBMITTED)}, got {name}; run it here on fetched results")
    if data is not None and name == "resume":
        raise ConfigError("--data goes with an experiment; resume uses the data of the results folder")
    values = parse_arguments(commands[name], name, rest)
    results, files = _results_and_files(name, values, data)
    job = HeadJob(job_name(results))
    uploads = {field: FilePath(file) for field, file in files.items() if file is not None}
    remote = {field: f"{job.folder}/{field}{file.suffix}" for field, file in uploads.items()}
    return Submission(
        job=job,
        results=results,
        local=into or FilePath("results") / job.name,
        is_new=name != "resume" and "://" not in results,
        arguments=(name, *format_arguments(commands[name], values | {"results": results} | remote)),
        uploads=tuple((file, remote[field]) for field, file in uploads.items()),
    )


def _results_and_files(
    name: str, values: Mapping[str, Any], data: FilePath | None
) -> tuple[str, Mapping[str, FilePath | None]]:
    """The results folder of a command, and the local files among its arguments by parameter."""
    files: dict[str, FilePath | None] = {}
    default = ""
    if name == "run":
        if values["dry_run"]:
            raise ConfigError(
                "submit fetches results, and --dry-run has none; `ray submit` with explore.py and --dry-run prices it "
                "on a cluster that is up"
            )
        suffixes = {field: values[field] for field in ("source", "target", "metric")}
        overrides = {
            "seed": values["seed"],
            "settings": values["setting"],
            "trackers": {field: values[field] for field in ("tensorboard", "mlflow", "wandb")},
            "share": {"gpus_per_trial": values["gpus"], "cpus_per_trial": values["cpus"]},
        }
        if values["experiment"] is None and data is not None:
            # the cluster measures the same text, and chooses the same experiment
            experiment = advised_experiment(data, suffixes, values["max_hours"], **overrides).experiment
            files = {"data": data}
        else:
            name = values["experiment"] or "default"
            experiment = chosen_experiment(name, data=data, files=suffixes, **overrides)
            files = {"experiment": find_experiment(name), "data": data}
        _check_carried(experiment)
        default = experiment.name
    elif name == "replay":
        origin = FilePath(values["origin"])
        default = f"{origin.stem}-replay"
        files = {"space": values["space"], "origin": origin if origin.is_file() else None, "data": data}
    return str(values["results"] or f"results/{default}").rstrip("/"), files


def _check_carried(experiment: "Experiment") -> None:
    """Refuse an experiment that names path files, which are not copied to the cluster."""
    from erpo_explore.config.path_file import PathFile

    for name, baseline in experiment.baselines.items():
        if isinstance(baseline, PathFile) and "://" not in baseline.location:
            raise ConfigError(
                f"baselines.{name}: {baseline.location} is a file of this machine, which submit does not copy; write "
                "its knots into the experiment"
            )


def _follow_to_end(ray: "RayLauncher", job: "HeadJob", into: FilePath | None) -> int:
    """Show the log of a job until it ends, and fetch its results; returns its exit code."""
    from erpo_explore import launch

    local = into or FilePath("results") / job.name
    try:
        code, results = launch.follow(ray, job, say, note=say)
        if "://" in results:
            say(f"the results are at {results}")
        elif code in _WITH_RESULTS:
            launch.fetch(ray, results, local)
            say(f"fetched {local}")
        else:
            say(f"explore.py ended with exit code {code} on the cluster (see above); nothing was fetched")
    except KeyboardInterrupt:
        for line in launch.detach_advice(ray, job, local):
            say(line)
        return 130
    say(f"the cluster is still up; `ray down {ray.cluster_file}` ends it")
    return code
