"""Settings of a pretrained model."""

from typing import ClassVar, Literal

from erpo_explore.pretrained import PretrainedName, load_config, outline
from erpo_explore.seq2seq.kind import Dropout, ModelKind

__all__ = ["PretrainedConfig"]


class PretrainedConfig(ModelKind):
    """An encoder-decoder of the Hugging Face hub, to be trained further."""

    builder: ClassVar[str] = "erpo_explore.seq2seq.pretrained:build_pretrained"

    kind: Literal["pretrained"] = "pretrained"
    """Name of the kind."""

    name: PretrainedName
    """Name on the hub, such as `google-t5/t5-small`, or a local folder that `save_pretrained` wrote."""

    revision: str | None = None
    """Branch, tag or commit."""

    dropout: Dropout | None = None
    """Share of hidden units that are dropped in training. Default: the model's own."""

    def num_parameters(self, num_source: int, num_target: int) -> int:  # noqa: ARG002 - the interface's arguments
        """Size of the pretrained model, whatever the sizes of the task's vocabularies."""
        model = outline(load_config(self.name, self.revision))
        return sum(parameter.numel() for parameter in model.parameters())
