import dataclasses
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.erpo.conditional import DenseConditional, allowed_log_p, general_conditional
from erpo_explore.erpo.mixture import MetricSoftmax, MixtureConditional, OtherTokens, is_mixture
from erpo_explore.rewards import Increments, MixtureReward, Reference
from erpo_explore.space import Point, Reward
from erpo_explore.symbols import Symbols

from .frequencies import assert_drawn_from
from .tiny import seeded

SYMBOLS = Symbols()
PAD, EOS, UNK = SYMBOLS.pad, SYMBOLS.eos, SYMBOLS.unk
NEVER = list(SYMBOLS.never_drawn)
A, B, C, D = 4, 5, 6, 7
NUM_TOKENS = 11
UNIGRAM_V = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.3, 0.2, 0.15, 0.15, 0.1, 0.1, 0.0])
ROWS = torch.tensor([[A, B, EOS, PAD], [A, C, A, EOS], [UNK, D, EOS, PAD], [EOS, PAD, PAD, PAD]])
REFERENCE = Reference(tokens_BT=ROWS, keep_BT=ROWS != PAD, num_tokens=NUM_TOKENS, symbols=SYMBOLS)
LOGITS_RV = torch.randn(len(ROWS), NUM_TOKENS, generator=seeded(7)).mul_(1.5)
NUM_DRAWS = 4_000
PREFIXES = [(), (A,), (D, A), (B, B, C, A, D)]

VERTICES = [{name: 1.0} for name in ("truth", "noise", "task", "model")]
EDGES = [{one: 0.6, other: 0.4} for one, other in itertools.combinations(("truth", "noise", "task", "model"), 2)]
INSIDE = [{"truth": 0.4, "noise": 0.1, "task": 0.3, "model": 0.2}]
METRICS = [
    ("bleu", 0.05),
    ("bleu", 1.0),
    ("rouge", 0.02),
    ("edit", 0.3),
    ("edit", 5.0),
    ("bleu_prefix", 0.5),
    ("constant", 1.0),
]
MIXTURES = [
    Reward(**weights, metric=metric, temperature=temperature)
    for weights in (*VERTICES, *EDGES, *INSIDE)
    for metric, temperature in (METRICS if "task" in weights else METRICS[:1])
] + [Reward(truth=0.6, noise=0.4, noise_kind=kind) for kind in ("uniform", "blank")]
SPARSE = [reward for reward in MIXTURES if reward.model == 0.0]


def nothing(row_n):
    raise AssertionError("the model has no weight and must not be projected")


@dataclasses.dataclass
class World:
    """One point after one prefix: the mixture under test, and the dense equation."""

    point: Point
    prefix: tuple[int, ...]
    copies: int = 1

    def __post_init__(self):
        row_N = torch.arange(len(ROWS)).repeat_interleave(self.copies)
        self.reference = REFERENCE.take(row_N)
        self.logits_NV = LOGITS_RV[row_N]
        self.reward = MixtureReward(self.point.reward, UNIGRAM_V)
        self.state = self.reward.begin(self.reference)
        for token in self.prefix:
            self.state = self.reward.advance(self.state, torch.full_like(row_N, token))
        self.projected = []

    def logits(self, row_n):
        row_n = torch.arange(len(self.logits_NV)) if row_n is None else row_n
        self.projected.append(row_n)
        return self.logits_NV[row_n]

    @property
    def fast(self) -> MixtureConditional:
        metric = None
        if self.point.reward.task > 0.0:
            increments = self.reward.task_candidates(self.state)
            metric = MetricSoftmax.of(increments, OtherTokens.of(increments), self.point.tau)
        return MixtureConditional(
            weights=self.point.reward.weights,
            truth_N=self.reward.truth_B(self.state),
            noise_V=self.reward.noise_V(self.reference),
            drawable_V=self.reference.drawable_V,
            metric=metric,
            logits=self.logits if self.point.reward.model > 0.0 else nothing,
            symbols=SYMBOLS,
        )

    @property
    def log_p_NV(self):
        return allowed_log_p(self.logits_NV, SYMBOLS)

    @property
    def general(self) -> DenseConditional:
        """The sum of all components over the vocabulary, by the reward's equation."""
        increments_NV = self.reward.increments(self.state, self.log_p_NV)
        return general_conditional(self.point, increments_NV, self.log_p_NV)


def world_of(reward, prefix=(), *, beta=1.0, copies=1):
    label = "truth" if reward.noise_kind == "blank" else "sampled"
    return World(Point(reward=reward, alpha=0.0, beta=beta, label=label), prefix, copies)


def spread(labels):
    """[N, V]: sparse labels as dense probabilities."""
    return -labels.subtracted_from(torch.zeros(len(labels.token_XJ), NUM_TOKENS))


class TestWhichPoints:
    @pytest.mark.parametrize(
        ("weights", "alpha", "beta", "expected"),
        [
            ({"truth": 0.5, "model": 0.5}, 0.0, 1.0, True),
            ({"truth": 0.5, "model": 0.5}, 0.0, 0.9, False),
            ({"truth": 0.5, "model": 0.5}, 0.5, 0.5, False),
            ({"task": 1.0}, 0.0, 0.1, True),
            ({"task": 1.0}, 0.0, 1.0, True),
            ({"task": 1.0}, 1.0, 0.0, False),
            ({"task": 0.5, "truth": 0.5}, 0.0, 0.1, False),
        ],
    )
    def test_a_mixture_needs_alpha_0_and_tau_1_except_with_task_alone(self, weights, alpha, beta, expected):
        assert is_mixture(Point(reward=Reward(**weights), alpha=alpha, beta=beta)) is expected


class TestOtherTokens:
    @given(st.data(), st.integers(1, 9), st.integers(1, 30))
    def test_they_are_all_tokens_without_a_slot_in_increasing_order(self, data, V, J):
        tokens = data.draw(st.lists(st.integers(0, V - 1), min_size=J, max_size=J))
        wanted = data.draw(st.lists(st.booleans(), min_size=J, max_size=J))
        keep = [want and token not in tokens[:j] for j, (token, want) in enumerate(zip(tokens, wanted, strict=True))]
        others = OtherTokens.of(
            Increments(
                other_B=torch.zeros(1),
                token_BJ=torch.tensor([tokens]),
                keep_BJ=torch.tensor([keep]),
                value_BJ=torch.zeros(1, J),
                num_tokens=V,
            )
        )
        taken = {token for token, kept in zip(tokens, keep, strict=True) if kept}
        expected = [token for token in range(V) if token not in taken]
        assert others.number_N.tolist() == [len(expected)]
        many = others.take(torch.zeros(len(expected), dtype=torch.long))
        assert many.token(torch.arange(len(expected))).tolist() == expected


class TestDistribution:
    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("reward", SPARSE, ids=str)
    def test_soft_labels_equal_the_dense_equation(self, reward, prefix):
        world = world_of(reward, prefix)
        q_NV = spread(world.fast.soft())
        torch.testing.assert_close(q_NV, world.general.soft().q_XV, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(q_NV.sum(1), torch.ones(len(ROWS)))

    @pytest.mark.parametrize("beta", [0.05, 0.7, 30.0])
    @pytest.mark.parametrize(("metric", "temperature"), METRICS)
    def test_with_task_alone_soft_labels_equal_the_dense_equation_at_every_temperature(self, metric, temperature, beta):
        world = world_of(Reward(task=1.0, metric=metric, temperature=temperature), (A,), beta=beta)
        torch.testing.assert_close(spread(world.fast.soft()), world.general.soft().q_XV, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("reward", MIXTURES, ids=str)
    def test_its_normaliser_equals_the_dense_equation(self, reward, prefix):
        world = world_of(reward, prefix)
        torch.testing.assert_close(world.fast.log_z_N, world.general.log_z_N, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("beta", [0.05, 0.7, 30.0])
    def test_with_task_alone_its_normaliser_depends_on_the_temperature(self, beta):
        world = world_of(Reward(task=1.0, metric="edit"), (A, A), beta=beta)
        torch.testing.assert_close(world.fast.log_z_N, world.general.log_z_N, rtol=1e-4, atol=1e-5)
        assert world.fast.log_z_N.abs().max() > 0.1

    def test_with_a_model_weight_there_are_no_sparse_labels(self):
        with pytest.raises(ValueError, match="a mixture with the model in it has no sparse labels"):
            world_of(Reward(truth=0.5, model=0.5)).fast.soft()


class TestDraws:
    @pytest.mark.parametrize("prefix", [(), (D, A)])
    @pytest.mark.parametrize("reward", MIXTURES, ids=str)
    def test_draws_have_the_probabilities_of_the_dense_equation(self, reward, prefix):
        world = world_of(reward, prefix, copies=NUM_DRAWS)
        token_N, _ = world.fast.draw(seeded(1))
        q_RV = world_of(reward, prefix).general.soft().q_XV
        for row, drawn_n in enumerate(token_N.view(-1, NUM_DRAWS)):
            assert_drawn_from(drawn_n.bincount(minlength=NUM_TOKENS), q_RV[row])

    @pytest.mark.parametrize("beta", [0.1, 3.0])
    @pytest.mark.parametrize("metric", ["bleu", "rouge", "edit"])
    def test_with_task_alone_draws_have_them_at_other_temperatures(self, metric, beta):
        reward = Reward(task=1.0, metric=metric)
        token_N, _ = world_of(reward, (A,), beta=beta, copies=NUM_DRAWS).fast.draw(seeded(2))
        q_RV = world_of(reward, (A,), beta=beta).general.soft().q_XV
        for row, drawn_n in enumerate(token_N.view(-1, NUM_DRAWS)):
            assert_drawn_from(drawn_n.bincount(minlength=NUM_TOKENS), q_RV[row])

    @pytest.mark.parametrize("reward", MIXTURES, ids=str)
    def test_the_returned_q_leaves_out_the_models_share(self, reward):
        world = world_of(reward, (A,), copies=20)
        token_N, q_N = world.fast.draw(seeded(3))
        model_N = reward.model * world.log_p_NV.exp().gather(1, token_N[:, None])[:, 0]
        full_N = world.general.soft().q_XV.gather(1, token_N[:, None])[:, 0]
        torch.testing.assert_close(q_N + model_N, full_N, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("reward", [reward for reward in MIXTURES if reward.noise_kind != "blank"], ids=str)
    def test_a_special_token_other_than_eos_is_drawn_only_as_the_truth(self, reward):
        world = world_of(reward, copies=500)
        token_N, _ = world.fast.draw(seeded(4))
        special_N = torch.isin(token_N, torch.tensor(NEVER))
        assert torch.equal(special_N, special_N & (token_N == UNK) & (world.fast.truth_N == UNK))
        assert bool(special_N.any()) is (reward.truth > 0.0)

    @pytest.mark.parametrize("metric", ["bleu", "rouge", "edit"])
    def test_other_tokens_are_drawn_uniformly(self, metric):
        world = world_of(Reward(task=1.0, metric=metric), copies=NUM_DRAWS)
        softmax = world.fast.metric
        slots = softmax.log_q.keep_BJ & (softmax.log_q.token_BJ >= 0)
        drawn_N = softmax.others.token((torch.rand(len(slots), generator=seeded(5)) * softmax.others.number_N).long())
        assert not (slots & (softmax.log_q.token_BJ == drawn_N[:, None])).any()
        for row, drawn_n in enumerate(drawn_N.view(-1, NUM_DRAWS)):
            words = [v for v in range(4, NUM_TOKENS) if v not in ROWS[row].tolist()]
            uniform_V = torch.zeros(NUM_TOKENS).index_fill(0, torch.tensor(words), 1.0 / len(words))
            assert_drawn_from(drawn_n.bincount(minlength=NUM_TOKENS), uniform_V)

    @pytest.mark.parametrize("metric", ["bleu", "rouge", "edit"])
    def test_a_reference_longer_than_the_vocabulary_works(self, metric):
        tokens_BT = torch.tensor([[A, B] * 20 + [EOS]])
        reference = Reference(
            tokens_BT=tokens_BT, keep_BT=tokens_BT != PAD, num_tokens=NUM_TOKENS, symbols=SYMBOLS
        ).take(torch.zeros(NUM_DRAWS, dtype=torch.long))
        reward = MixtureReward(Reward(task=1.0, metric=metric), UNIGRAM_V)
        increments = reward.task_candidates(reward.begin(reference))
        drawn_N = MetricSoftmax.of(increments, OtherTokens.of(increments), 1.0).draw(seeded(6))
        assert_drawn_from(drawn_N.bincount(minlength=NUM_TOKENS), increments.dense()[0].softmax(-1))


class TestTheModel:
    def test_it_is_projected_only_for_rows_of_its_component(self):
        world = world_of(Reward(truth=0.7, model=0.3), copies=1000)
        token_N, _ = world.fast.draw(seeded(1))
        (row_n,) = world.projected
        other_N = torch.ones_like(token_N, dtype=torch.bool).index_fill(0, row_n, False)
        assert torch.equal(token_N[other_N], world.fast.truth_N[other_N])
        assert_drawn_from(torch.tensor([len(row_n), 4000 - len(row_n)]), torch.tensor([0.3, 0.7]))

    def test_alone_it_is_projected_for_every_row(self):
        world = world_of(Reward(model=1.0), copies=10)
        world.fast.draw(seeded(1))
        assert [rows.tolist() for rows in world.projected] == [list(range(40))]

    def test_without_a_row_of_its_component_it_is_not_projected(self):
        world = world_of(Reward(truth=0.999999, model=0.000001), copies=2)
        world.fast.draw(seeded(1))
        assert world.projected == []
