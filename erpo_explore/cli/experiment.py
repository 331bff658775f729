"""From the words of a command line to an experiment: which file, and which fields it overrides."""

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from erpo_explore.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from erpo_explore.api.advise import Advice
    from erpo_explore.config.experiment import Experiment

__all__ = ["advised_experiment", "assign", "chosen_experiment", "find_experiment", "override"]

_ALTERNATIVES: Final = {
    "epochs": "steps",
    "steps": "epochs",
    "batch_size": "batch_tokens",
    "batch_tokens": "batch_size",
}
"""Fields of `training` that exclude each other."""


def chosen_experiment(name: str, **overrides: Any) -> "Experiment":
    """The experiment of a file, with the overrides of the command line.

    Args:
        name: A YAML file, or the name of one in search_spaces/.
        **overrides: As for `override`.

    Raises:
        ConfigError: The file or an override is wrong.
    """
    from erpo_explore.config.experiment import Experiment, load_experiment

    written = load_experiment(find_experiment(name)).to_dict()
    override(written, **overrides)
    return Experiment.from_dict(written, origin=name)


def advised_experiment(
    data: FilePath, files: Mapping[str, str | None], max_hours: float | None, **overrides: Any
) -> "Advice":
    """The experiment that is chosen for a folder of text, with the overrides of the command line.

    Args:
        data: Folder of text files.
        files: Fields of these files: source, target, metric.
        max_hours: Time that there is for the exploration.
        **overrides: As for `override`, without `data` and `files`.

    Raises:
        DataError: The files cannot be read.
        ConfigError: An override is wrong.
    """
    from erpo_explore.api.advise import Advice, advise
    from erpo_explore.config.experiment import Experiment

    advice = advise(data, **files, max_hours=max_hours)
    written = advice.experiment.model_dump(mode="json", exclude_unset=True)
    override(written, data=None, **overrides)
    return Advice(experiment=Experiment.from_dict(written, origin=str(data)), lines=advice.lines)


def override(
    written: dict[str, Any],
    *,
    data: FilePath | None,
    files: Mapping[str, str | None] = MappingProxyType({}),
    seed: int | None = None,
    settings: Sequence[str] | None,
    trackers: Mapping[str, bool | str | None],
    share: Mapping[str, float | None],
) -> None:
    """Replace fields of a written experiment, in place.

    Args:
        written: The experiment as plain values.
        data: Folder of text files, which replaces the task.
        files: Fields of these files: source, target, metric.
        seed: Random seed.
        settings: Assignments such as "training.steps=2000".
        trackers: Fields of `tracking`.
        share: Fields of `resources`.

    Raises:
        ConfigError: An assignment is wrong, or `files` comes without `data`.
    """
    if data is not None:
        given = {"name": "files", "data": str(data.resolve()), **files}
        kept = {name: written["task"][name] for name in ("vocabulary",) if name in written["task"]}
        if written["task"]["name"] == "files":
            kept = written["task"]
        written["task"] = kept | {name: value for name, value in given.items() if value is not None}
    elif any(files.values()):
        raise ConfigError("--source, --target and --metric describe files; add --data DIR")
    if seed is not None:
        written["seed"] = seed
    for assignment in settings or ():
        assign(written, assignment)
    for section, flags in (("tracking", trackers), ("resources", share)):
        if chosen := {name: value for name, value in flags.items() if value is not None}:
            written[section] = written.get(section, {}) | chosen


def find_experiment(name: str) -> FilePath:
    """A YAML file, or one of search_spaces/ by its name.

    Raises:
        ConfigError: There is no such file.
    """
    given = FilePath(name)
    if given.suffix in (".yaml", ".yml") or given.exists():
        if given.exists():
            return given
        name = given.stem if given.parent == FilePath("search_spaces") else name
    package = FilePath(__file__).parents[1]
    known: dict[str, FilePath] = {}
    # beside the package in a checkout, inside it when installed
    for folder in (package / "search_spaces", package.parent / "search_spaces"):
        known |= {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    if name not in known:
        raise ConfigError(
            f"experiment {name!r} does not exist; name a YAML file or one of {', '.join(sorted(known))}"
            f"{did_you_mean(FilePath(name).stem, known)}"
        )
    return known[name]


def assign(written: dict[str, Any], assignment: str) -> None:
    """Set one field in place.

    >>> written = {"search": {}}
    >>> assign(written, "search.members=8")
    >>> written
    {'search': {'members': 8}}

    An experiment has steps or epochs, and one size of a batch, so that setting one removes the other.

    Raises:
        ConfigError: The assignment is no FIELD=VALUE, its value is no YAML, or there is no such field.
    """
    from erpo_explore.plain_yaml import load_yaml

    field, separator, text = assignment.partition("=")
    if not (field and separator):
        raise ConfigError(f"--set must be FIELD=VALUE, got {assignment!r}; e.g. --set training.steps=2000")
    try:
        value = load_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"--set {field}: {text!r}: {error}") from error
    *parents, last = field.split(".")
    section: Any = written
    for parent in parents:
        section = section.setdefault(parent, {}) if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise ConfigError(f"--set {field}: there is no such field; e.g. --set training.steps=2000")
    section[last] = value
    if parents == ["training"] and last in _ALTERNATIVES:
        section.pop(_ALTERNATIVES[last], None)
