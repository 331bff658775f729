"""When annotated types and shapes are checked: the import hook's checks cost as much as what they check."""

from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping

__all__ = ["check_types", "no_type_checks"]


def check_types(checks: bool) -> None:
    """Switch the import hook's checks of annotated types and shapes on or off."""
    jaxtyping.config.update("jaxtyping_disable", not checks)


@contextmanager
def no_type_checks() -> Iterator[None]:
    """Let a value of a wrong type reach the source's own validation, as a user's does."""
    before = not jaxtyping.config.jaxtyping_disable
    check_types(False)
    try:
        yield
    finally:
        check_types(before)
