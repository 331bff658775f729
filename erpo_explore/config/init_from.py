"""The trunk: where training begins, if not at weights drawn anew.

Every member, algorithm, path and replay branches from the same weights, so that a dear common beginning is trained
once. Left
out: a pretrained model of the hub, which is a `model` (`kind: pretrained`), since it brings its sizes and tokens along.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from erpo_explore.config.section import Section
from erpo_explore.store.files import Folder, as_location

__all__ = ["CHECKPOINT_FILE", "CheckpointTrunk", "InitFrom", "ResultsTrunk", "TrainedTrunk", "as_trunk"]

CHECKPOINT_FILE: Final = "state.pt"
"""What a checkpoint folder of ours holds."""


class _Trunk(Section):
    optimizer: bool = True
    """Take Adam's moments along with the weights; else they begin at zero."""


class CheckpointTrunk(_Trunk):
    """The same weights for every seed."""

    checkpoint: str
    """A checkpoint folder of ours, a path or a URI."""


class ResultsTrunk(_Trunk):
    """Last weights of an algorithm's n trials, by seed: trial seed s takes number (s − first) mod n."""

    results: str
    """A results folder of ours, a path or a URI."""

    algorithm: str | None = None
    """Name of an algorithm or path in it; the only one there is if not given."""


class TrainedTrunk(_Trunk):
    """Weights that are trained first, in `trunk/` of the results folder; seeds are dealt as in `ResultsTrunk`."""

    algorithm: str
    """What trains the trunk; with the settings that `baselines` gives it, if it is there."""

    steps: Annotated[int, Field(ge=1)]
    """Its budget, with a learning rate that does not decay; a multiple of `training.interval`."""

    num_seeds: Annotated[int, Field(ge=1)] = 1
    """Trunks, with seeds `seed`, `seed` + 1, …"""


_Kind = Literal["checkpoint", "results", "trained"]
_KINDS: Final[dict[type, _Kind]] = {CheckpointTrunk: "checkpoint", ResultsTrunk: "results", TrainedTrunk: "trained"}


def _kind(written: Any) -> _Kind | None:
    """Which trunk is meant, by the field that no other one has."""
    if type(written) in _KINDS:
        return _KINDS[type(written)]
    if not isinstance(written, Mapping):
        return None
    if "checkpoint" in written or "results" in written:
        return "checkpoint" if "checkpoint" in written else "results"
    return "trained" if "algorithm" in written or "steps" in written else None


InitFrom = Annotated[
    Annotated[CheckpointTrunk, Tag("checkpoint")]
    | Annotated[ResultsTrunk, Tag("results")]
    | Annotated[TrainedTrunk, Tag("trained")],
    Discriminator(
        _kind,
        custom_error_type="no_trunk",
        custom_error_message="must be a checkpoint or results folder, {results: DIR, algorithm: NAME} or "
        "{algorithm: NAME, steps: N}",
    ),
]


def as_trunk(written: Any) -> Any:
    """A folder as the user names it, as the trunk that lies in it; anything else as it is.

    >>> as_trunk("results/multi30k")
    {'results': 'results/multi30k'}
    """
    if not isinstance(written, str):
        return written
    return {"checkpoint" if Folder.at(as_location(written)).has(CHECKPOINT_FILE) else "results": written}
