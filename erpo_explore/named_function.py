"""Import objects and functions that a configuration names as `package.module:name`."""

import importlib
from collections.abc import Callable
from typing import Any

from erpo_explore.callables import find
from erpo_explore.errors import ConfigError

__all__ = ["load_named", "load_object"]


def load_object(field: str, name: str) -> Any:
    """The named object: one that was registered in this process (`callables`), else imported.

    Args:
        field: Setting that holds the name, for error messages.
        name: `package.module:name`; the part after the colon may be nested, as in `Class.method`.

    Raises:
        ConfigError: The module cannot be imported, or has no such attribute.
    """
    if (given := find(name)) is not None:
        return given
    module_name, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # any error of the user's module
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(
            f"{field}={name}: the module {module_name} cannot be imported ({why}); Python must find it, "
            "for example in a folder of PYTHONPATH"
        ) from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{field}={name}: {module_name} has no {path}; write package.module:function")
        found = getattr(found, part)
    return found


def load_named(field: str, name: str, expected: str) -> Callable[..., Any]:
    """Import the named function.

    Args:
        field: Setting that holds the name, for error messages.
        name: As for `load_object`.
        expected: Description of the function, as in "must be …", for error messages.

    Raises:
        ConfigError: The module cannot be imported, has no such attribute, or the attribute is not callable.
    """
    found = load_object(field, name)
    if not callable(found):
        raise ConfigError(f"{field}={name}: must be {expected}, got {type(found).__name__}")
    function: Callable[..., Any] = found
    return function
