"""`explore.py replay`."""

from pathlib import Path as FilePath
from typing import Annotated, Any

import typer

from erpo_explore.cli.app import Address, Cpus, Data, Gpus, Mlflow, Settings, TensorBoard, Trust, Wandb
from erpo_explore.cli.experiment import override
from erpo_explore.cli.output import finish_replay, say
from erpo_explore.errors import ConfigError

__all__ = ["replay"]


def replay(
    origin: Annotated[
        str,
        typer.Argument(help="A results folder, whose best searched path is replayed, or a path's YAML file; or a URI."),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of the path and of each baseline.")] = 3,
    against: Annotated[
        str, typer.Option(help="Baselines: algorithms and path files, separated by commas, as in a YAML list.")
    ] = "mle, interpolation",
    beam: Annotated[int, typer.Option(min=1, help="Beam width for the test set.")] = 5,
    tune: Annotated[
        bool,
        typer.Option("--tune-decoding", help="Let each run choose beam and length penalty on the validation set."),
    ] = False,
    space: Annotated[
        FilePath | None,
        typer.Option(help="YAML file with task, model and budget. Default: those of the results folder."),
    ] = None,
    results: Annotated[str | None, typer.Option(help="Results folder or URI. Default: results/NAME-replay.")] = None,
    data: Data = None,
    setting: Settings = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Replay the best member even if a baseline has the best score.")
    ] = False,
    trust: Trust = False,
    tensorboard: TensorBoard = None,
    mlflow: Mlflow = None,
    wandb: Wandb = None,
    gpus: Gpus = None,
    cpus: Cpus = None,
    address: Address = None,
) -> None:
    """Train a found path and its baselines again, with new seeds, and compare them on the test set.

    \b
    Examples:
      explore.py replay results/multi30k --seeds 5 --against 'mle, raml: {temperature: 0.1}'
      explore.py replay best_path.yaml --space search_spaces/multi30k.yaml --data DIR --against papers.yaml
      explore.py replay results/multi30k --set 'init_from={results: results/initial, algorithm: mle}'
    """  # noqa: D301
    if tune and beam != 5:
        raise ConfigError(f"--beam {beam} has no effect with --tune-decoding; leave out one of the two")
    from erpo_explore.api.replay import check_replay, winning_baseline
    from erpo_explore.api.replay import replay as replay_path

    def change(written: dict[str, Any]) -> None:
        override(
            written,
            data=data,
            settings=setting,
            trackers={"tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb},
            share={"gpus_per_trial": gpus, "cpus_per_trial": cpus},
        )

    check_replay(origin, against=against, experiment=space, change=change)
    if not anyway and (winner := winning_baseline(origin)) is not None:
        say(f"{winner} has the best score of {origin}, so no found path beats the baselines: nothing to replay")
        say("--anyway replays the best path of the search")
        return
    finish_replay(
        replay_path(
            origin,
            against=against,
            seeds=seeds,
            beam_width=beam,
            tune=tune,
            experiment=space,
            change=change,
            folder=results,
            trust=trust,
            address=address,
        )
    )
