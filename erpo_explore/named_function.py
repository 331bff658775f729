"""Objects and functions that a user names in the YAML: `package.module:name`, imported from Python's path."""

import importlib
from collections.abc import Callable
from typing import Any

from erpo_explore.errors import ConfigError

__all__ = ["load_named", "load_object"]


def load_object(field: str, name: str) -> Any:
    """Import the named object.

    Args:
        field: The setting that names it, for error messages.
        name: `package.module:name`; the part after the colon may have dots, for an attribute of an attribute.

    Raises:
        ConfigError: The module cannot be imported, or it has no such attribute.
    """
    module_name, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module does when it is imported
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(
            f"{field}={name}: the module {module_name} cannot be imported ({why}); it must lie where Python "
            "finds it, such as in a folder of PYTHONPATH"
        ) from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{field}={name}: {module_name} has no {path}; write package.module:function")
        found = getattr(found, part)
    return found


def load_named(field: str, name: str, asked: str) -> Callable[..., Any]:
    """Import the named function.

    Args:
        field: The setting that names it, for error messages.
        name: As for `load_object`.
        asked: What the function should be, for error messages.

    Raises:
        ConfigError: The module cannot be imported, or it has no such attribute, or that is not callable.
    """
    found = load_object(field, name)
    if not callable(found):
        raise ConfigError(f"{field}={name}: must be {asked}, got {type(found).__name__}")
    function: Callable[..., Any] = found
    return function
