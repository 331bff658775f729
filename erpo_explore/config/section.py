"""What every part of the YAML has in common."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """A part of the YAML; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
