"""The base of every section of the YAML."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Name", "Section"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A name that is part of folder names."""


class Section(BaseModel):
    """A section of the YAML. Values are frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
