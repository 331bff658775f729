"""File formats of exported figures."""

from typing import Final, Literal, get_args

__all__ = ["FORMATS", "Format"]

Format = Literal["png", "svg", "pdf"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
