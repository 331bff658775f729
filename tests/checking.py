"""What a user meets: values are validated by the values themselves, not by the type checker of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping


@contextmanager
def no_type_checks() -> Iterator[None]:
    """Switch the import hook's checks off, so that a value of a wrong type reaches the source's own validation."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
