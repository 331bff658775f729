"""Parts of the Transformer against those of torch."""

import math

import pytest
import torch
from torch import nn

from erpo_explore.seq2seq import TransformerConfig
from erpo_explore.seq2seq.attention import Attention
from erpo_explore.seq2seq.dropout import SeededDropout
from erpo_explore.seq2seq.transformer import (
    DecoderLayer,
    EncoderLayer,
    TransformerMemory,
    TransformerState,
    positions,
)

from .models import seeded

B, S, T, H, N = 2, 5, 4, 12, 3
CONFIG = TransformerConfig(hidden_size=H, heads=N, layers=1, feed_forward=20, dropout=0.0)
KEEP_BS = torch.tensor([[True] * 5, [True, True, True, False, False]])


def redrawn(module):
    """Redraw every parameter, so that none is 0 or 1."""
    generator = seeded(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5, generator=generator)
    return module


def normal(*shape):
    return torch.randn(*shape, generator=seeded(6))


def copy_attention(ours, torchs):
    with torch.no_grad():
        torchs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        torchs.in_proj_bias.zero_()
        torchs.out_proj.load_state_dict(ours.output.state_dict())


def copy_feed_forward(ours, torchs):
    torchs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
    torchs.linear2.load_state_dict(ours.feed_forward[2].state_dict())


@pytest.mark.parametrize("heads", [1, 3, 6])
def test_attention_equals_its_equation(heads):
    attention = redrawn(Attention(H, heads, device=torch.device("cpu")))
    x_BQH, y_BSH = normal(B, T, H), normal(B, S, H)
    read_BQH = attention(x_BQH, *attention.read(y_BSH), keep_BQS=KEEP_BS[:, None])
    D, parts = H // heads, []
    for head in range(heads):
        own = slice(head * D, (head + 1) * D)
        scores_BQS = attention.query(x_BQH)[..., own] @ attention.key(y_BSH)[..., own].mT / math.sqrt(D)
        weights_BQS = scores_BQS.masked_fill(~KEEP_BS[:, None], -torch.inf).softmax(-1)
        parts.append(weights_BQS @ attention.value(y_BSH)[..., own])
    torch.testing.assert_close(read_BQH, attention.output(torch.cat(parts, dim=-1)))


def test_an_encoder_layer_equals_that_of_torch():
    layer = redrawn(EncoderLayer(CONFIG, SeededDropout(0.0, seeded(1))))
    torchs = nn.TransformerEncoderLayer(H, N, 20, dropout=0.0, batch_first=True, norm_first=True)
    copy_attention(layer.own, torchs.self_attn)
    copy_feed_forward(layer, torchs)
    torchs.norm1.load_state_dict(layer.own_norm.state_dict())
    torchs.norm2.load_state_dict(layer.feed_forward_norm.state_dict())
    x_BSH = normal(B, S, H)
    expected_BSH = torchs.train()(x_BSH, src_key_padding_mask=~KEEP_BS)
    torch.testing.assert_close(layer(x_BSH, KEEP_BS)[KEEP_BS], expected_BSH[KEEP_BS])


def test_a_decoder_layer_equals_that_of_torch():
    layer = redrawn(DecoderLayer(CONFIG, SeededDropout(0.0, seeded(1))))
    torchs = nn.TransformerDecoderLayer(H, N, 20, dropout=0.0, batch_first=True, norm_first=True)
    copy_attention(layer.own, torchs.self_attn)
    copy_attention(layer.cross, torchs.multihead_attn)
    copy_feed_forward(layer, torchs)
    for ours, own in ((layer.own_norm, torchs.norm1), (layer.cross_norm, torchs.norm2)):
        own.load_state_dict(ours.state_dict())
    torchs.norm3.load_state_dict(layer.feed_forward_norm.state_dict())
    y_BSH, x_BTH = normal(B, S, H), normal(B, T, H)
    keys, values = layer.cross.read(y_BSH)
    memory = TransformerMemory(keep_BS=KEEP_BS, keys_BNSD=(keys,), values_BNSD=(values,))
    nothing = torch.zeros(B, N, 0, H // N)
    state = TransformerState(keys_BNTD=(nothing,), values_BNTD=(nothing,))
    expected_BTH = torchs.train()(x_BTH, y_BSH, tgt_mask=torch.ones(T, T).triu(1) > 0, memory_key_padding_mask=~KEEP_BS)
    torch.testing.assert_close(layer(memory, 0, state, x_BTH)[0], expected_BTH)


@pytest.mark.parametrize("first", [0, 3])
def test_positions_are_sines_and_cosines(first):
    positions_LH = positions(first, 6, 8, torch.device("cpu"))
    for row, position in enumerate(range(first, first + 6)):
        angles = [position / 10_000 ** (2 * i / 8) for i in range(4)]
        expected = [*map(math.sin, angles), *map(math.cos, angles)]
        torch.testing.assert_close(positions_LH[row], torch.tensor(expected))
