import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.erpo import label_losses as module
from erpo_explore.erpo.label_losses import allowed_probabilities, cross_entropy, label_losses

from .tiny import EOS, NUM_TOKENS, SYMBOLS, A, B, C, seeded

LABELS_N = torch.tensor([A, EOS, C, B, A])
NEVER = torch.tensor(SYMBOLS.never_drawn)
REWARD_BK = torch.tensor([[1.0, 3.0, 2.0], [0.5, -0.5, 4.0]])
ALL_BK = torch.ones(2, 3, dtype=torch.bool)


def some_logits():
    return torch.randn(5, NUM_TOKENS, generator=seeded(1)).requires_grad_()


def some_log_p():
    return (-5.0 * torch.rand(2, 3, generator=seeded(2))).requires_grad_()


class TestCrossEntropy:
    def test_it_equals_torchs_on_a_padded_batch_bit_for_bit(self):
        # torch's own gets padded rows and ignore_index; ours gets the kept labels alone
        padded_NV = torch.cat([some_logits().detach(), torch.ones(2, NUM_TOKENS)]).requires_grad_()
        padded_N = torch.cat([LABELS_N, torch.tensor([SYMBOLS.pad] * 2)])
        ours = some_logits()
        loss = cross_entropy(ours, LABELS_N)
        expected = torch.nn.functional.cross_entropy(padded_NV, padded_N, ignore_index=SYMBOLS.pad)
        assert torch.equal(loss, expected)
        ours_NV, theirs_NV = torch.autograd.grad(loss + expected, [ours, padded_NV])
        assert torch.equal(ours_NV, theirs_NV[:5])

    def test_it_is_the_mean_of_minus_log_p(self):
        log_p_NV = some_logits().double().log_softmax(-1)
        expected = -sum(log_p_NV[n, label] for n, label in enumerate(LABELS_N.tolist())) / 5.0
        torch.testing.assert_close(cross_entropy(some_logits(), LABELS_N).double(), expected)

    def test_per_label_losses_have_the_same_mean(self):
        losses_N = label_losses(some_logits(), LABELS_N)
        torch.testing.assert_close(losses_N.mean(), cross_entropy(some_logits(), LABELS_N))
        log_p_NV = some_logits().log_softmax(-1)
        torch.testing.assert_close(losses_N, -log_p_NV.gather(1, LABELS_N[:, None])[:, 0])


class TestAllowedLabelLosses:
    def expected(self, logits_NV):
        """By a softmax over the allowed tokens alone."""
        masked_NV = logits_NV.double().index_fill(1, NEVER, -torch.inf)
        return -masked_NV.log_softmax(-1).gather(1, LABELS_N[:, None])[:, 0]

    @pytest.mark.parametrize("loudness", [-50.0, 0.0, 3.0, 6.0])
    def test_loss_and_gradient_equal_those_of_the_masked_softmax(self, loudness):
        ours, theirs = ((some_logits() + loudness * torch.eye(NUM_TOKENS)[NEVER].sum(0)).detach() for _ in range(2))
        ours, theirs = ours.requires_grad_(), theirs.requires_grad_()
        losses_N, expected_N = label_losses(ours, LABELS_N, SYMBOLS.never_drawn), self.expected(theirs)
        # forbidden tokens have up to 0.999 of the mass, so 1 − share loses as many digits
        torch.testing.assert_close(losses_N.double(), expected_N, rtol=1e-3, atol=1e-4)
        (found_NV,) = torch.autograd.grad(losses_N.sum(), ours)
        torch.testing.assert_close(found_NV, torch.autograd.grad(expected_N.sum(), theirs)[0], rtol=1e-2, atol=1e-3)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("loudness", [-50.0, 0.0, 3.0, 6.0])
    def test_probabilities_follow_from_the_losses_over_the_whole_vocabulary(self, loudness, dtype):
        logits_NV = (some_logits().detach() + loudness * torch.eye(NUM_TOKENS)[NEVER].sum(0)).to(dtype)
        p_N = allowed_probabilities(label_losses(logits_NV, LABELS_N), logits_NV, LABELS_N, SYMBOLS.never_drawn)
        torch.testing.assert_close(p_N.double(), (-self.expected(logits_NV)).exp(), rtol=1e-3, atol=1e-4)

    @given(st.lists(st.floats(-60.0, 60.0, width=32), min_size=NUM_TOKENS, max_size=NUM_TOKENS))
    def test_it_is_always_finite(self, logits):
        logits_NV = torch.tensor([logits] * 5).requires_grad_()
        losses_N = label_losses(logits_NV, LABELS_N, SYMBOLS.never_drawn)
        assert losses_N.isfinite().all()
        assert torch.autograd.grad(losses_N.sum(), logits_NV)[0].isfinite().all()

    def test_half_precision_logits_lose_no_further_precision(self):
        half_NV = some_logits().detach().bfloat16()
        losses_N = label_losses(half_NV, LABELS_N, SYMBOLS.never_drawn)
        torch.testing.assert_close(losses_N.double(), self.expected(half_NV), rtol=0.0, atol=0.02)


@pytest.mark.parametrize("at_once", [1, 40, 10_000])
def test_normalisers_have_the_same_bits_in_parts_as_at_once(at_once, monkeypatch):
    logits_NV = 5.0 * torch.randn(33, 17, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    assert torch.equal(module._log_sums(logits_NV), logits_NV.logsumexp(-1))
