"""`baselines`: the algorithms and paths that are trained beside the search, each under a name.

One grammar for the YAML field, for `replay --against` and for values in Python. Reading is pure: a path's file is kept
by its name, and `config.resolve` reads it.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from erpo_explore.config.path_file import PathFile, is_path_file
from erpo_explore.config.section import Name
from erpo_explore.errors import brief, did_you_mean
from erpo_explore.space.algorithms import ALGORITHMS, Algorithm
from erpo_explore.space.path import Path

__all__ = ["Baseline", "Baselines", "Candidates", "read_baselines"]

Baseline = Algorithm | Path | PathFile
"""What is trained under a name. `Algorithm.name` differs from that name where an algorithm has another one."""


def read_baselines(written: Any) -> dict[str, Baseline]:
    """Read baselines from plain values, without I/O.

    >>> list(read_baselines(["mle", {"cold": {"raml": {"temperature": 0.05}}}, "found/best_path.yaml"]))
    ['mle', 'cold', 'best_path']

    Args:
        written: A mapping of names to baselines, or a list of such mappings, names of algorithms, names of path files
            and `Algorithm`s. A baseline is the settings of the algorithm of that name, an algorithm with settings
            (`{raml: {temperature: 0.05}}`), a path with `knots`, or the name of a path's YAML file.

    Raises:
        ValueError: An entry is none of these, a setting is wrong, or two entries have one name.
    """
    if not isinstance(written, Mapping | list | tuple):
        raise ValueError(f"must be a list or a mapping of names to baselines, got {brief(written)}")
    baselines: dict[str, Baseline] = {}
    for name, baseline in written.items() if isinstance(written, Mapping) else _entries(written):
        if name in baselines:
            raise ValueError(
                f"{name} is the name of two entries, so their trials would be one; give one another name, as in "
                f"{{my_{name}: {{{name}: {{…}}}}}}"
            )
        baselines[name] = _baseline(name, baseline)
    return baselines


def _entries(written: list[Any] | tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    for entry in written:
        if isinstance(entry, Mapping):
            yield from entry.items()
        elif isinstance(entry, Algorithm):
            yield entry.name, entry
        elif is_path_file(entry):
            yield PurePosixPath(entry).stem, entry
        elif isinstance(entry, str):
            yield entry, Algorithm(name=entry)
        else:
            raise ValueError(f"must be names or mappings of names to baselines, got {brief(entry)}")


def _baseline(name: Any, written: Any) -> Baseline:
    if isinstance(written, Algorithm | Path | PathFile):
        return written
    if isinstance(written, str) and is_path_file(written):
        return PathFile(location=written)
    if isinstance(written, Mapping) and "knots" in written:
        try:
            return Path.from_dict(written)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    if isinstance(written, Mapping) and len(written) == 1 and written.keys() <= ALGORITHMS.keys():
        ((algorithm, settings),) = written.items()
        return _with_settings(algorithm, settings)
    if isinstance(name, str) and (name in ALGORITHMS or not written):
        return _with_settings(name, written)
    raise ValueError(
        f"{name} must be the settings of an algorithm of that name, an algorithm with settings, as in "
        f"{{raml: {{temperature: 0.05}}}}, a path with knots, or a path's YAML file, got {brief(written)}; algorithms "
        f"are {', '.join(ALGORITHMS)}{did_you_mean(name, ALGORITHMS)}"
    )


def _with_settings(algorithm: str, settings: Any) -> Algorithm:
    if not isinstance(settings, Mapping | None):
        raise ValueError(f"{algorithm} must be a mapping of settings, got {brief(settings)}")
    return Algorithm(name=algorithm, settings=dict(settings or {}))


def _write_baselines(baselines: Mapping[str, Baseline]) -> dict[str, Any]:
    return {name: _written(name, baseline) for name, baseline in baselines.items()}


def _written(name: str, baseline: Baseline) -> Any:
    match baseline:
        case Algorithm():
            settings = dict(baseline.settings)
            return settings if baseline.name == name else {baseline.name: settings}
        case PathFile():
            return baseline.location
        case Path():
            return baseline.to_dict()


Baselines = Annotated[
    dict[Name, InstanceOf[Algorithm] | InstanceOf[Path] | InstanceOf[PathFile]],
    BeforeValidator(read_baselines),
    PlainSerializer(_write_baselines, return_type=dict[str, Any]),
]
"""Baselines by name, as a field of a section of the YAML."""


def _settings_of(baselines: Mapping[str, Baseline]) -> dict[str, dict[str, Any]]:
    candidates: dict[str, dict[str, Any]] = {}
    for name, baseline in baselines.items():
        if not (isinstance(baseline, Algorithm) and baseline.name == name):
            raise ValueError(f"must be named algorithms, with settings or without, got {name}: {baseline}")
        if len(baseline.path("bleu").knots) > 1:
            raise ValueError(f"must be points, but {name} is a path; leave it out")
        candidates[name] = dict(baseline.settings)
    return candidates


Candidates = Annotated[
    dict[str, dict[str, Any]], BeforeValidator(lambda written: _settings_of(read_baselines(written)))
]
"""Named algorithms that are points, with their settings, written as baselines are."""
