import math

import torch

from benchmarks.speed.unscaled_attention import build
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.seq2seq.lstm import LstmSeq2Seq
from tests.seq2seq.models import NUM_SOURCE, NUM_TARGET, SYMBOLS, seeded, sources, targets


def test_unscaled_model_equals_the_scaled_one_with_a_longer_query():
    scaled = LstmSeq2Seq(
        LstmConfig(hidden_size=8, dropout=0.0), NUM_SOURCE, NUM_TARGET, pad=SYMBOLS.pad, generator=seeded(1)
    )
    unscaled = build(NUM_SOURCE, NUM_TARGET, pad=SYMBOLS.pad, generator=seeded(1), hidden_size=8, dropout=0.0)
    first = [model.features(model.encode(*sources()), targets()) for model in (scaled, unscaled)]
    assert not torch.allclose(*first)
    with torch.no_grad():
        scaled.query.weight.mul_(math.sqrt(8))
    then = [model.features(model.encode(*sources()), targets()) for model in (scaled, unscaled)]
    torch.testing.assert_close(*then)
