"""`exploration.yaml`, which makes a folder a results folder.

Read without pandas, which takes long to import, so that a mistake in the name of a folder is reported at once.
"""

import shlex

from pyarrow import fs

from erpo_explore.errors import ResultsError
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.store.files import Folder, Location
from erpo_explore.store.layout import MANIFEST

__all__ = ["check_exploration", "check_new", "load_manifest"]


def load_manifest(folder: Location) -> dict[str, object]:
    """Read the manifest of an exploration: its search space, seed, versions and git commit.

    Raises:
        ResultsError: The folder is missing, holds no exploration, or its manifest is not YAML.
    """
    within = Folder.at(folder)
    check_exploration(within)
    path = within.location_of(MANIFEST)
    try:
        manifest = load_yaml(within.read(MANIFEST).decode())
    except ValueError as error:  # no text, or no YAML
        raise ResultsError(f"{path} cannot be read ({error}); restore it from a copy") from error
    if not isinstance(manifest, dict):
        raise ResultsError(f"{path} must hold a mapping, got {type(manifest).__name__}; restore it from a copy")
    return manifest


def check_exploration(folder: Folder) -> None:
    """Check that a folder holds an exploration.

    Raises:
        ResultsError: It is missing, a file, or holds none.
    """
    if folder.has(MANIFEST):
        return
    named = "name a folder such as results/default"
    if folder.kind() == fs.FileType.NotFound:
        raise ResultsError(f"results folder {folder.location} does not exist; {named}")
    if folder.kind() == fs.FileType.File:
        raise ResultsError(f"{folder.location} is a file, not a results folder; {named}")
    raise ResultsError(
        f"results folder {folder.location} holds no {MANIFEST}; name the folder of one exploration, such as "
        "results/default"
    )


def check_new(location: Location) -> None:
    """Check that a new results folder can be made there: it is missing, or empty, and may be written.

    Raises:
        ResultsError: It is a file, or holds something.
    """
    folder = Folder.at(location)
    if folder.kind() == fs.FileType.File:
        raise ResultsError(f"results folder {location} is a file; choose another one with --results")
    if folder.has(MANIFEST):
        raise ResultsError(
            f"results folder {location} holds an exploration already; continue it with `erpo-explore resume "
            f"{shlex.quote(str(location))}`, or choose another one with --results"
        )
    if folder.entries():
        raise ResultsError(f"results folder {location} is not empty; choose another one with --results")
    folder.check_writable()
