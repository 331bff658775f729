import dataclasses
import math

import pytest
import torch

from erpo_explore.erpo import enumerate_targets
from erpo_explore.erpo.conditional import allowed_log_p, general_conditional
from erpo_explore.erpo.draw import shifted
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.sampling import sample
from erpo_explore.seq2seq import greedy
from erpo_explore.space import Estimator, Point, Reward
from erpo_explore.space.point import PREFIXES

from .frequencies import assert_drawn_from
from .tiny import (
    BOS,
    EOS,
    NUM_TOKENS,
    PAD,
    POINTS,
    POLICY_GRADIENT,
    SYMBOLS,
    UNK,
    A,
    B,
    C,
    counts_of,
    reward_of,
    seeded,
    targets_of,
    tiny_model,
)
from .worlds import memory_of, padded

MODEL = tiny_model()
ROWS = ((A, B), (C,), (B, A, C, A), ())
MAX_TOKENS = 4
NUM_DRAWS = 2_000

TARGET_POLICY = Point(
    reward=Reward(task=1.0, metric="edit"), alpha=1.0, beta=0.0, estimator=Estimator(kind="target_policy", samples=2)
)
MORE = {
    "truth_and_model": Point(reward=Reward(truth=0.5, model=0.5)),
    "own_words": Point(reward=Reward(model=1.0)),
    "task_and_noise": Point(reward=Reward(noise=0.4, task=0.6, metric="rouge", temperature=0.05)),
    "warm_mixture": Point(reward=Reward(truth=0.5, task=0.3, model=0.2, metric="edit"), beta=2.0),
    "raml_rouge": Point(reward=Reward(task=1.0, metric="rouge"), beta=0.1),
    "raml_bleu_prefix": Point(reward=Reward(task=1.0, metric="bleu_prefix"), beta=0.4),
    "constant": Point(reward=Reward(task=1.0, metric="constant"), alpha=0.5, beta=0.5),
    "halfway_edit": Point(reward=Reward(task=1.0, metric="edit"), alpha=0.3, beta=0.6),
}
EVERY = POINTS | MORE
OWN = {"policy_gradient": POLICY_GRADIENT, "target_policy": TARGET_POLICY}


def draw(point, *, copies=1, rows=ROWS, max_tokens=MAX_TOKENS, seed=1, model=MODEL, **settings):
    reference = padded(*rows).take(torch.arange(len(rows)).repeat_interleave(copies))
    proposal = Proposal(point=point, reward=reward_of(point), model=model, **settings)
    memory = memory_of(model, [copies] * len(rows))
    return sample(proposal, memory, reference, max_tokens=max_tokens, generator=seeded(seed))


def alone(row):
    """Reference and source of one row, without its neighbours' padding."""
    return padded(ROWS[row]), memory_of(MODEL, [1] * 4).take(torch.tensor([row]))


def of_row(found, row, copies):
    """The labels of one row's copies."""
    return targets_of(found, MAX_TOKENS)[row * copies : (row + 1) * copies]


def exact_of(point, row, max_tokens=MAX_TOKENS):
    reference, memory = alone(row)
    return enumerate_targets(point, reward_of(point), MODEL, memory, reference, max_tokens)


def along(point, row, tokens):
    """(q̃ over the vocabulary, log p of the model, r, log Z) after each prefix of a target, by the equation."""
    reference, memory = alone(row)
    reward = reward_of(point)
    state = reward.begin(reference)
    inputs_1T = torch.tensor([[BOS, *tokens[:-1]]])
    with torch.no_grad():
        log_p_TV = allowed_log_p(MODEL.decode(memory, inputs_1T)[0], SYMBOLS)
    for t, token in enumerate(tokens):
        r_1V = reward.increments(state, log_p_TV[t : t + 1])
        conditional = general_conditional(point, r_1V.clone(), log_p_TV[t : t + 1])
        yield conditional.soft().q_XV[0], log_p_TV[t], r_1V[0], float(conditional.log_z_N)
        state = reward.advance(state, torch.tensor([token]))


def kept(found, row):
    return found.labels_RT[row][found.keep_RT[row]].tolist()


def forbidden(*_):
    raise AssertionError("this must not be called")


class TestFrequencies:
    @pytest.mark.parametrize("name", EVERY)
    def test_each_row_has_its_exact_distribution_in_any_batch(self, name):
        found = draw(EVERY[name], copies=NUM_DRAWS)
        for row in range(len(ROWS)):
            exact = exact_of(EVERY[name], row)
            counts_N = counts_of(of_row(found, row, NUM_DRAWS), exact.tokens_NL)
            assert_drawn_from(counts_N, exact.log_q_token_N.exp())

    @pytest.mark.parametrize("name", OWN)
    def test_draws_from_the_model_have_its_probability(self, name):
        found = draw(OWN[name], copies=NUM_DRAWS, from_model=name == "target_policy")
        for row in range(len(ROWS)):
            exact = exact_of(POINTS["raml_bleu"], row)
            assert_drawn_from(counts_of(of_row(found, row, NUM_DRAWS), exact.tokens_NL), exact.log_p_N.exp())

    @pytest.mark.parametrize("name", ["raml_edit", "noising", "truth_and_model", "halfway_rouge"])
    def test_prefixes_from_the_model_have_its_probability(self, name):
        # one token more, since the prefix shows only in the inputs
        found = draw(dataclasses.replace(EVERY[name], prefix="model"), copies=NUM_DRAWS, max_tokens=MAX_TOKENS + 1)
        read_RL = torch.nn.functional.pad(found.inputs_RT[:, 1:], (0, 1))[:, :MAX_TOKENS]
        alive_RL = torch.nn.functional.pad((read_RL != EOS).cumprod(1), (1, 0), value=1)[:, :MAX_TOKENS].bool()
        read_RL = read_RL.masked_fill(~alive_RL, PAD)
        for row in range(len(ROWS)):
            exact = exact_of(POINTS["raml_bleu"], row)
            counts_N = counts_of(read_RL[row * NUM_DRAWS : (row + 1) * NUM_DRAWS], exact.tokens_NL)
            assert_drawn_from(counts_N, exact.log_p_N.exp())

    @pytest.mark.parametrize("t", [0, 1])
    @pytest.mark.parametrize("prefix", ["truth", "model"])
    @pytest.mark.parametrize("name", ["raml_edit", "halfway_rouge", "noising", "interpolation", "truth_and_model"])
    def test_labels_are_drawn_from_q_after_their_inputs(self, name, prefix, t):
        point = dataclasses.replace(EVERY[name], prefix=prefix)
        found = draw(point, copies=NUM_DRAWS)
        read = found.inputs_RT[:NUM_DRAWS, 1] if t else torch.full((NUM_DRAWS,), A)
        at_R = (read == A) & found.keep_RT[:NUM_DRAWS, t]
        *_, (q_V, _, _, _) = along(EVERY[name], 0, [A, B][: t + 1])
        assert_drawn_from(found.labels_RT[:NUM_DRAWS][at_R, t].bincount(minlength=NUM_TOKENS), q_V)


class TestTargets:
    @pytest.fixture(params=EVERY | OWN)
    def found(self, request):
        from_model = request.param == "target_policy"
        return draw((EVERY | OWN)[request.param], copies=100, max_tokens=3, from_model=from_model)

    def test_a_label_is_the_next_input(self, found):
        behind_RT = found.keep_RT[:, 1:]
        assert torch.equal(found.inputs_RT[:, 1:][behind_RT], found.labels_RT[:, :-1][behind_RT])
        assert (found.inputs_RT[:, 0] == BOS).all()

    def test_a_target_ends_with_eos_or_is_cut(self, found):
        rows = zip(found.labels_RT.tolist(), found.keep_RT.tolist(), found.finished_R.tolist(), strict=True)
        for labels, keep, finished in rows:
            length = sum(keep)
            assert keep == [position < length for position in range(len(keep))]
            assert EOS not in labels[: length - 1]
            assert finished is (labels[length - 1] == EOS)
            assert finished or length == 3
            assert labels[length:] == [PAD] * (len(labels) - length)

    def test_no_special_token_but_eos_is_drawn(self, found):
        assert not torch.isin(found.labels_RT[found.keep_RT], torch.tensor(SYMBOLS.never_drawn)).any()

    def test_an_unknown_word_is_drawn_only_as_the_truth(self):
        found = draw(Point(reward=Reward(truth=0.9, model=0.1)), copies=200, rows=((A, UNK), (UNK,)))
        assert UNK not in found.labels_RT[:200, 0].tolist()
        assert UNK in found.labels_RT[:200, 1].tolist()
        assert UNK in found.labels_RT[200:, 0].tolist()

    @pytest.mark.parametrize("max_tokens", [1, 2, 7])
    def test_no_target_exceeds_the_maximum_length(self, max_tokens):
        found = draw(POINTS["noise"], copies=5, max_tokens=max_tokens)
        assert found.labels_RT.shape == (20, max_tokens)
        assert not found.finished_R.any()


class TestWhatIsTold:
    @pytest.mark.parametrize("name", EVERY)
    def test_q_is_that_of_the_drawn_token_without_the_models_share(self, name):
        point = EVERY[name]
        found = draw(point, copies=2)
        shares = {"interpolation": 0.3, "truth_and_model": 0.5, "own_words": 1.0}
        assert found.model_share == shares.get(name, 0.0)
        for row in range(len(found.labels_RT)):
            tokens = kept(found, row)
            for t, (q_V, log_p_V, _, _) in enumerate(along(point, row // 2, tokens)):
                expected = q_V[tokens[t]] - found.model_share * log_p_V[tokens[t]].exp()
                assert float(found.q_RT[row, t]) == pytest.approx(float(expected), abs=1e-5)

    @pytest.mark.parametrize("name", OWN)
    def test_for_draws_from_the_model_it_is_the_models(self, name):
        found = draw(OWN[name], copies=2, from_model=name == "target_policy")
        assert found.model_share == 0.0
        for row in range(len(found.labels_RT)):
            tokens = kept(found, row)
            for t, (_, log_p_V, _, _) in enumerate(along(POINTS["raml_bleu"], row // 2, tokens)):
                assert float(found.q_RT[row, t]) == pytest.approx(float(log_p_V[tokens[t]].exp()), abs=1e-5)

    @pytest.mark.parametrize("name", EVERY)
    def test_log_z_is_the_sum_along_the_target(self, name):
        found = draw(EVERY[name], copies=2, with_z=True)
        for row in range(len(found.labels_RT)):
            expected = sum(log_z for *_, log_z in along(EVERY[name], row // 2, kept(found, row)))
            assert float(found.log_z_R[row]) == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize("name", [name for name, point in EVERY.items() if point.reward.task == 1.0])
    def test_the_reward_is_the_targets(self, name):
        found = draw(EVERY[name], copies=2)
        for row in range(len(found.labels_RT)):
            tokens = kept(found, row)
            values = [float(r_V[tokens[t]]) for t, (_, _, r_V, _) in enumerate(along(EVERY[name], row // 2, tokens))]
            assert float(found.reward_R[row]) == pytest.approx(sum(values), abs=1e-4)

    @pytest.mark.parametrize("name", [name for name, point in EVERY.items() if point.reward.task < 1.0])
    def test_a_mixture_records_no_reward(self, name):
        assert draw(EVERY[name]).reward_R is None

    @pytest.mark.parametrize("name", ["raml_bleu", "halfway_rouge", "interpolation"])
    def test_z_is_recorded_only_on_request(self, name):
        assert draw(EVERY[name]).log_z_R is None


class TestExpectedLabels:
    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("name", EVERY)
    def test_they_are_q_after_each_input_prefix(self, name, prefix):
        point = dataclasses.replace(EVERY[name], prefix=prefix, label="expected")
        found = draw(point, max_tokens=5 if prefix == "truth" else MAX_TOKENS)
        labels = found.soft_labels.kept(found.kept_N)
        q_NV = iter(-labels.subtracted_from(torch.zeros(int(found.keep_RT.sum()), NUM_TOKENS)))
        for row, (inputs, keep) in enumerate(zip(found.inputs_RT.tolist(), found.keep_RT.tolist(), strict=True)):
            read = [*inputs[1 : sum(keep)], EOS]
            for expected_V, *_ in along(EVERY[name], row, read):
                torch.testing.assert_close(next(q_NV), expected_V, rtol=1e-4, atol=1e-5)

    def test_the_prefix_is_that_of_sampled_labels(self):
        point = POINTS["spg_bleu"]
        found, sampled = draw(dataclasses.replace(point, label="expected"), copies=20), draw(point, copies=20)
        assert torch.equal(found.inputs_RT, sampled.inputs_RT)
        assert sampled.soft_labels is None

    @pytest.mark.parametrize("name", ["raml_edit", "spg_bleu", "interpolation"])
    def test_they_have_no_gradient(self, name):
        found = draw(dataclasses.replace(POINTS[name], label="expected"), with_z=True)
        tensors = [getattr(found.soft_labels, field.name) for field in dataclasses.fields(found.soft_labels)]
        assert not any(tensor.requires_grad for tensor in (*tensors, found.log_z_R, found.q_RT))


class TestAlongTheTruth:
    @pytest.mark.parametrize("name", EVERY)
    def test_inputs_and_kept_positions_are_the_references(self, name):
        found = draw(dataclasses.replace(EVERY[name], prefix="truth"), copies=2, max_tokens=5)
        reference = padded(*ROWS).take(torch.arange(4).repeat_interleave(2))
        assert torch.equal(found.keep_RT, reference.keep_BT)
        inputs_RT = shifted(reference.tokens_BT, SYMBOLS)
        assert torch.equal(found.inputs_RT[found.keep_RT], inputs_RT[found.keep_RT])
        assert found.finished_R.all()

    def test_no_reward_is_recorded(self):
        found = draw(dataclasses.replace(POINTS["raml_edit"], prefix="truth"), rows=((A, UNK),))
        assert found.reward_R is None


class TestForced:
    WORDS = (A, B, C, UNK)

    def forced(self, share, point=POINTS["raml_edit"], **settings):
        return draw(
            dataclasses.replace(point, forced=share), rows=(self.WORDS, (C,)), max_tokens=8, copies=300, **settings
        )

    @pytest.mark.parametrize(
        "point", [POINTS["raml_edit"], POINTS["spg_bleu"], POLICY_GRADIENT, POINTS["interpolation"]]
    )
    @pytest.mark.parametrize(
        ("share", "numbers"), [(0.1, (1, 1)), (0.4, (2, 1)), (0.5, (3, 1)), (0.9, (5, 2)), (1.0, (5, 2))]
    )
    def test_a_target_begins_with_the_forced_share_of_the_reference(self, share, numbers, point):
        found = self.forced(share, point)
        for row, (words, number) in enumerate(zip((self.WORDS, (C,)), numbers, strict=True)):
            of_row = slice(300 * row, 300 * (row + 1))
            assert (found.forced_RT[of_row].sum(1) == number).all()
            assert found.forced_RT[of_row, :number].all()
            assert (found.labels_RT[of_row, :number] == torch.tensor([*words, EOS])[:number]).all()
        assert (found.forced_RT <= found.keep_RT).all()

    def test_forcing_all_gives_the_reference(self):
        found = self.forced(1.0)
        assert torch.equal(
            found.labels_RT, padded(self.WORDS, (C,)).take(torch.arange(2).repeat_interleave(300)).tokens_BT
        )

    def test_forcing_a_share_of_0_changes_nothing(self):
        assert self.forced(0.0).forced_RT is None

    def test_after_the_forced_tokens_labels_are_drawn_from_q(self):
        point = MORE["halfway_edit"]
        found = draw(dataclasses.replace(point, forced=0.3), copies=NUM_DRAWS)
        *_, (q_V, _, _, _) = along(point, 0, [A, B])
        assert_drawn_from(found.labels_RT[:NUM_DRAWS, 1].bincount(minlength=NUM_TOKENS), q_V)

    def test_a_forced_unknown_word_has_the_increment_of_any_other_word(self):
        point = POINTS["raml_edit"]
        found = self.forced(0.8)
        reference = padded(self.WORDS, (C,)).take(torch.arange(2).repeat_interleave(300))
        expected_R = reward_of(point).score(reference, found.labels_RT, found.keep_RT)
        assert found.reward_R.isfinite().all()
        torch.testing.assert_close(found.reward_R, expected_R)


class TestGreedy:
    @pytest.mark.parametrize("max_tokens", [1, 3, 9])
    @pytest.mark.parametrize("seed", range(4))
    def test_it_is_greedy_decoding(self, seed, max_tokens):
        model = tiny_model(seed)
        found = draw(POLICY_GRADIENT, model=model, greedy=True, max_tokens=max_tokens)
        expected_RT = greedy(model, memory_of(model, [1] * 4), SYMBOLS, max_tokens)
        assert torch.equal(found.labels_RT, expected_RT)
        assert torch.equal(found.keep_RT, expected_RT != PAD)
        assert found.q_RT is None

    def test_nothing_is_drawn(self):
        generator = seeded(1)
        before = generator.get_state()
        proposal = Proposal(point=POLICY_GRADIENT, reward=reward_of(POLICY_GRADIENT), model=MODEL, greedy=True)
        sample(proposal, memory_of(MODEL, [1] * 4), padded(*ROWS), max_tokens=5, generator=generator)
        assert torch.equal(generator.get_state(), before)

    def test_it_continues_after_the_forced_tokens(self):
        point = dataclasses.replace(POLICY_GRADIENT, forced=0.5)
        found = draw(point, greedy=True)
        tokens = kept(found, 2)
        assert tokens[:3] == [B, A, C]
        for t, (_, log_p_V, _, _) in enumerate(along(POINTS["raml_bleu"], 2, tokens)):
            assert t < 3 or tokens[t] == int(log_p_V.argmax())


class TestWhatIsSkipped:
    def row_counts(self, monkeypatch, point, **settings):
        """Number of rows of each call of the model's methods."""
        model, calls = tiny_model(), {"features": [], "advance": [], "project": []}
        for name in calls:
            whole = getattr(model, name)

            def counted(*args, name=name, whole=whole):
                calls[name].append(math.prod(args[-1].shape[:-1]) if name == "project" else len(args[-1]))
                return whole(*args)

            monkeypatch.setattr(model, name, counted)
        return draw(point, model=model, copies=250, **settings), calls

    @pytest.mark.parametrize("prefix", ["truth", "q"])
    @pytest.mark.parametrize("name", ["raml_bleu", "raml_edit", "noising", "noise", "task_and_noise"])
    def test_without_alpha_and_model_weight_the_model_is_not_evaluated(self, name, prefix, monkeypatch):
        model = tiny_model()
        for method in ("features", "advance", "begin", "project"):
            monkeypatch.setattr(model, method, forbidden)
        draw(dataclasses.replace(EVERY[name], prefix=prefix), model=model)

    @pytest.mark.parametrize("name", ["spg_bleu", "interpolation", "halfway_rouge"])
    def test_along_the_truth_the_model_is_evaluated_once(self, name, monkeypatch):
        _, calls = self.row_counts(monkeypatch, dataclasses.replace(EVERY[name], prefix="truth"), max_tokens=5)
        assert (calls["features"], calls["advance"]) == ([1000], [])

    @pytest.mark.parametrize("name", ["spg_bleu", "warm_mixture", "truth_and_model"])
    def test_finished_rows_are_not_evaluated(self, name, monkeypatch):
        found, calls = self.row_counts(monkeypatch, EVERY[name])
        assert calls["advance"] == found.keep_RT.sum(0).tolist()
        assert calls["advance"][-1] < 1000

    def test_in_a_mixture_only_rows_of_the_model_component_are_projected(self, monkeypatch):
        found, calls = self.row_counts(monkeypatch, MORE["truth_and_model"], max_tokens=9)
        num_labels = int(found.keep_RT.sum())
        speaks = sum(calls["project"])
        assert_drawn_from(torch.tensor([speaks, num_labels - speaks]), torch.tensor([0.5, 0.5]))

    @pytest.mark.parametrize("name", OWN)
    def test_for_draws_from_the_model_the_reward_is_not_evaluated(self, name, monkeypatch):
        point = OWN[name]
        reward = reward_of(point)
        for method in ("begin", "increments", "task_candidates", "advance", "score"):
            monkeypatch.setattr(reward, method, forbidden)
        proposal = Proposal(point=point, reward=reward, model=MODEL, from_model=name == "target_policy")
        sample(proposal, memory_of(MODEL, [1] * 4), padded(*ROWS), max_tokens=4, generator=seeded(1))


class TestRandomness:
    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("name", EVERY)
    def test_the_same_seed_gives_the_same_draws(self, name, prefix):
        point = dataclasses.replace(EVERY[name], prefix=prefix)
        one, other = (draw(point, copies=5, seed=5, max_tokens=5) for _ in range(2))
        for field in ("inputs_RT", "labels_RT", "q_RT"):
            assert torch.equal(getattr(one, field), getattr(other, field))

    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_another_seed_gives_other_draws(self, prefix):
        point = dataclasses.replace(POINTS["halfway_rouge"], prefix=prefix)
        one, other = (draw(point, copies=50, seed=seed, max_tokens=5).labels_RT for seed in (1, 2))
        assert one.shape != other.shape or not torch.equal(one, other)

    def test_the_global_generator_is_not_used(self):
        before = torch.random.get_rng_state()
        draw(POINTS["all_at_once"], copies=20)
        assert torch.equal(torch.random.get_rng_state(), before)
