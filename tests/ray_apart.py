"""How `make test` spreads tests over processes."""

from functools import cache
from pathlib import Path
from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

__all__ = ["RayApart", "ray_first"]

_ROOT: Final = Path(__file__).parents[1]
_RAY: Final = "ray"


class RayApart(LoadScopeScheduling):
    """Files run side by side, but those that need a Ray in one process, so that they share one Ray.

    This process begins with them, since they take longest (`ray_first`).
    """

    def _split_scope(self, nodeid: str) -> str:
        """Tests of one scope run in one process."""
        return _scope(nodeid)


def ray_first(items: list[pytest.Item]) -> None:
    """Order tests: files that need a Ray before all others."""
    items.sort(key=lambda item: _scope(item.nodeid) != _RAY)


def _scope(nodeid: str) -> str:
    return _scope_of_file(nodeid.partition("::")[0])


@cache
def _scope_of_file(file: str) -> str:
    return _RAY if "pytest.mark.ray" in (_ROOT / file).read_text(encoding="utf-8") else file
