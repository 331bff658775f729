"""`explore.py export`."""

from pathlib import Path as FilePath
from typing import Annotated

import typer

from erpo_explore.cli.app import Average, Last, Results, Trial, Trust
from erpo_explore.cli.output import say

__all__ = ["export"]


def export(
    results: Results,
    to: Annotated[FilePath, typer.Option(help="New folder for the model.")],
    trial: Trial = None,
    last: Last = False,
    average: Average = 1,
    trust: Trust = False,
) -> None:
    """Write the best trained model as a folder: weights in safetensors, vocabulary, settings, model card.

    A pretrained model is written so that transformers and CTranslate2's converter read it.

    \b
    Examples:
      explore.py export results/multi30k --to models/multi30k
      explore.py translate models/multi30k < test.de
    """  # noqa: D301
    from erpo_explore.api.export import export as export_model

    export_model(results, to, trial=trial, last=last, average=average, trust=trust)
    say(f"wrote {to}")
