"""Fields of the YAML that older versions had under other names.

One table for two purposes: the error for an older YAML names today's words, and the `exploration.yaml` of an older
results folder is upgraded when it is opened.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from erpo_explore.errors import ConfigError

__all__ = ["check_words", "upgraded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A change of one field.

    Attributes:
        old: The field, as `section.field`, with its section under today's name.
        new: Today's field; None where it was removed.
        value: The only value that has changed, and its new word; None where the field itself has.
        message: What the error adds.
    """

    old: str
    new: str | None
    value: tuple[str, str] | None = None
    message: str = ""


_BANDIT: Final = "the bandit was removed, since it ranks below maximum likelihood; next knots are perturbed"

_CHANGES: Final[tuple[_Change, ...]] = (
    _Change(old="dots", new="baselines"),
    _Change(old="paths", new="baselines", message=", which takes paths as well; move the entries there"),
    _Change(old="start_from", new="init_from"),
    _Change(old="init_from.dot", new="init_from.algorithm"),
    _Change(old="model.units", new="model.hidden_size"),
    _Change(old="model.kind", new="model.kind", value=("own", "custom")),
    _Change(old="training.valid_limit", new="training.validation_limit"),
    _Change(old="task.valid_pairs", new="task.validation_pairs"),
    _Change(old="search.landmarks", new="search.candidates"),
    _Change(old="search.visit", new="search.p_candidate"),
    _Change(old="search.home", new="search.p_start"),
    _Change(old="search.absent", new="search.p_lowest"),
    _Change(old="search.propose", new=None, message=f"; {_BANDIT}"),
    _Change(old="search.trust", new=None, message=f"; {_BANDIT}"),
)
"""In the order in which they are applied."""


def check_words(written: Any) -> None:
    """Refuse fields of older versions.

    Raises:
        ConfigError: With one line that names each of them and today's word.
    """
    if found := [_explained(change) for change in _found(_copied(written))]:
        raise ConfigError("; ".join(found))


def upgraded(written: Any) -> Any:
    """The plain values of an experiment under today's names. Removed fields are left out; the argument is unchanged."""
    values = _copied(written)
    for _ in _found(values):
        pass
    return values


def _copied(written: Any) -> Any:
    """The values and their sections, so that both can be changed."""
    if not isinstance(written, Mapping):
        return written
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in written.items()}


def _found(values: Any) -> Iterator[_Change]:
    """Apply the changes to values that have older names, one by one."""
    if not isinstance(values, dict):
        return
    for change in _CHANGES:
        *sections, old = change.old.split(".")
        section = values[sections[0]] if sections and sections[0] in values else None if sections else values
        if not isinstance(section, dict) or old not in section:
            continue
        if change.value is not None:
            if section[old] == change.value[0]:
                section[old] = change.value[1]
                yield change
            continue
        moved = section.pop(old)
        if change.new is not None:
            new = change.new.split(".")[-1]
            section[new] = _merged(section[new], moved) if new in section else moved
        yield change


def _merged(first: Any, second: Any) -> Any:
    """Two fields as one: baselines were `dots` and `paths`."""
    if isinstance(first, Mapping) and isinstance(second, Mapping) and not first.keys() & second.keys():
        return {**first, **second}
    return [*_listed(first), *_listed(second)]


def _listed(baselines: Any) -> list[Any]:
    if isinstance(baselines, Mapping):
        return [{name: baseline} for name, baseline in baselines.items()]
    return list(baselines) if isinstance(baselines, list) else [] if baselines is None else [baselines]


def _explained(change: _Change) -> str:
    if change.value is not None:
        return f"{change.old}: {change.value[0]} is now {change.value[1]}"
    if change.new is None:
        return f"{change.old} must be left out{change.message}"
    return f"{change.old} is now {change.new}{change.message}"
