"""A trained model as a folder, from Python."""

from pathlib import Path as FilePath

from erpo_explore.store.files import Location

__all__ = ["export"]


def export(
    folder: Location,
    to: "FilePath | str",
    *,
    trial: str | None = None,
    last: bool = False,
    average: int = 1,
    trust: bool = False,
) -> None:
    """Write a trained model as a folder: weights in safetensors, vocabulary, settings, model card.

    A pretrained model is written so that `transformers` and CTranslate2's converter read it. `load_model` reads both
    kinds.

    Args:
        folder: A results folder or its URI.
        to: The new folder; must not exist yet.
        trial: As for `load_model`.
        last: As for `load_model`.
        average: As for `load_model`.
        trust: As for `load_model`.

    Raises:
        ErpoExploreError: There is no such model, or the folder exists already or cannot be written.
    """
    from erpo_explore.inference.export import check_new_folder, export_model
    from erpo_explore.inference.load import load_trained

    target = FilePath(to)
    check_new_folder(target)  # before what takes seconds
    export_model(load_trained(folder, trial=trial, last=last, average=average, device="cpu", trust=trust), target)
