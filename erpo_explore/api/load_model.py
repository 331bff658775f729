"""A trained model from Python: `erpo.load_model("results/mine").translate(lines)`."""

from typing import TYPE_CHECKING

from erpo_explore.store.files import Location

if TYPE_CHECKING:
    from erpo_explore.inference.model import TrainedModel

__all__ = ["load_model"]


def load_model(
    folder: Location,
    *,
    trial: str | None = None,
    last: bool = False,
    average: int = 1,
    device: str | None = None,
    trust: bool = False,
) -> "TrainedModel":
    """Load a trained model, with `translate`, `hypotheses`, `sample` and `score`.

    Args:
        folder: A results folder or its URI, or a folder that `export` wrote.
        trial: Trial whose weights are taken. Default: the one with the best validation score.
        last: Whether to take the last weights of the trial, with which a replay decodes its test set, not the best.
        average: Number of last checkpoints of the trial to average.
        device: `cpu` or `cuda`. Default: CUDA where it can be used.
        trust: Whether to accept a folder of another user that names functions to import.

    Raises:
        ErpoExploreError: The folder holds no model, or what it holds is damaged or does not fit together.
    """
    from erpo_explore.inference.load import load_trained

    return load_trained(folder, trial=trial, last=last, average=average, device=device, trust=trust)
