"""`explore.py resume`."""

from erpo_explore.cli.app import Address, Results, Trust
from erpo_explore.cli.output import finish, finish_replay

__all__ = ["resume"]


def resume(results: Results, trust: Trust = False, address: Address = None) -> None:
    """Continue an exploration that was interrupted, or whose driver or machine died.

    \b
    Example:
      explore.py resume results/multi30k
    """  # noqa: D301
    from erpo_explore.api.explore import resume as resume_exploration

    run = resume_exploration(results, trust=trust, address=address)
    if run.is_replay:
        from erpo_explore.api.replay import Replay

        finish_replay(Replay(run))
    else:
        finish(run)
