"""Functions and classes that a Python program passes as values, under the names that experiments and results use.

An experiment holds names alone (`module:function`), so that it can be written as YAML. A callable that was passed as a
value is found by its name in this process, and is sent to the workers, so that it need not lie in a module.
"""

from collections.abc import Mapping
from typing import Any, Final

from erpo_explore.errors import ConfigError

__all__ = ["find", "named", "register", "register_all", "registered"]

_BY_NAME: Final[dict[str, Any]] = {}


def register(function: Any) -> str:
    """Name a callable of this process, so that experiments can refer to it.

    >>> register(len)
    'builtins:len'

    Args:
        function: A function or class with a name. A later one of the same name takes its place.

    Returns:
        `module:function`.

    Raises:
        ConfigError: The callable has no name of its own.
    """
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not callable(function) or module is None or qualname is None or "<lambda>" in qualname:
        raise ConfigError(f"a reward or model must be a function or class with a name, got {function!r}; use def")
    name = f"{module}:{qualname.replace('.<locals>', '')}"
    _BY_NAME[name] = function
    return name


def named(value: Any) -> Any:
    """The name of a callable, which is registered; any other value as it is.

    >>> named(len), named("bleu")
    ('builtins:len', 'bleu')
    """
    return register(value) if callable(value) else value


def find(name: str) -> Any | None:
    """The registered callable of a name; None where there is none."""
    return _BY_NAME.get(name)


def registered() -> dict[str, Any]:
    """All callables that were registered in this process, by name."""
    return dict(_BY_NAME)


def register_all(functions: Mapping[str, Any]) -> None:
    """Register in a worker what its driver has registered."""
    _BY_NAME.update(functions)
