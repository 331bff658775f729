"""Settings of the LSTM."""

from typing import ClassVar, Literal

from erpo_explore.seq2seq.kind import Dropout, HiddenSize, ModelKind

__all__ = ["LstmConfig"]


class LstmConfig(ModelKind):
    """Bidirectional LSTM encoder, LSTM decoder with Luong attention; the defaults are those of Tan et al. (2018)."""

    builder: ClassVar[str] = "erpo_explore.seq2seq.lstm:LstmSeq2Seq"

    kind: Literal["lstm"] = "lstm"
    """Name of the kind, and the default of `model`."""

    hidden_size: HiddenSize = 256
    """Width of embeddings, encoder output and decoder state. Even: each encoder direction has half of it."""

    dropout: Dropout = 0.2
    """Share of embedding and output units that are dropped in training."""

    def num_parameters(self, num_source: int, num_target: int) -> int:
        """Size of the embeddings, LSTMs, bridge and attention, and one bias per target token."""
        H = self.hidden_size
        return H * (num_source + num_target) + num_target + 21 * H**2 + 18 * H
