"""`init_from`: the checkpoints that all trials begin with, instead of random weights.

All members, baselines and replays then branch from the same weights, so that an expensive common start is trained once.
Of a run with `training.average` they begin with the averaged weights, whose score is in its results.
Left out: a pretrained model of the hub, which is a `model` (`kind: pretrained`), since it brings its sizes and tokens.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from erpo_explore.config.section import Section

__all__ = [
    "CHECKPOINT_FILE",
    "FromCheckpoint",
    "FromFolder",
    "FromResults",
    "FromTraining",
    "InitFrom",
    "read_init_from",
]

CHECKPOINT_FILE: Final = "state.pt"
"""Name of the file in a checkpoint folder of this program."""


class _InitFrom(Section):
    optimizer: bool = True
    """Whether Adam's moments are loaded along with the weights. Otherwise they begin at zero."""


class FromFolder(_InitFrom):
    """A checkpoint or results folder. Which of the two is looked up when the exploration starts."""

    folder: str
    """A folder of this program, as a path or a URI."""


class FromCheckpoint(_InitFrom):
    """The same weights for all seeds."""

    checkpoint: str
    """A checkpoint folder of this program, as a path or a URI."""


class FromResults(_InitFrom):
    """Last weights of the n trials of an algorithm, by seed: trial seed s begins with number (s − first) mod n."""

    results: str
    """A results folder of this program, as a path or a URI."""

    algorithm: str | None = None
    """Name of one of its baselines. Default: the only one."""


class FromTraining(_InitFrom):
    """Weights that are trained first, within the results folder. They are dealt to seeds as in `FromResults`."""

    algorithm: str
    """Named algorithm that trains the weights, with its settings in `baselines`, if it is one of them."""

    steps: Annotated[int, Field(ge=1)]
    """Budget in steps, at a constant learning rate. Must be a multiple of `training.interval`."""

    num_seeds: Annotated[int, Field(ge=1)] = 1
    """Number of initial checkpoints, with seeds `seed`, `seed` + 1, …"""


_Kind = Literal["folder", "checkpoint", "results", "trained"]
_KINDS: Final[Mapping[type, _Kind]] = {
    FromFolder: "folder",
    FromCheckpoint: "checkpoint",
    FromResults: "results",
    FromTraining: "trained",
}


def _kind(written: Any) -> _Kind | None:
    """The kind that is meant, by the field that no other kind has."""
    if type(written) in _KINDS:
        return _KINDS[type(written)]
    if not isinstance(written, Mapping):
        return None
    for kind in ("folder", "checkpoint", "results"):
        if kind in written:
            return kind
    return "trained" if "algorithm" in written or "steps" in written else None


def read_init_from(written: Any) -> Any:
    """Plain values of `init_from`, where a folder alone means `{folder: …}`.

    >>> read_init_from("results/multi30k")
    {'folder': 'results/multi30k'}
    """
    return {"folder": written} if isinstance(written, str) else written


InitFrom = Annotated[
    Annotated[FromFolder, Tag("folder")]
    | Annotated[FromCheckpoint, Tag("checkpoint")]
    | Annotated[FromResults, Tag("results")]
    | Annotated[FromTraining, Tag("trained")],
    Discriminator(
        _kind,
        custom_error_type="no_init_from",
        custom_error_message="must be a checkpoint or results folder, {results: DIR, algorithm: NAME} or "
        "{algorithm: NAME, steps: N}",
    ),
]
