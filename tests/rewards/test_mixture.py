import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from erpo_explore.rewards import MixtureReward, metric_reward
from erpo_explore.space import Reward
from erpo_explore.space.reward import TOKEN_METRICS
from erpo_explore.symbols import Symbols

from .oracles import NUM_TOKENS, SYMBOLS, WORDS, reference_of

A, B, C, D = WORDS
UNK, EOS, PAD, BOS = SYMBOLS.unk, SYMBOLS.eos, SYMBOLS.pad, SYMBOLS.bos
UNIGRAM_V = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.4, 0.3, 0.2, 0.1])
REFERENCES = ([A, B, C], [UNK, D], [B])
INF = torch.inf

parts = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4)
prefixes = st.lists(st.sampled_from(WORDS), max_size=5)
logits = st.lists(st.floats(-5.0, 5.0), min_size=NUM_TOKENS, max_size=NUM_TOKENS)


def model_of(logits_V):
    """log p of a model for every row, −∞ for special tokens."""
    logits_BV = torch.tensor(logits_V).repeat(len(REFERENCES), 1)
    logits_BV[:, list(SYMBOLS.never_drawn)] = -INF
    return logits_BV.log_softmax(-1)


def after(reward, prefix):
    """The reward's state after the same prefix in every row."""
    state = reward.begin(reference_of(*REFERENCES))
    for word in prefix:
        state = reward.advance(state, torch.full((len(REFERENCES),), word))
    return state


def truth_BV(step):
    """1 at the reference's token, EOS after its end."""
    rows = [[*words, *[EOS] * 9][step] for words in REFERENCES]
    return torch.nn.functional.one_hot(torch.tensor(rows), NUM_TOKENS).float()


def task_BV(metric, prefix, temperature):
    """softmax of the metric's increments over the tokens that may be drawn."""
    increments_BV = metric_reward(metric).increments(after(metric_reward(metric), prefix)) / temperature
    increments_BV[:, list(SYMBOLS.never_drawn)] = -INF
    return increments_BV.softmax(-1)


@pytest.mark.parametrize("metric", TOKEN_METRICS)
@settings(max_examples=40)
@given(parts=parts, prefix=prefixes, logits_V=logits, temperature=st.sampled_from([0.02, 0.5, 1.0, 10.0]))
def test_inside_the_simplex_it_is_the_mixture_of_its_components(metric, parts, prefix, logits_V, temperature):
    truth, noise, task, model = (part / sum(parts) for part in parts)
    reward = MixtureReward(
        Reward(truth=truth, noise=noise, task=task, model=model, metric=metric, temperature=temperature), UNIGRAM_V
    )
    log_p_BV = model_of(logits_V)
    found_BV = reward.increments(after(reward, prefix), log_p_BV).exp()
    expected_BV = (
        truth * truth_BV(len(prefix))
        + noise * UNIGRAM_V
        + task * task_BV(metric, prefix, temperature)
        + model * log_p_BV.exp()
    )
    torch.testing.assert_close(found_BV, expected_BV, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found_BV.sum(-1), torch.ones(len(REFERENCES)), rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("step", range(6))
def test_with_truth_alone_all_other_tokens_are_forbidden_and_eos_follows_the_end(step):
    reward = MixtureReward(Reward(truth=1.0), UNIGRAM_V)
    found_BV = reward.increments(after(reward, [D] * step))
    assert torch.equal(found_BV, torch.where(truth_BV(step) > 0, 0.0, -INF))


@pytest.mark.parametrize("step", [0, 2, 5])
def test_with_noise_alone_it_is_the_unigram_distribution(step):
    reward = MixtureReward(Reward(noise=1.0), UNIGRAM_V)
    found_BV = reward.increments(after(reward, [A] * step))
    torch.testing.assert_close(found_BV.exp(), UNIGRAM_V.repeat(len(REFERENCES), 1))


def test_with_model_alone_it_is_the_model():
    reward = MixtureReward(Reward(model=1.0), UNIGRAM_V)
    log_p_BV = model_of([float(v) for v in range(NUM_TOKENS)])
    assert torch.equal(reward.increments(after(reward, []), log_p_BV), log_p_BV)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("metric", TOKEN_METRICS)
def test_with_task_alone_it_is_the_metric_over_its_temperature(metric, temperature):
    reward = MixtureReward(Reward(task=1.0, metric=metric, temperature=temperature), UNIGRAM_V)
    own = metric_reward(metric)
    found_BV = reward.increments(after(reward, [A, B]))
    expected_BV = own.increments(after(own, [A, B])) / temperature
    drawn = [v for v in range(NUM_TOKENS) if v not in SYMBOLS.never_drawn]
    torch.testing.assert_close(found_BV[:, drawn], expected_BV[:, drawn])
    assert (found_BV[:, list(SYMBOLS.never_drawn)] == -INF).all()


@pytest.mark.parametrize(
    "weights", [{"noise": 0.5, "task": 0.5}, {"noise": 1.0}, {"task": 0.5, "model": 0.5}, {"task": 1.0}]
)
def test_without_truth_no_special_token_but_eos_is_drawn(weights):
    reward = MixtureReward(Reward(**weights), UNIGRAM_V)
    found_BV = reward.increments(after(reward, []), model_of([0.0] * NUM_TOKENS))
    assert (found_BV[:, [PAD, BOS, UNK]] == -INF).all()


def test_an_unknown_word_is_drawn_only_where_it_is_the_truth():
    reward = MixtureReward(Reward(truth=0.75, noise=0.25), UNIGRAM_V)
    found_BV = reward.increments(after(reward, [])).exp()
    assert found_BV[:, UNK].tolist() == pytest.approx([0.0, 0.75, 0.0])


@pytest.mark.parametrize(
    ("weights", "reads"), [({"truth": 1.0}, False), ({"task": 1.0}, False), ({"truth": 0.5, "model": 0.5}, True)]
)
def test_the_model_is_read_only_with_a_model_weight(weights, reads):
    assert MixtureReward(Reward(**weights), UNIGRAM_V).reads_model is reads


@pytest.mark.parametrize("temperature", [1e-4, 1e-2, 1.0, 1e4])
@pytest.mark.parametrize("metric", TOKEN_METRICS)
@pytest.mark.parametrize(
    "weights",
    [
        {"task": 1.0},
        {"truth": 0.5, "task": 0.5},
        {"noise": 0.5, "task": 0.5},
        {"truth": 0.25, "noise": 0.25, "task": 0.25, "model": 0.25},
    ],
)
def test_it_is_never_nan_at_any_temperature(weights, metric, temperature):
    reward = MixtureReward(Reward(**weights, metric=metric, temperature=temperature), UNIGRAM_V)
    for prefix in ([], [A], [D] * 5):
        found_BV = reward.increments(after(reward, prefix), model_of([0.0] * NUM_TOKENS))
        q_BV = found_BV.double().softmax(-1)
        assert not q_BV.isnan().any()
        if reward.reward.task < 1.0:
            torch.testing.assert_close(found_BV.exp().sum(-1), torch.ones(len(REFERENCES)), rtol=0.0, atol=2e-3)


def test_a_model_of_half_precision_is_mixed_in_single_precision():
    reward = MixtureReward(Reward(truth=0.5, model=0.5), UNIGRAM_V)
    log_p_BV = model_of([0.0] * NUM_TOKENS)
    found_BV = reward.increments(after(reward, []), log_p_BV.bfloat16())
    assert found_BV.dtype == torch.float32
    torch.testing.assert_close(found_BV.exp(), 0.5 * truth_BV(0) + 0.5 * log_p_BV.exp(), rtol=1e-2, atol=1e-3)


def test_the_blank_replaces_a_share_of_the_truth():
    reward = MixtureReward(Reward(truth=0.75, noise=0.25, noise_kind="blank"), UNIGRAM_V)
    found_BV = reward.increments(after(reward, [])).exp()
    assert found_BV[0].tolist() == pytest.approx([0.25 if v == UNK else 0.75 if v == A else 0.0 for v in range(8)])
    assert found_BV[1].tolist() == pytest.approx([1.0 if v == UNK else 0.0 for v in range(8)])


@pytest.mark.parametrize("step", range(5))
def test_the_truth_is_the_reference_then_eos(step):
    reward = MixtureReward(Reward(truth=0.5, noise=0.5), UNIGRAM_V)
    expected = [[*words, *[EOS] * 9][step] for words in REFERENCES]
    assert reward.truth_B(after(reward, [B] * step)).tolist() == expected


@pytest.mark.parametrize("metric", TOKEN_METRICS)
def test_the_candidates_of_the_task_do_not_depend_on_its_weight(metric):
    some = MixtureReward(Reward(truth=0.9, task=0.1, metric=metric, temperature=0.1), UNIGRAM_V)
    all_ = MixtureReward(Reward(task=1.0, metric=metric, temperature=0.1), UNIGRAM_V)
    found_BV = some.task_candidates(after(some, [B, A])).dense()
    assert torch.equal(found_BV, all_.increments(after(all_, [B, A])))


def test_with_padding_as_bos_no_other_token_is_forbidden():
    symbols = Symbols(pad=0, bos=0, eos=2, unk=3)
    reference = dataclasses.replace(reference_of(*REFERENCES), symbols=symbols)
    reward = MixtureReward(Reward(truth=0.5, task=0.5), UNIGRAM_V)
    found_BV = reward.increments(reward.begin(reference))
    assert found_BV.exp().sum(-1).tolist() == pytest.approx([1.0] * len(REFERENCES), abs=1e-5)
