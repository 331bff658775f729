"""The divergence of a model from the weights that it began with."""

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from .tiny import PATHS, SEED, fresh_model, run_of, same, toy, weights


@pytest.fixture(scope="module")
def initial():
    """Weights of another run, after an interval."""
    run = run_of(PATHS["mle"], seed=SEED + 1)
    run.advance()
    return {"model": weights(run)}


def token_by_token(state, start, task):
    """KL(p ‖ p_start), mean over the reference tokens: one source and one prefix at a time, by torch.distributions."""
    models = [fresh_model(task, torch.Generator()).eval() for _ in range(2)]
    for model, these in zip(models, (state, start), strict=True):
        model.load_state_dict(these)
    terms = []
    for source, target in zip(task.validation.source_ids, task.validation.target_ids, strict=True):
        source_1S = torch.tensor([[*source, task.symbols.eos]])
        memories = [model.encode(source_1S, torch.ones_like(source_1S, dtype=torch.bool)) for model in models]
        decoders = [model.begin(memory) for model, memory in zip(models, memories, strict=True)]
        for token in [task.symbols.bos, *target]:
            distributions = []
            for place, (model, memory) in enumerate(zip(models, memories, strict=True)):
                logits_1V, decoders[place] = model.step(memory, decoders[place], torch.tensor([token]))
                distributions.append(Categorical(logits=logits_1V.double()))
            terms.append(kl_divergence(*distributions))
    return float(torch.cat(terms).mean())


@pytest.mark.parametrize("name", PATHS)
def test_it_is_the_mean_over_the_reference_tokens(initial, name):
    run = run_of(PATHS[name])
    run.branch_from(initial)
    observation = run.advance()
    if name not in ("plateau", "anchored"):  # restored weights, and another model to compare with
        with torch.no_grad():
            expected = token_by_token(weights(run), initial["model"], toy())
        assert observation.kl_nats == pytest.approx(expected, rel=1e-3)
    assert observation.kl_nats > 0.0


def test_weights_that_do_not_change_stay_at_0(initial):
    run = run_of(PATHS["mle"])
    run.branch_from(initial)
    run.take_weights(initial)
    assert run._kl_nats(PATHS["mle"].end) == pytest.approx(0.0, abs=1e-7)


def test_random_initial_weights_are_no_start_to_compare_with():
    assert run_of(PATHS["mle"]).advance().kl_nats is None


def test_measuring_it_changes_no_other_number(initial):
    compared, plain = run_of(PATHS["mixture"]), run_of(PATHS["mixture"])
    compared.branch_from(initial)
    plain.take_weights(initial)
    for _ in range(2):
        one, other = compared.advance().to_row(), plain.advance().to_row()
        for name in ("kl_nats", "elapsed_s", "tokens_per_s"):
            del one[name], other[name]
        assert same(one, other)
    assert same(compared.state()["model"], plain.state()["model"])


def test_a_later_checkpoint_is_still_compared_with_the_initial_weights(initial):
    run, other = run_of(PATHS["mle"]), run_of(PATHS["mle"])
    for each in (run, other):
        each.branch_from(initial)
    run.advance()
    other.load_state(run.state())
    assert other.advance().kl_nats == run.advance().kl_nats
