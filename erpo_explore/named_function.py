"""A function that a user has named in the YAML: `package.module:function`, found where Python finds modules."""

import importlib
from collections.abc import Callable
from typing import Any

from erpo_explore.errors import ConfigError

__all__ = ["load_named"]


def load_named(field: str, name: str, asked: str) -> Callable[..., Any]:
    """Import it.

    Args:
        field: Where the user has named it, for messages.
        name: As `package.module:function`; behind the colon may stand an attribute of an attribute.
        asked: What it should be, for messages.

    Raises:
        ConfigError: The module cannot be imported, has no such function, or it cannot be called.
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
    if not callable(found):
        raise ConfigError(f"{field}={name}: must be {asked}, got {type(found).__name__}")
    function: Callable[..., Any] = found
    return function
