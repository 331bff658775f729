"""What a user may say about a pretrained model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from erpo_explore.pretrained import PretrainedName, load_config, outline

__all__ = ["PretrainedConfig"]


class PretrainedConfig(BaseModel):
    """An encoder-decoder of the Hugging Face hub, to be trained further."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pretrained"] = "pretrained"
    """Names the kind."""

    name: PretrainedName
    """Name on the hub, such as `google-t5/t5-small`, or a local folder that `save_pretrained` wrote."""

    revision: str | None = None
    """Branch, tag or commit."""

    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Share of hidden units that is dropped in training; the model's own if not given."""

    def num_parameters(self, num_source: int, num_target: int) -> int:  # noqa: ARG002 - of any kind of model
        """The model's own, whatever the sizes of the vocabularies.

        Raises:
            ConfigError: Its configuration cannot be loaded or used.
        """
        model = outline(load_config(self.name, self.revision))
        return sum(parameter.numel() for parameter in model.parameters())
