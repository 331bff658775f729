from dataclasses import dataclass

import pytest
import torch

from erpo_explore.seq2seq import DecoderState, Memory, Seq2Seq, greedy

from .models import CONFIGS, NUM_TARGET, SYMBOLS, build, sources

BOS, EOS, PAD, UNK = SYMBOLS.bos, SYMBOLS.eos, SYMBOLS.pad, SYMBOLS.unk
MAX_TOKENS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(DecoderState):
    row_B: torch.Tensor
    word_B: torch.Tensor


class Scripted(Seq2Seq):
    """A fixed sentence per row, one word per step; special tokens have the highest logits."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows
        self.num_rows = []

    def encode(self, source_BS, keep_BS):
        return Memory(keep_BS=keep_BS)

    def begin(self, memory):
        row_B = torch.arange(len(memory.keep_BS))
        return Position(row_B=row_B, word_B=torch.zeros_like(row_B))

    def advance(self, memory, state, _token_B):
        assert len(memory.keep_BS) == len(state.row_B)
        logits_BV = torch.zeros(len(state.row_B), NUM_TARGET)
        logits_BV[:, [PAD, BOS, UNK]] = 9.0
        for index, (row, word) in enumerate(zip(state.row_B.tolist(), state.word_B.tolist(), strict=True)):
            words = self.rows[row]
            logits_BV[index, words[min(word, len(words) - 1)]] = 5.0
        self.num_rows.append(len(state.row_B))
        return logits_BV, Position(row_B=state.row_B, word_B=state.word_B + 1)

    def project(self, logits_BV):
        return logits_BV

    def features(self, _memory, _inputs_BT):
        raise NotImplementedError


def decode(*rows, max_tokens=MAX_TOKENS):
    model = Scripted(rows)
    source_BS = torch.ones(len(rows), 1, dtype=torch.long)
    tokens_BT = greedy(model, model.encode(source_BS, source_BS > 0), SYMBOLS, max_tokens)
    return tokens_BT.tolist(), model.num_rows


@pytest.mark.parametrize(
    ("rows", "tokens"),
    [
        ([[EOS]], [[EOS]]),
        ([[4, 5, EOS]], [[4, 5, EOS]]),
        ([[4, EOS, 5, 6, EOS], [4, 5, 6, EOS]], [[4, EOS, PAD, PAD], [4, 5, 6, EOS]]),
        ([[EOS], [4, EOS]], [[EOS, PAD], [4, EOS]]),
    ],
)
def test_a_row_stops_at_its_end_and_is_padded(rows, tokens):
    assert decode(*rows)[0] == tokens


def test_only_open_rows_are_passed_to_the_model():
    assert decode([4, EOS], [EOS], [4, 5, 6, EOS], [4, EOS])[1] == [4, 3, 1, 1]


@pytest.mark.parametrize("max_tokens", [1, 3])
def test_a_row_without_eos_is_cut(max_tokens):
    assert decode([4], [5, EOS], max_tokens=max_tokens)[0] == [[4] * max_tokens, [5, EOS, PAD][:max_tokens]]


@pytest.fixture(params=[(kind, seed) for kind in CONFIGS for seed in (1, 2, 3)], ids=str)
def model(request):
    # scaled untrained weights, so that the likeliest token differs from step to step
    model = build(*request.param).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


def decoded(model):
    return greedy(model, model.encode(*sources()), SYMBOLS, MAX_TOKENS)


class TestGreedy:
    def test_each_token_is_the_likeliest(self, model):
        tokens_BT, memory = decoded(model), model.encode(*sources())
        inputs_BT = torch.nn.functional.pad(tokens_BT[:, :-1], (1, 0), value=BOS)
        logits_BTV = model.decode(memory, inputs_BT)
        logits_BTV[..., [PAD, BOS, UNK]] = -torch.inf
        alive_BT = (inputs_BT != EOS).cumprod(1).bool()
        assert torch.equal(tokens_BT, logits_BTV.argmax(-1).masked_fill(~alive_BT, PAD))

    def test_special_tokens_are_never_generated(self, model):
        tokens_BT = decoded(model)
        before_end_BT = (tokens_BT != EOS).cumprod(1).bool()
        assert not torch.isin(tokens_BT[before_end_BT], torch.tensor([PAD, BOS, UNK])).any()

    def test_length_is_at_most_max_tokens(self, model):
        assert decoded(model).shape[1] <= MAX_TOKENS

    def test_decoding_is_deterministic(self, model):
        assert torch.equal(decoded(model), decoded(model))

    def test_no_gradient_is_recorded(self, model):
        assert not decoded(model).requires_grad
        assert all(parameter.grad is None for parameter in model.parameters())
