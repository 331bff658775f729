import pytest
import torch

from erpo_explore.erpo.label_losses import _Losses, soft_label_losses
from erpo_explore.erpo.soft_labels import DenseLabels, SparseLabels, TokenLabels, stacked

from .tiny import seeded

V, J = 6, 4
KEEP_RT = torch.tensor([[True, True, False], [True, False, False]])


def sparse_labels(*shape, dtype=torch.float32, seed=1):
    """Distributions over two bases, one of them without a certain token, and with a token in several slots."""
    generator = seeded(seed)
    base_MV = torch.tensor([[0.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.5, 0.3, 0.2]], dtype=dtype)
    base_weight_XM = torch.rand(*shape, 2, generator=generator, dtype=dtype) * 0.1
    token_XJ = torch.randint(1, V, (*shape, J), generator=generator)
    weight_XJ = torch.rand(*shape, J, generator=generator, dtype=dtype) * 0.2
    # the last slot takes back a part of the first one
    token_XJ[..., -1] = token_XJ[..., 0]
    weight_XJ[..., -1] *= -1.0
    weight_XJ[..., 0] += 1.0 - weight_XJ.sum(-1) - (base_weight_XM @ base_MV).sum(-1)
    return SparseLabels(token_XJ=token_XJ, weight_XJ=weight_XJ, base_weight_XM=base_weight_XM, base_MV=base_MV)


def as_dense(labels):
    """The equation, term by term."""
    q_XV = torch.zeros(*labels.token_XJ.shape[:-1], V, dtype=labels.base_MV.dtype)
    for position in torch.cartesian_prod(*map(torch.arange, labels.token_XJ.shape[:-1])).reshape(-1, q_XV.dim() - 1):
        at = tuple(position.tolist())
        for m in range(len(labels.base_MV)):
            q_XV[at] += labels.base_weight_XM[(*at, m)] * labels.base_MV[m]
        for j in range(labels.token_XJ.shape[-1]):
            q_XV[(*at, int(labels.token_XJ[(*at, j)]))] += labels.weight_XJ[(*at, j)]
    return DenseLabels(q_XV=q_XV)


def some_values(N=5, dtype=torch.float32):
    return torch.randn(N, V, generator=seeded(2), dtype=dtype)


class TestSparseIsDense:
    labels = sparse_labels(5)

    def test_labels_with_shared_slots_are_distributions(self):
        assert as_dense(self.labels).q_XV.sum(-1).tolist() == pytest.approx([1.0] * 5)
        assert (as_dense(self.labels).q_XV >= 0.0).all()
        assert all(len(set(row)) < J for row in self.labels.token_XJ.tolist())

    def test_the_expectation_equals_the_dense_one(self):
        torch.testing.assert_close(
            self.labels.expectation(some_values()), as_dense(self.labels).expectation(some_values())
        )

    def test_the_difference_equals_the_dense_one(self):
        torch.testing.assert_close(
            self.labels.subtracted_from(some_values()), as_dense(self.labels).subtracted_from(some_values())
        )

    @pytest.mark.parametrize("form", [lambda labels: labels, as_dense])
    def test_the_difference_is_computed_in_place(self, form):
        values_NV = some_values()
        assert form(self.labels).subtracted_from(values_NV) is values_NV

    @pytest.mark.parametrize("keep_RT", [KEEP_RT, torch.ones_like(KEEP_RT), torch.zeros_like(KEEP_RT)])
    def test_kept_labels_equal_the_dense_ones(self, keep_RT):
        labels = sparse_labels(2, 3)
        kept_N = keep_RT.flatten().nonzero()[:, 0]
        kept = labels.kept(kept_N)
        assert torch.equal(as_dense(labels).kept(kept_N).q_XV, as_dense(labels).q_XV[keep_RT])
        assert torch.equal(as_dense(kept).q_XV, as_dense(labels).q_XV[keep_RT])


class TestDense:
    def test_infinite_values_where_q_is_0_do_not_count(self):
        labels = DenseLabels(q_XV=torch.tensor([[0.25, 0.75, 0.0]]))
        assert labels.expectation(torch.tensor([[4.0, 8.0, -torch.inf]])).tolist() == [7.0]


class TestOneToken:
    LABELS_RT = torch.tensor([[0, 5, 2], [2, 3, 1]])

    def certain(self, keep_RT):
        one_hot = torch.nn.functional.one_hot(self.LABELS_RT, V).float()
        kept_N = keep_RT.flatten().nonzero()[:, 0]
        return TokenLabels(token_X=self.LABELS_RT).kept(kept_N), DenseLabels(q_XV=one_hot).kept(kept_N)

    @pytest.mark.parametrize("keep_RT", [KEEP_RT, torch.ones_like(KEEP_RT)])
    def test_it_is_a_distribution_of_one_token(self, keep_RT):
        token, dense = self.certain(keep_RT)
        N = int(keep_RT.sum())
        assert torch.equal(token.expectation(some_values(N)), dense.expectation(some_values(N)))
        assert torch.equal(token.subtracted_from(some_values(N)), dense.subtracted_from(some_values(N)))

    def test_other_tokens_may_have_infinite_losses(self):
        values_NV = torch.tensor([[3.0, -torch.inf, -torch.inf]])
        assert TokenLabels(token_X=torch.tensor([0])).expectation(values_NV).tolist() == [3.0]


class TestStacked:
    # the second row ends after one step, the third before the second
    ROWS = (torch.tensor([0, 1, 2]), torch.tensor([0, 1]), torch.tensor([0]))

    @pytest.mark.parametrize("form", [lambda labels: labels, as_dense])
    def test_each_step_is_stored_at_its_row_and_zero_elsewhere(self, form):
        steps = [sparse_labels(len(row_N), seed=t) for t, row_N in enumerate(self.ROWS)]
        found = stacked([form(step) for step in steps], self.ROWS, 4)
        q_RTV = (found if isinstance(found, DenseLabels) else as_dense(found)).q_XV
        assert q_RTV.shape == (4, 3, V)
        for t, (step, row_N) in enumerate(zip(steps, self.ROWS, strict=True)):
            expected_RV = torch.zeros(4, V)
            expected_RV[row_N] = as_dense(step).q_XV
            torch.testing.assert_close(q_RTV[:, t], expected_RV)


class TestLosses:
    @pytest.mark.parametrize("form", [lambda labels: labels, as_dense])
    def test_loss_and_gradient_equal_autograds(self, form):
        labels = sparse_labels(5)
        ours_NV, theirs_NV = some_values().requires_grad_(), some_values().requires_grad_()
        count_N = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0])
        loss_N = soft_label_losses(ours_NV, form(labels))
        expected_N = -(as_dense(labels).q_XV * theirs_NV.log_softmax(-1)).sum(-1)
        torch.testing.assert_close(loss_N, expected_N)
        (found_NV,) = torch.autograd.grad((count_N * loss_N).sum(), ours_NV)
        torch.testing.assert_close(found_NV, torch.autograd.grad((count_N * expected_N).sum(), theirs_NV)[0])

    @pytest.mark.parametrize("form", [lambda labels: labels, as_dense])
    def test_the_gradient_is_that_of_finite_differences(self, form):
        labels = form(sparse_labels(5, dtype=torch.float64))
        logits_NV = some_values(dtype=torch.float64).requires_grad_()
        assert torch.autograd.gradcheck(lambda logits_NV: _Losses.apply(logits_NV, labels, ()), logits_NV)

    def test_the_gradient_can_be_computed_twice(self):
        logits_NV = some_values().requires_grad_()
        loss = soft_label_losses(logits_NV, sparse_labels(5)).sum()
        (one,) = torch.autograd.grad(loss, logits_NV, retain_graph=True)
        assert torch.equal(one, torch.autograd.grad(loss, logits_NV)[0])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_label_smoothing_is_torchs(self, dtype):
        epsilon, labels_N = 0.1, torch.tensor([0, 5, 2, 2, 3])
        labels = SparseLabels(
            token_XJ=labels_N[:, None],
            weight_XJ=torch.full((5, 1), 1.0 - epsilon),
            base_weight_XM=torch.full((5, 1), epsilon),
            base_MV=torch.full((1, V), 1.0 / V),
        )
        ours_NV, theirs_NV = (some_values().to(dtype).requires_grad_() for _ in range(2))
        loss = soft_label_losses(ours_NV, labels).mean()
        expected = torch.nn.functional.cross_entropy(theirs_NV.float(), labels_N, label_smoothing=epsilon)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(*torch.autograd.grad(loss + expected, [ours_NV, theirs_NV]))

    def test_a_one_hot_label_equals_a_token_label(self):
        labels_N = torch.tensor([0, 5, 2, 2, 3])
        labels = DenseLabels(q_XV=torch.nn.functional.one_hot(labels_N, V).float())
        expected_N = torch.nn.functional.cross_entropy(some_values(), labels_N, reduction="none")
        torch.testing.assert_close(soft_label_losses(some_values(), labels), expected_N)

    def test_tokens_with_q_0_may_have_infinite_losses(self):
        logits_NV = torch.tensor([[1.0, 2.0, -torch.inf]], requires_grad=True)
        loss = soft_label_losses(logits_NV, DenseLabels(q_XV=torch.tensor([[0.5, 0.5, 0.0]]))).sum()
        assert loss.isfinite()
        assert torch.autograd.grad(loss, logits_NV)[0].isfinite().all()
