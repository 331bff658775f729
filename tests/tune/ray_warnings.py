"""Warnings that Ray raises in a process that starts it."""

from typing import Final

import pytest

__all__ = ["RAY_WARNINGS"]

RAY_WARNINGS: Final = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*:FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""Unclosed sockets and files, and announcements of new defaults, which must not become errors."""
