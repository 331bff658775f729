"""Sequence-to-sequence models behind one interface. Left out: rewards, points and Ray, which lie above it."""

from typing import TYPE_CHECKING

from erpo_explore.lazy_import import lazy_names
from erpo_explore.seq2seq.config import CustomConfig, LstmConfig, ModelConfig, PretrainedConfig, TransformerConfig

if TYPE_CHECKING:
    from erpo_explore.seq2seq.beam import beam_search
    from erpo_explore.seq2seq.build import build_model
    from erpo_explore.seq2seq.decoding import greedy
    from erpo_explore.seq2seq.model import DecoderState, Memory, Seq2Seq

__all__ = [
    "CustomConfig",
    "DecoderState",
    "LstmConfig",
    "Memory",
    "ModelConfig",
    "PretrainedConfig",
    "Seq2Seq",
    "TransformerConfig",
    "beam_search",
    "build_model",
    "greedy",
]

__getattr__ = lazy_names(
    __name__,
    {
        "DecoderState": "model",
        "Memory": "model",
        "Seq2Seq": "model",
        "beam_search": "beam",
        "build_model": "build",
        "greedy": "decoding",
    },
)
