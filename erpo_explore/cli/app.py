"""The application: commands, options that several share, and `explore.py EXPERIMENT` as short for `run EXPERIMENT`."""

from pathlib import Path as FilePath
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from erpo_explore.errors import did_you_mean
from erpo_explore.interruption import exit_code

__all__ = [
    "Address",
    "Average",
    "Cpus",
    "Data",
    "Device",
    "Gpus",
    "Last",
    "LengthPenalty",
    "MaxHours",
    "Mlflow",
    "Results",
    "Settings",
    "TensorBoard",
    "Trial",
    "Trust",
    "Wandb",
    "new_app",
]


class _RunByDefault(TyperGroup):
    """`explore.py EXPERIMENT` is `explore.py run EXPERIMENT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {option for parameter in self.get_params(ctx) for option in parameter.opts}
        if not args or (args[0] not in self.commands and args[0].partition("=")[0] not in own):
            if args and not FilePath(args[0]).exists() and (proposal := did_you_mean(args[0], self.commands)):
                ctx.fail(f"No such command or experiment: {args[0]}{proposal}")
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; where nothing is left to resume, Ctrl-C or a signal is one word and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(exit_code()) from None


def _tell_version(wanted: bool) -> bool:
    if wanted:
        from erpo_explore.version import __version__

        typer.echo(f"erpo_explore {__version__}")
        raise typer.Exit
    return wanted


def new_app() -> typer.Typer:
    """An application without commands."""
    application = typer.Typer(
        cls=_RunByDefault,
        no_args_is_help=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Explore the hyperparameter space of sequence training, and find annealing paths through it.",
        epilog=(
            "`explore.py EXPERIMENT` is short for `explore.py run EXPERIMENT`; `explore.py run --help` shows examples."
        ),
        pretty_exceptions_enable=False,
    )
    application.callback()(_options)
    return application


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


Address = Annotated[
    str | None, typer.Option(help="Address of a Ray cluster. Default: this machine's cluster, or a new one.")
]
Results = Annotated[str, typer.Argument(help="A results folder or its URI, e.g. results/default.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Accept a folder of another user and run its code (see docs/security.md).")
]
TensorBoard = Annotated[
    bool | None, typer.Option("--tensorboard", help="Write event files into tensorboard/ of the results.")
]
Mlflow = Annotated[
    str | None,
    typer.Option(help="MLflow tracking URI, e.g. http://localhost:5000 or sqlite:///mlflow.db.", metavar="URI"),
]
Wandb = Annotated[str | None, typer.Option(help="Project of Weights & Biases.", metavar="PROJECT")]
Data = Annotated[
    FilePath | None, typer.Option(help="Train on DIR/train|valid|test.SRC and .TGT. Without EXPERIMENT, one is chosen.")
]
MaxHours = Annotated[
    float | None,
    typer.Option("--max-hours", help="Time for all of it, e.g. 0.5; the rest can be resumed.", metavar="H"),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Override one field of the YAML, e.g. training.steps=2000.")
]
Gpus = Annotated[
    float | None, typer.Option("--gpus-per-trial", help="GPUs per trial, e.g. 0.25 if four trials share one.")
]
Cpus = Annotated[int | None, typer.Option("--cpus-per-trial", help="CPU cores per trial.")]
Trial = Annotated[
    str | None, typer.Option(help="Trial whose weights are used. Default: the best on the validation set.")
]
Last = Annotated[
    bool, typer.Option("--last", help="Use the last weights of the trial, as a replay's test does, not the best.")
]
Average = Annotated[int, typer.Option(min=1, help="Average the last N checkpoints of the trial.", metavar="N")]
LengthPenalty = Annotated[
    float | None,
    typer.Option(min=0.0, help="Exponent of the length penalty; 0 prefers short translations. Default: 1."),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda. Default: CUDA where there is one.")]
