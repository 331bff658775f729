"""What Ray warns of in a process that starts it."""

from typing import Final

import pytest

__all__ = ["RAY_WARNINGS"]

RAY_WARNINGS: Final = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*:FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""Sockets and files that it leaves to the garbage collector, and its notes on coming defaults: not to be errors."""
