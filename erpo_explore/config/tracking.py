"""Which experiment trackers are told of an exploration, beside its own results store."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from erpo_explore.config.section import Section

__all__ = ["Tracking"]

_Named = Annotated[str, Field(min_length=1)]


class Tracking(Section):
    """Trackers; none is told anything if it is not named here."""

    tensorboard: bool = False
    """Write event files into the folder `tensorboard/` of the results."""

    mlflow: _Named | None = None
    """Tracking URI of MLflow, such as `http://localhost:5000` or `sqlite:///mlflow.db`."""

    wandb: _Named | None = None
    """Project of Weights & Biases."""

    @field_validator("mlflow")
    @classmethod
    def _holds_no_password(cls, uri: str | None) -> str | None:
        """The space is written into the results, where others read it."""
        if uri is not None and urlsplit(uri).password:
            raise ValueError(
                "must not hold a password, which would be kept in the results; set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD in the environment"
            )
        return uri
