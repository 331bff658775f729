"""`explore.py run`, the default command."""

from typing import Annotated

import typer

from erpo_explore.cli.app import Address, Cpus, Data, Gpus, Mlflow, Settings, TensorBoard, Wandb
from erpo_explore.cli.experiment import chosen_experiment
from erpo_explore.cli.output import finish

__all__ = ["run"]


def run(
    experiment: Annotated[str, typer.Argument(help="A YAML file, or the name of one in search_spaces/.")] = "default",
    results: Annotated[
        str | None,
        typer.Option(help="New results folder or URI (s3://...). Default: results/NAME of the experiment."),
    ] = None,
    data: Data = None,
    source: Annotated[str | None, typer.Option(help="Suffix of the source files. Default: found in DIR.")] = None,
    target: Annotated[str | None, typer.Option(help="Suffix of the target files. Default: found in DIR.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="bleu, rouge or edit, with --data. Default: by the target's suffix.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed of the exploration.")] = None,
    setting: Settings = None,
    tensorboard: TensorBoard = None,
    mlflow: Mlflow = None,
    wandb: Wandb = None,
    gpus: Gpus = None,
    cpus: Cpus = None,
    address: Address = None,
) -> None:
    """Explore: train the baselines, and search for a path that is better.

    EXPERIMENT is a YAML file, or the name of one in search_spaces/, such as default, docstrings or multi30k.

    \b
    Examples:
      explore.py                                    the toy language, two minutes
      explore.py multi30k --data DIR                DIR/train.de, DIR/train.en, ...
      explore.py default --data DIR --metric rouge  your own text
      explore.py docstrings --set training.steps=2000 --set search.members=8
      ray submit cluster/gpu.yaml explore.py multi30k
    """  # noqa: D301 - click's mark for lines that stay lines
    final = chosen_experiment(
        experiment,
        data=data,
        files={"source": source, "target": target, "metric": metric},
        seed=seed,
        settings=setting,
        trackers={"tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb},
        share={"gpus_per_trial": gpus, "cpus_per_trial": cpus},
    )
    from erpo_explore.api.explore import explore

    finish(explore(final, results, address=address))
