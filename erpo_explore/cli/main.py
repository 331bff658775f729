"""The command line: run (the default), resume, replay, report, watch, compact, submit.

Text becomes values here, and errors become one line and an exit code: 0 done, 1 some trial failed, 2 a mistake that the
user can mend, 130 interrupted.
"""

import logging
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from erpo_explore.errors import ConfigError, ErpoExploreError, ResultsError

# torch, Ray and plotly take seconds to import, so each command imports what it uses, and `--help` nothing of it
if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from erpo_explore.config.experiment import Experiment
    from erpo_explore.launch import HeadJob, RayLauncher, Submission
    from erpo_explore.store.files import Location
    from erpo_explore.tune.run import Outcome

__all__ = ["main"]

_RUN_HELP: Final = """
Explore a search space: train its baselines and search for a path that beats them.

SPACE is a YAML file, or the name of one in search_spaces/, such as default, docstrings or multi30k.

\b
Examples:
  explore.py                                    the toy language, two minutes
  explore.py multi30k --data DIR                DIR/train.de, DIR/train.en, …
  explore.py default --data DIR --metric rouge  your own text
  explore.py docstrings --set training.steps=2000 --set search.members=8
  ray submit cluster/gpu.yaml explore.py multi30k
"""


class _RunByDefault(TyperGroup):
    """`explore.py SPACE` is `explore.py run SPACE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {"--help", "-h"}
        if not args or (args[0] not in self.commands and args[0] not in own):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Explore the hyperparameter space of sequence training: entropy-regularised policy optimisation on Ray Tune.",
    epilog="`explore.py SPACE` is short for `explore.py run SPACE`; `explore.py run --help` shows examples.",
    pretty_exceptions_enable=False,
)

_Address = Annotated[str | None, typer.Option(help="Ray cluster to use; by default this machine's, or a new one.")]
_Results = Annotated[str, typer.Argument(help="A results folder or its URI, e.g. results/default.")]
_Trust = Annotated[
    bool, typer.Option("--trust", help="Also of another user: run what their folder holds (see docs/security.md).")
]
_TensorBoard = Annotated[
    bool | None, typer.Option("--tensorboard", help="Write event files into the folder tensorboard/ of the results.")
]
_Mlflow = Annotated[
    str | None, typer.Option(help="Tracking URI, e.g. http://localhost:5000 or sqlite:///mlflow.db.", metavar="URI")
]
_Wandb = Annotated[str | None, typer.Option(help="Project of Weights & Biases.", metavar="PROJECT")]
_Data = Annotated[
    FilePath | None, typer.Option(help="Train on DIR/train|valid|test.SRC and .TGT instead of the space's task.")
]
_Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Another value for a field of the YAML, e.g. training.steps=2000.")
]
_Gpus = Annotated[
    float | None, typer.Option("--gpus-per-trial", help="GPUs that a trial holds, e.g. 0.25 where four share one.")
]
_Cpus = Annotated[int | None, typer.Option("--cpus-per-trial", help="CPU cores that a trial holds.")]
_console = Console()

_SUBMITTED: Final = ("run", "resume", "replay")
"""What a cluster can do better than this machine."""

_WITH_RESULTS: Final = (0, 1, 130)
"""Exit codes with which an exploration leaves results: done, some trial failed, interrupted."""


@app.command(help=_RUN_HELP)
def run(
    space: Annotated[str, typer.Argument(help="A YAML file, or a name out of search_spaces/.")] = "default",
    results: Annotated[
        str | None,
        typer.Option(help="Results folder or URI (s3://…); must not exist. Default: results/NAME of the space."),
    ] = None,
    data: _Data = None,
    source: Annotated[str | None, typer.Option(help="Suffix of the source files; found if not given.")] = None,
    target: Annotated[str | None, typer.Option(help="Suffix of the target files; found if not given.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="bleu or rouge, with --data. Default: by the target's suffix.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random draw.")] = None,
    setting: _Settings = None,
    tensorboard: _TensorBoard = None,
    mlflow: _Mlflow = None,
    wandb: _Wandb = None,
    gpus: _Gpus = None,
    cpus: _Cpus = None,
    address: _Address = None,
) -> None:
    """Explore a search space."""
    from erpo_explore.store.files import as_location
    from erpo_explore.tune.run import explore

    final = _chosen_space(
        space,
        data=data,
        files={"source": source, "target": target, "metric": metric},
        seed=seed,
        settings=setting,
        trackers={"tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb},
        share={"gpus_per_trial": gpus, "cpus_per_trial": cpus},
    )
    _finish(explore(final, as_location(results or f"results/{final.name}"), address=address))


@app.command()
def resume(results: _Results, trust: _Trust = False, address: _Address = None) -> None:
    """Go on with an exploration that was interrupted, or whose driver or machine died.

    \b
    Example:
      explore.py resume results/multi30k
    """  # noqa: D301 - click's mark for lines that stay lines
    from erpo_explore.plan.trust import check_resumable
    from erpo_explore.store.files import as_location
    from erpo_explore.tune.run import resume as resume_exploration

    check_resumable(as_location(results), trust=trust)
    _finish(resume_exploration(as_location(results), address=address))


@app.command()
def replay(
    origin: Annotated[
        str, typer.Argument(help="A results folder, whose best searched path is replayed, or a path's YAML; or a URI.")
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of the path and of each rival.")] = 3,
    against: Annotated[
        str, typer.Option(help="Baselines and path files to compare with, separated by commas, as in a YAML list.")
    ] = "mle, interpolation",
    beam: Annotated[int, typer.Option(min=1, help="Beam width with which the test set is decoded at the end.")] = 5,
    space: Annotated[
        FilePath | None,
        typer.Option(help="Search space with the task, model and budget. Default: those of the results folder."),
    ] = None,
    results: Annotated[str | None, typer.Option(help="Results folder or URI. Default: results/NAME-replay.")] = None,
    data: _Data = None,
    setting: _Settings = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Replay the best member even where an algorithm won.")
    ] = False,
    trust: _Trust = False,
    tensorboard: _TensorBoard = None,
    mlflow: _Mlflow = None,
    wandb: _Wandb = None,
    gpus: _Gpus = None,
    cpus: _Cpus = None,
    address: _Address = None,
) -> None:
    """Train a found path and its rivals anew, with the same budget and new seeds, and compare them on the test set.

    \b
    Examples:
      explore.py replay results/multi30k --seeds 5 --against 'mle, raml: {temperature: 0.1}'
      explore.py replay best_path.yaml --space search_spaces/multi30k.yaml --data DIR --against papers.yaml
      explore.py replay results/multi30k --set 'init_from={results: results/trunks, algorithm: mle}'
    """  # noqa: D301
    from erpo_explore.config.experiment import Experiment
    from erpo_explore.config.resolve import resolve
    from erpo_explore.plan.baselines import read_against
    from erpo_explore.plan.replay import replay_experiment, winning_algorithm
    from erpo_explore.plan.trust import check_replayable
    from erpo_explore.store.files import as_location, is_folder
    from erpo_explore.tune.run import explore

    rivals = read_against(against)
    place = as_location(origin)
    if is_folder(place) and not anyway and (algorithm := winning_algorithm(place)) is not None:
        _say(f"{algorithm} has the best score of {origin}, so no found path beats the baselines: nothing to replay")
        _say("--anyway replays the best path that was searched all the same")
        return
    replayed = replay_experiment(place, experiment_file=space, against=rivals, num_seeds=seeds, beam_width=beam)
    written = replayed.to_dict()
    _override(
        written,
        data=data,
        settings=setting,
        trackers={"tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb},
        share={"gpus_per_trial": gpus, "cpus_per_trial": cpus},
    )
    # path files name functions, too, so they are read first
    final = resolve(Experiment.from_dict(written, origin=origin))
    check_replayable(place, final.to_dict(), trust=trust)
    _finish(explore(final, as_location(results or f"results/{final.name}"), address=address))


@app.command()
def report(
    results: Annotated[str, typer.Argument(help="A results folder or its URI, e.g. results/default.")],
    output: Annotated[str | None, typer.Option(help="HTML file. Default: report.html in the folder.")] = None,
    figures: Annotated[FilePath | None, typer.Option(help="Folder for the figures as files, for papers.")] = None,
    kind: Annotated[str, typer.Option("--format", help="Of these files: svg, pdf or png.")] = "svg",
) -> None:
    """Draw the map: one self-contained HTML page.

    \b
    Examples:
      explore.py report results/multi30k
      explore.py report results/multi30k --figures paper/figures --format pdf
    """  # noqa: D301
    from erpo_explore.report import FORMATS, read_report, save_report, write_figures
    from erpo_explore.store.files import as_location, join

    if (wanted := next((each for each in FORMATS if each == kind), None)) is None:
        raise ConfigError(f"--format must be one of {', '.join(FORMATS)}, got {kind!r}")
    drawn = read_report(results)
    _say(f"wrote {save_report(drawn, as_location(output or str(join(as_location(results), 'report.html'))))}")
    if figures is not None:
        for file in write_figures(drawn.figures, figures, wanted):
            _say(f"wrote {file}")


@app.command()
def watch(
    results: _Results,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On this machine alone; 0 for any that is free.")] = 8765,
) -> None:
    """Show the map in a browser while the exploration runs; Ctrl-C ends it.

    \b
    Example:
      explore.py watch results/multi30k
    """  # noqa: D301
    from erpo_explore.report.watch import LiveReport, ReportServer
    from erpo_explore.store.files import as_location

    with ReportServer(LiveReport(as_location(results)), port) as server:
        _say(f"{results} is drawn at {server.url} as it grows; Ctrl-C ends this, and not the exploration")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _say("")


@app.command()
def compact(
    results: Annotated[str, typer.Argument(help="A results folder or its URI, e.g. results/default.")],
) -> None:
    """Merge the small files of a results folder, so that it is read fast; when no driver is writing to it.

    \b
    Example:
      explore.py compact results/multi30k
    """  # noqa: D301
    from erpo_explore.store import ResultsWriter

    _say(f"merged {ResultsWriter.open(results).compact()} parts of {results}")


@app.command(context_settings={"ignore_unknown_options": True})
def submit(
    cluster: Annotated[FilePath, typer.Option(help="A file for `ray up`, e.g. cluster/gpu.yaml.", metavar="FILE")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="What explore.py is to do there: [run] SPACE, resume, replay.")
    ] = None,
    data: Annotated[
        FilePath | None, typer.Option(help="Carry DIR to the cluster and train on it, as `run --data DIR` does here.")
    ] = None,
    into: Annotated[
        FilePath | None, typer.Option(help="Where the results folder is copied to. Default: results/NAME.")
    ] = None,
    follow: Annotated[
        str | None, typer.Option(help="Submit nothing; follow the exploration NAME again, to its end.", metavar="NAME")
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="Submit nothing; interrupt the exploration NAME as Ctrl-C would.", metavar="NAME")
    ] = None,
) -> None:
    """Run on a cluster: bring it up, explore there, follow the progress, fetch the results.

    Ctrl-C ends the following alone; the exploration goes on. The exit code is explore.py's.

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
            raise ConfigError("--follow NAME and --stop NAME stand alone, with --cluster and --into")
        if stop is not None:
            _say(launch.stop(ray, launch.HeadJob(stop)))
            return
        raise typer.Exit(_follow_to_end(ray, launch.HeadJob(str(follow)), into))
    submission = _submission(arguments or [], data, into)
    launch.ensure_token(checked, ray.program)
    try:
        launch.submit(ray, submission, note=_say)
    except KeyboardInterrupt:
        _say(f"interrupted; `submit --cluster {cluster} --follow {submission.job.name}` tells whether it has started")
        raise typer.Exit(130) from None
    raise typer.Exit(_follow_to_end(ray, submission.job, submission.local))


def main() -> None:
    """Entry point of the console script and of explore.py."""
    # what the package says of its progress goes to the terminal; other libraries keep to warnings
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("erpo_explore").setLevel(logging.INFO)
    warnings.formatwarning = _warning_line
    # a metric that is named module:function is looked for where the user stands, last, so that it hides nothing
    sys.path.append(str(FilePath.cwd()))
    try:
        app()
    except ErpoExploreError as error:
        Console(stderr=True).print(f"error: {error}", style="red", soft_wrap=True, highlight=False, markup=False)
        sys.exit(2)


def _warning_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning without its place in the code, which tells a user nothing."""
    del category, filename, lineno, line
    return f"warning: {message}\n"


def _submission(arguments: Sequence[str], data: FilePath | None, into: FilePath | None) -> "Submission":
    """What is to be carried to a cluster and run there, checked here as far as it can be."""
    from erpo_explore.launch import HeadJob, Submission, format_arguments, job_name, parse_arguments

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    name, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in commands else ("run", arguments)
    if name not in _SUBMITTED:
        raise ConfigError(f"submit runs {', '.join(_SUBMITTED)}, got {name}; it reads fetched results on this machine")
    if data is not None and name == "resume":
        raise ConfigError("--data goes with a search space; resume knows its data")
    values = parse_arguments(commands[name], name, rest)
    if name == "run":
        space = _chosen_space(
            values["space"],
            data=data,
            files={field: values[field] for field in ("source", "target", "metric")},
            seed=values["seed"],
            settings=values["setting"],
            trackers={field: values[field] for field in ("tensorboard", "mlflow", "wandb")},
            share={"gpus_per_trial": values["gpus"], "cpus_per_trial": values["cpus"]},
        )
        values["results"] = values["results"] or f"results/{space.name}"
        local_files = {"space": _find_space(values["space"]), "data": data}
    elif name == "replay":
        origin = FilePath(values["origin"])
        values["results"] = values["results"] or f"results/{origin.stem}-replay"
        local_files = {"space": values["space"], "origin": origin if origin.is_file() else None, "data": data}
    else:
        local_files = {}
    results = str(values["results"]).rstrip("/")
    job = HeadJob(job_name(results))
    uploads = {field: FilePath(file) for field, file in local_files.items() if file is not None}
    remote = {field: f"{job.folder}/{field}{file.suffix}" for field, file in uploads.items()}
    return Submission(
        job=job,
        results=results,
        local=into or FilePath("results") / job.name,
        is_new=name != "resume" and "://" not in results,
        arguments=(name, *format_arguments(commands[name], values | remote)),
        uploads=tuple((file, remote[field]) for field, file in uploads.items()),
    )


def _follow_to_end(ray: "RayLauncher", job: "HeadJob", into: FilePath | None) -> int:
    """Show the log of a job until it ends, and fetch what it has made; returns its exit code."""
    from erpo_explore import launch

    local = into or FilePath("results") / job.name
    try:
        code, results = launch.follow(ray, job, _say, note=_say)
        if "://" in results:
            _say(f"the results lie at {results}")
        elif code in _WITH_RESULTS:
            launch.fetch(ray, results, local)
            _say(f"fetched {local}")
        else:
            _say(f"explore.py ended with exit code {code} on the cluster, see above; nothing was fetched")
    except KeyboardInterrupt:
        for line in launch.detach_advice(ray, job, local):
            _say(line)
        return 130
    _say(f"the cluster is still up; `ray down {ray.cluster_file}` ends it")
    return code


def _chosen_space(name: str, **overrides: Any) -> "Experiment":
    """The search space of a file with what the command line says otherwise."""
    from erpo_explore.config.experiment import Experiment, load_experiment

    written = load_experiment(_find_space(name)).to_dict()
    _override(written, **overrides)
    return Experiment.from_dict(written, origin=name)


def _override(
    written: dict[str, Any],
    *,
    data: FilePath | None,
    files: Mapping[str, str | None] = MappingProxyType({}),
    seed: int | None = None,
    settings: Sequence[str] | None,
    trackers: Mapping[str, bool | str | None],
    share: Mapping[str, float | None],
) -> None:
    """Put what the command line says over what a space says."""
    if data is not None:
        own = {"name": "files", "data": str(data.resolve()), **files}
        kept = {name: written["task"][name] for name in ("vocabulary",) if name in written["task"]}
        if written["task"]["name"] == "files":
            kept = written["task"]
        written["task"] = kept | {name: value for name, value in own.items() if value is not None}
    elif any(files.values()):
        raise ConfigError("--source, --target and --metric describe files; add --data DIR")
    if seed is not None:
        written["seed"] = seed
    for assignment in settings or ():
        _assign(written, assignment)
    for section, flags in (("tracking", trackers), ("resources", share)):
        written[section] |= {name: value for name, value in flags.items() if value is not None}


def _find_space(name: str) -> FilePath:
    """A file, or a space that comes with the project."""
    given = FilePath(name)
    if given.suffix in (".yaml", ".yml") or given.exists():
        if given.exists():
            return given
        name = given.stem if given.parent == FilePath("search_spaces") else name
    package = FilePath(__file__).parents[1]
    known: dict[str, FilePath] = {}
    # beside the package in a checkout, inside it when installed
    for folder in (package / "search_spaces", package.parent / "search_spaces"):
        known |= {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    if name not in known:
        raise ConfigError(
            f"search space {name!r} does not exist; name a YAML file or one of {', '.join(sorted(known))}"
        )
    return known[name]


def _assign(written: dict[str, Any], assignment: str) -> None:
    """Set one field, e.g. `search.members=8`."""
    import yaml

    from erpo_explore.plain_yaml import load_yaml

    field, separator, text = assignment.partition("=")
    if not separator:
        raise ConfigError(f"--set must be FIELD=VALUE, got {assignment!r}; e.g. --set training.steps=2000")
    try:
        value = load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"--set {field}: {text!r} is no valid YAML value") from error
    *parents, last = field.split(".")
    section: Any = written
    for parent in parents:
        section = section.setdefault(parent, {}) if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise ConfigError(f"--set {field}: there is no such field; e.g. --set training.steps=2000")
    section[last] = value


def _finish(outcome: "Outcome") -> None:
    """Say what came out, where it lies and what to do next; set the exit code."""
    from erpo_explore.analysis.best_path import best_path
    from erpo_explore.analysis.pareto import pareto_lines
    from erpo_explore.config.path_file import save_path
    from erpo_explore.plan.manifest import experiment_of
    from erpo_explore.plan.replay import is_replay
    from erpo_explore.report import write_report
    from erpo_explore.report.summary import score_name
    from erpo_explore.store import best_row, load_manifest, load_results
    from erpo_explore.store.files import join

    folder = outcome.folder
    space = experiment_of(load_manifest(folder), str(folder))
    if outcome.status == "interrupted":
        _say(f"interrupted; `{_program()} resume {folder}` goes on")
        raise typer.Exit(130)
    observations, trials = load_results(folder), load_results(folder, table="trials")
    for row in trials[trials["status"].isin(["diverged", "failed"])].itertuples():
        _say(f"{row.status}: {row.trial}: {row.error}")
    try:
        best = best_row(observations)
    except ResultsError as error:
        raise ResultsError(f"no trial of {folder} reached an evaluation; lower training.learning_rate?") from error
    _console.print(_comparison_table(observations))
    if num_stopped := int((trials["status"] == "stopped").sum()):
        _say(f"stopped early: {num_stopped} of {len(trials)} trials")
    _say("score against cost, the trials that no cheaper one equals:")
    for line in pareto_lines(observations, score_name(observations, trials)):
        _say(f"  {line}")
    path = best_path(folder)
    path_file, page = join(folder, "best_path.yaml"), write_report(folder)
    save_path(path, path_file)
    _say(f"best: {best['trial']} with {best['score']:.2f} at step {best['step']} ({best['signature']})")
    _say(f"path: {path}")
    _say(f"wrote {folder}/observations (Parquet), {path_file}, {page}")
    if is_replay(space):
        _say_replay(folder, space.seed)
    else:
        _say(f"next: {_program()} replay {folder} --seeds 3   (is the best path better than mle, or lucky?)")
    if outcome.num_failed:
        _say(
            f"{outcome.num_failed} failed; `{_program()} resume {folder}` tries them again from their last checkpoints"
        )
        raise typer.Exit(1)


def _say_replay(folder: "Location", seed: int) -> None:
    """Show who won on the test set, and keep it."""
    import numpy as np
    from rich.table import Table

    from erpo_explore.plan.replay import FOUND
    from erpo_explore.report import read_replay, write_replay
    from erpo_explore.store.files import join

    report = read_replay(folder, FOUND, np.random.default_rng(seed))
    table = Table(box=None, header_style="bold", pad_edge=False, title=report.title, title_justify="left")
    for place, header in enumerate(report.rows[0]):
        table.add_column(header, justify="right" if place else "left")
    for row in report.rows[1:]:
        table.add_row(*row)
    # a file or a pipe has room for the whole table
    _console.print(table, width=None if _console.is_terminal else 120, crop=False)
    for sentence in report.sentences:
        _say(sentence)
    _say(f"wrote {write_replay(report, folder)} and {join(folder, 'replay.csv')}")


def _comparison_table(observations: "pd.DataFrame") -> "Table":
    """Each algorithm over its seeds, and the searched trials over their points."""
    from rich.table import Table

    from erpo_explore.analysis.points import comparison

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("trained")
    for column in ("n", "mean", "95% interval", "best"):
        table.add_column(column, justify="right")
    for row in comparison(observations).to_dict("records"):
        interval = "" if math.isnan(row["low"]) else f"{row['low']:.2f} … {row['high']:.2f}"
        table.add_row(str(row["label"]), str(row["n"]), f"{row['mean']:.2f}", interval, f"{row['best']:.2f}")
    return table


def _say(line: str) -> None:
    _console.print(line, soft_wrap=True, highlight=False, markup=False)


def _program() -> str:
    """What the user typed to get here, so that the next command can be copied."""
    called = FilePath(sys.argv[0])
    if called.name != "explore.py":
        return "erpo-explore"
    python = FilePath(sys.executable)
    here = python.relative_to(FilePath.cwd()) if python.is_relative_to(FilePath.cwd()) else python
    return f"{here} {called}"
