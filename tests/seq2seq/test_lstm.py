"""The LSTM against the equations of its module, computed word by word."""

import math

import torch

from erpo_explore.seq2seq import LstmConfig
from erpo_explore.seq2seq.lstm import LstmSeq2Seq

from .models import NUM_SOURCE, NUM_TARGET, SYMBOLS, seeded, sources, targets

H = 8


def test_logits_equal_the_equations():
    """a_ts = softmax_s(h_t · W_a k_s / √H), c_t = Σ_s a_ts v_s, logits = E tanh(W_c [c_t; h_t]) + b."""
    config = LstmConfig(hidden_size=H, dropout=0.0)
    model = LstmSeq2Seq(config, NUM_SOURCE, NUM_TARGET, pad=SYMBOLS.pad, generator=seeded(1))
    with torch.no_grad():
        for parameter in model.parameters():  # loud, so that attention is far from even and no bias is 0
            parameter.normal_(std=0.7, generator=seeded(parameter.numel()))
    source_BS, keep_BS = sources()
    logits_BTV = model.project(model.features(model.encode(source_BS, keep_BS), targets()))
    for row, length in enumerate(keep_BS.sum(1)):
        source_SH = model.source_embedding(source_BS[row, :length]) * math.sqrt(H)
        keys_SH, (last_2E, cell_2E) = model.encoder(source_SH)
        first_X = model.bridge(torch.cat([last_2E.flatten(), cell_2E.flatten()]))
        state = torch.tanh(first_X[None, :H]), first_X[None, H:]
        for t, word in enumerate(targets()[row]):
            input_1H = model.target_embedding(word)[None] * math.sqrt(H)
            states_1H, state = model.decoder(input_1H, state)
            h_H = states_1H[0]
            scores_S = torch.stack([h_H @ (model.query.weight.T @ key_H) / math.sqrt(H) for key_H in keys_SH])
            context_H = scores_S.softmax(0) @ (keys_SH + source_SH)
            output_H = torch.tanh(model.combine.weight @ torch.cat([context_H, h_H]))
            expected_V = model.target_embedding.weight @ output_H + model.output_bias
            torch.testing.assert_close(logits_BTV[row, t], expected_V)
