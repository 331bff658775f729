"""`explore.py resume`."""

from pathlib import Path as FilePath
from typing import Annotated

import typer

from erpo_explore.cli.app import Address, MaxHours, Results, Trust
from erpo_explore.cli.output import finish, finish_replay

__all__ = ["resume"]


def resume(
    results: Results,
    data: Annotated[FilePath | None, typer.Option(help="Folder that holds the text files now.", metavar="DIR")] = None,
    trust: Trust = False,
    max_hours: MaxHours = None,
    address: Address = None,
) -> None:
    """Continue an exploration that was interrupted, or whose driver or machine died.

    \b
    Examples:
      explore.py resume results/multi30k
      explore.py resume fetched/multi30k --data ~/data/multi30k
      explore.py resume results/mine --max-hours 1
    """  # noqa: D301
    from erpo_explore.api.explore import resume as resume_exploration

    run = resume_exploration(results, data=data, trust=trust, max_hours=max_hours, address=address)
    if run.is_replay:
        from erpo_explore.api.replay import Replay

        finish_replay(Replay(run))
    else:
        finish(run)
