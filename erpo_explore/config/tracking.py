"""`tracking`: experiment trackers that get the results, besides the results folder."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from erpo_explore.config.section import Section

__all__ = ["Tracking"]

_Named = Annotated[str, Field(min_length=1)]


class Tracking(Section):
    """Experiment trackers that get the results as well. Default: none."""

    tensorboard: bool = False
    """Whether event files are written into the folder `tensorboard/` of the results."""

    mlflow: _Named | None = None
    """MLflow tracking URI, such as `http://localhost:5000` or `sqlite:///mlflow.db`. Must not hold a password."""

    wandb: _Named | None = None
    """Weights & Biases project."""

    @field_validator("mlflow")
    @classmethod
    def _holds_no_password(cls, uri: str | None) -> str | None:
        """Refuse a password, since the experiment is written into the results, where others read it."""
        if uri is not None and urlsplit(uri).password:
            raise ValueError(
                "must not hold a password, which would be kept in the results; set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD in the environment"
            )
        return uri
