"""How `make test` spreads tests over processes."""

from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadScopeScheduling

__all__ = ["RayApart"]

_ROOT: Final = Path(__file__).parents[1]


class RayApart(LoadScopeScheduling):
    """Files run side by side, but those that start a Ray in one process: two Rays at a time starve each other."""

    def _split_scope(self, nodeid: str) -> str:
        """Tests of one scope run in one process."""
        return _scope(nodeid.partition("::")[0])


@cache
def _scope(file: str) -> str:
    return "ray" if "pytest.mark.ray" in (_ROOT / file).read_text(encoding="utf-8") else file
