"""Beam search against enumeration, against greedy decoding, and on sentences whose best hypothesis is known."""

import itertools
import math
from dataclasses import dataclass

import pytest
import torch

from erpo_explore.errors import ConfigError
from erpo_explore.seq2seq import DecoderState, Memory, Seq2Seq, beam_search, greedy

from .models import CONFIGS, NUM_TARGET, SYMBOLS, build, sources

BOS, EOS, PAD, UNK = SYMBOLS.bos, SYMBOLS.eos, SYMBOLS.pad, SYMBOLS.unk
WORDS = range(4, NUM_TARGET)
MAX_TOKENS = 3
EVERYTHING = 1 + 5 + 5**2 + 5**3
"""Hypotheses of at most three tokens: EOS after 0, 1 or 2 words, or 3 words and no EOS."""

PENALTIES = (0.0, 0.6, 1.0, 2.5)


@pytest.fixture(params=[(kind, seed) for kind in CONFIGS for seed in (1, 2, 3)], ids=str)
def model(request):
    # scaled untrained weights, so that hypotheses differ
    model = build(*request.param).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


def enumerated(*, ended):
    """All hypotheses of at most three tokens, as lists."""
    if not ended:
        return [list(words) for words in itertools.product(WORDS, repeat=MAX_TOKENS)]
    return [[*words, EOS] for length in range(MAX_TOKENS) for words in itertools.product(WORDS, repeat=length)]


@torch.no_grad()
def scores(model, row, hypotheses, length_penalty):
    """Scores of hypotheses for one source, by teacher forcing: log p over the whole vocabulary, length-normalised."""
    source_BS, keep_BS = (tensor[row : row + 1].repeat(len(hypotheses), 1) for tensor in sources())
    longest = max(map(len, hypotheses))
    tokens_NT = torch.tensor([hypothesis + [PAD] * (longest - len(hypothesis)) for hypothesis in hypotheses])
    inputs_NT = torch.nn.functional.pad(tokens_NT[:, :-1], (1, 0), value=BOS)
    log_p_NTV = model.decode(model.encode(source_BS, keep_BS), inputs_NT).log_softmax(-1)
    log_p_NT = log_p_NTV.gather(2, tokens_NT[..., None])[..., 0]
    length_N = torch.tensor([len(hypothesis) for hypothesis in hypotheses])
    log_p_N = log_p_NT.masked_fill(tokens_NT == PAD, 0.0).sum(1)
    return log_p_N / ((5 + length_N) / 6) ** length_penalty


def found(model, max_tokens=MAX_TOKENS, **settings):
    """Hypotheses found by a search, as lists without padding."""
    tokens_BT = beam_search(model, model.encode(*sources()), SYMBOLS, max_tokens, **settings)
    return [[token for token in tokens if token != PAD] for tokens in tokens_BT.tolist()]


class TestAgainstEnumeration:
    @pytest.mark.parametrize("length_penalty", PENALTIES)
    def test_with_a_slot_per_hypothesis_the_best_of_all_is_found(self, model, length_penalty):
        hypotheses = enumerated(ended=True)
        for row, best in enumerate(found(model, width=EVERYTHING, length_penalty=length_penalty)):
            assert best == hypotheses[scores(model, row, hypotheses, length_penalty).argmax()]

    def test_without_eos_the_likeliest_cut_hypothesis_is_found(self, model):
        with torch.no_grad():
            model.output_bias[EOS] = -torch.inf
        hypotheses = enumerated(ended=False)
        for row, best in enumerate(found(model, width=EVERYTHING)):
            assert best == hypotheses[scores(model, row, hypotheses, 1.0).argmax()]

    @pytest.mark.parametrize("width", [1, 2, 5])
    def test_a_narrow_beam_does_not_beat_enumeration(self, model, width):
        hypotheses = enumerated(ended=True)
        for row, hypothesis in enumerate(found(model, width=width)):
            score_N = scores(model, row, hypotheses, 1.0)
            assert hypothesis not in hypotheses or score_N[hypotheses.index(hypothesis)] <= score_N.max()
            assert len(hypothesis) <= MAX_TOKENS


class TestAgainstGreedy:
    @pytest.mark.parametrize("max_tokens", [1, 2, 12])
    @pytest.mark.parametrize("length_penalty", [0.0, 1.0])
    def test_width_1_is_greedy_decoding(self, model, max_tokens, length_penalty):
        memory = model.encode(*sources())
        tokens_BT = beam_search(model, memory, SYMBOLS, max_tokens, width=1, length_penalty=length_penalty)
        assert torch.equal(tokens_BT, greedy(model, memory, SYMBOLS, max_tokens))

    @pytest.mark.parametrize("length_penalty", PENALTIES)
    @pytest.mark.parametrize("width", [3, 8])
    def test_a_wider_beam_scores_no_worse(self, model, width, length_penalty):
        greedily = found(model, max_tokens=12, width=1)
        for row, hypothesis in enumerate(found(model, max_tokens=12, width=width, length_penalty=length_penalty)):
            if greedily[row][-1] == EOS:
                score, greedy_score = scores(model, row, [hypothesis, greedily[row]], length_penalty)
                assert score >= greedy_score - 1e-5

    def test_beam_search_differs_from_greedy_decoding_for_some_model(self):
        models = [build(kind, seed).eval() for kind in CONFIGS for seed in (1, 2, 3)]
        assert any(found(model, width=5) != found(model, width=1) for model in models)


class TestProperties:
    @pytest.mark.parametrize("width", [1, 4])
    def test_a_row_does_not_depend_on_its_batch(self, model, width):
        source_BS, keep_BS = sources()
        together = found(model, max_tokens=10, width=width)
        for row in range(3):
            own_S = keep_BS[row]
            memory = model.encode(source_BS[row : row + 1, own_S], keep_BS[row : row + 1, own_S])
            alone_BT = beam_search(model, memory, SYMBOLS, 10, width=width)
            assert alone_BT[0].tolist() == together[row]

    @pytest.mark.parametrize("width", [2, 5])
    def test_special_tokens_are_never_generated(self, model, width):
        with torch.no_grad():
            model.output_bias[[PAD, BOS, UNK]] = 5.0
        for hypothesis in found(model, max_tokens=10, width=width):
            assert set(hypothesis[:-1]) <= set(WORDS)
            assert hypothesis[-1] in {EOS, *WORDS}

    def test_no_gradient_is_recorded(self, model):
        assert not beam_search(model, model.encode(*sources()), SYMBOLS, 5).requires_grad

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"width": 0}, "width must be >= 1, got 0"),
            ({"length_penalty": -0.5}, r"length_penalty must be >= 0 and finite, got -0\.5"),
            ({"length_penalty": math.nan}, "length_penalty must be >= 0 and finite, got nan"),
            ({"length_penalty": math.inf}, "length_penalty must be >= 0 and finite, got inf"),
        ],
    )
    def test_an_invalid_setting_is_named(self, model, settings, message):
        with pytest.raises(ConfigError, match=message):
            found(model, **settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty(DecoderState):
    pass


class Bigrams(Seq2Seq):
    """p(next | last token), the same for every source; pairs that are not given have probability 0."""

    def __init__(self, p):
        super().__init__()
        self.log_p_VV = torch.full((NUM_TARGET, NUM_TARGET), -torch.inf)
        for last, following in p.items():
            for token, probability in following.items():
                self.log_p_VV[last, token] = math.log(probability)
        self.num_rows = []

    def encode(self, source_BS, keep_BS):
        return Memory(keep_BS=keep_BS)

    def begin(self, memory):
        return Empty()

    def advance(self, memory, state, token_B):
        assert len(memory.keep_BS) == len(token_B)
        self.num_rows.append(len(token_B))
        return self.log_p_VV[token_B], state

    def project(self, features_BV):
        return features_BV

    def features(self, memory, inputs_BT):
        raise NotImplementedError


GARDEN_PATH = {BOS: {4: 0.6, 5: 0.4}, 4: {6: 0.55, 7: 0.45}, 5: {8: 1.0}, 6: {EOS: 1.0}, 7: {EOS: 1.0}, 8: {EOS: 1.0}}
"""The likeliest first word leads to two sentences of 0.33 and 0.27, the other one to a sentence of 0.4."""

SHORT_OR_LONG = {BOS: {EOS: 0.5, 4: 0.5}, 4: {5: 0.8, EOS: 0.2}, 5: {6: 1.0}, 6: {7: 1.0}, 7: {EOS: 1.0}}
"""[EOS] has log 0.5 = -0.69; [4 5 6 7 EOS] has log 0.4 = -0.92, which (10 / 6)^a divides."""


def search(p, *, num_rows=1, max_tokens=8, **settings):
    model = Bigrams(p)
    source_BS = torch.ones(num_rows, 1, dtype=torch.long)
    tokens_BT = beam_search(model, model.encode(source_BS, source_BS > 0), SYMBOLS, max_tokens, **settings)
    return tokens_BT.tolist(), model.num_rows


class TestByHand:
    def test_width_2_avoids_the_garden_path(self):
        assert search(GARDEN_PATH, width=1, length_penalty=0.0)[0] == [[4, 6, EOS]]
        assert search(GARDEN_PATH, width=2, length_penalty=0.0)[0] == [[5, 8, EOS]]

    @pytest.mark.parametrize("length_penalty", [0.0, 0.5, 0.56, 0.58, 1.0])
    def test_the_length_penalty_decides_between_short_and_long(self, length_penalty):
        # equal at a = log(log 0.4 / log 0.5) / log(10 / 6) = 0.546
        best = [4, 5, 6, 7, EOS] if length_penalty > 0.546 else [EOS]
        assert search(SHORT_OR_LONG, width=3, length_penalty=length_penalty)[0] == [best]

    def test_an_ended_hypothesis_is_kept_beside_likelier_open_ones(self):
        # [EOS] ranks third at the first step, and finally wins
        p = {BOS: {4: 0.4, 5: 0.35, EOS: 0.25}, 4: {4: 0.5, 5: 0.5}, 5: {4: 0.5, 5: 0.5}}
        assert search(p, width=3, length_penalty=0.0)[0] == [[EOS]]
        assert search(p, width=3, length_penalty=0.0, max_tokens=20)[0] == [[EOS]]

    def test_an_ended_hypothesis_keeps_its_slot(self):
        # [EOS] keeps one slot, so with two slots only the likelier word after 4 is extended
        p = {BOS: {4: 0.7, EOS: 0.3}, 4: {5: 0.55, 6: 0.45}, 5: {7: 0.5, 8: 0.5}, 6: {EOS: 1.0}}
        assert search(p, width=2, length_penalty=0.0) == ([[EOS]], [1, 1, 1])
        assert search(p, width=3, length_penalty=0.0)[0] == [[4, 6, EOS]]

    def test_without_an_ended_hypothesis_the_likeliest_is_cut(self):
        assert search({BOS: {4: 1.0}, 4: {4: 0.7, 5: 0.3}, 5: {5: 1.0}}, width=2, max_tokens=3)[0] == [[4, 4, 4]]

    def test_a_hypothesis_that_cannot_win_is_dropped(self):
        p = {BOS: {EOS: 0.6, 4: 0.4}, 4: {4: 1.0}}
        assert search(p, num_rows=3, width=5, length_penalty=0.0) == ([[EOS]] * 3, [3])
        # log 0.4 / ((5 + 40) / 6) could still beat log 0.6
        assert search(p, num_rows=3, width=5, length_penalty=1.0, max_tokens=40)[1] == [3] * 40

    def test_mass_of_excluded_tokens_lowers_the_score(self):
        p = {BOS: {4: 0.5, 5: 0.5}, 4: {UNK: 0.9, EOS: 0.1}, 5: {6: 0.4, EOS: 0.6}, 6: {EOS: 1.0}}
        assert search(p, width=4, length_penalty=0.0)[0] == [[5, EOS]]
