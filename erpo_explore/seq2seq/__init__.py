"""What is trained: sequence-to-sequence models behind one interface. Knows nothing of rewards, points or Ray."""

from erpo_explore.seq2seq.beam import beam_search
from erpo_explore.seq2seq.build import build_model
from erpo_explore.seq2seq.config import LstmConfig, ModelConfig, TransformerConfig
from erpo_explore.seq2seq.custom import CustomConfig
from erpo_explore.seq2seq.decoding import greedy
from erpo_explore.seq2seq.model import DecoderState, Memory, Seq2Seq
from erpo_explore.seq2seq.pretrained_config import PretrainedConfig

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
