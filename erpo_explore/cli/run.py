"""`explore.py run`, the default command."""

from typing import Annotated, Any

import typer

from erpo_explore.cli.app import Address, Cpus, Data, Gpus, MaxHours, Mlflow, Settings, TensorBoard, Wandb
from erpo_explore.cli.experiment import advised_experiment, chosen_experiment
from erpo_explore.cli.output import finish, say

__all__ = ["run"]


def run(
    experiment: Annotated[
        str | None,
        typer.Argument(
            help="A YAML file, or the name of one in search_spaces/. Default: `default`, or by the text of --data."
        ),
    ] = None,
    results: Annotated[
        str | None,
        typer.Option(help="New results folder or URI (s3://...). Default: results/NAME of the experiment."),
    ] = None,
    data: Data = None,
    source: Annotated[str | None, typer.Option(help="Suffix of the source files. Default: found in DIR.")] = None,
    target: Annotated[str | None, typer.Option(help="Suffix of the target files. Default: found in DIR.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Metric such as bleu, rouge or edit, with --data. Default: by the text.")
    ] = None,
    max_hours: MaxHours = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost, and stop. Nothing is written.")
    ] = False,
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

    EXPERIMENT is a YAML file, or the name of one in search_spaces/, such as default, docstrings or multi30k. With
    --data DIR alone, the program looks at the text and chooses an experiment; results/NAME/experiment.yaml is the
    choice, to copy and change.

    Two steps and an evaluation are timed first, to say what the exploration will cost. --max-hours reduces steps,
    members and replications until it fits.

    \b
    Examples:
      explore.py                                    spelling to phonemes, three minutes
      explore.py --data DIR --max-hours 0.5         your own text: DIR/train.de, DIR/train.en, ...
      explore.py --data DIR --dry-run               what it would choose, and what it would cost
      explore.py multi30k --data DIR --metric bleu  your own text in an experiment of yours
      explore.py docstrings --set training.steps=2000 --set search.members=8
      ray submit cluster/gpu.yaml explore.py multi30k
    """  # noqa: D301 - click's mark for lines that stay lines
    files = {"source": source, "target": target, "metric": metric}
    overrides = {
        "seed": seed,
        "settings": setting,
        "trackers": {"tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb},
        "share": {"gpus_per_trial": gpus, "cpus_per_trial": cpus},
    }
    if experiment is None and data is not None:
        advice = advised_experiment(data, files, max_hours, **overrides)
        for line in advice.lines:
            say(line)
        chosen: Any = advice
    else:
        chosen = chosen_experiment(experiment or "default", data=data, files=files, **overrides)
    from erpo_explore.api.explore import estimate, explore

    if dry_run:
        for line in estimate(chosen, max_hours=max_hours, address=address).lines:
            say(line)
        return
    finish(explore(chosen, results, max_hours=max_hours, tells_cost=True, address=address))
