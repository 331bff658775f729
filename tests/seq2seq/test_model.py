"""Conformance suite of sequence-to-sequence models."""

import copy

import pytest
import torch

from erpo_explore.seq2seq import Seq2Seq

from .models import CONFIGS, KINDS, NUM_TARGET, SYMBOLS, build, num_target, seeded, sources, targets


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    return build(kind).eval()


def stepwise(model, memory, inputs_BT):
    """Logits [B, T, V] of consecutive calls of `step`."""
    state, steps = model.begin(memory), []
    for token_B in inputs_BT.T:
        logits_BV, state = model.step(memory, state, token_B)
        steps.append(logits_BV)
    return torch.stack(steps, dim=1)


def trained(model):
    """Names and values of the trainable parameters; the positions of a Marian are not trainable."""
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


class TestConformance:
    def test_it_is_a_model(self, model):
        assert isinstance(model, Seq2Seq)

    def test_decode_returns_one_logit_per_position_and_token(self, kind, model):
        logits_BTV = model.decode(model.encode(*sources()), targets())
        assert logits_BTV.shape == (*targets().shape, num_target(kind))
        assert logits_BTV.isfinite().all()

    def test_steps_agree_with_decoding_at_once(self, model):
        memory = model.encode(*sources())
        torch.testing.assert_close(stepwise(model, memory, targets()), model.decode(memory, targets()))

    @pytest.mark.parametrize("rows", [[2, 0, 0, 1], [1], [2, 1, 0]], ids=str)
    def test_rows_selected_between_steps_continue_unchanged(self, model, rows):
        memory, row_N = model.encode(*sources()), torch.tensor(rows)
        expected_BTV = stepwise(model, memory, targets())
        state = model.begin(memory)
        for step, token_B in enumerate(targets().T):
            if step == 2:
                memory, state = memory.take(row_N), state.take(row_N)
            logits_NV, state = model.step(memory, state, token_B if step < 2 else token_B[row_N])
        torch.testing.assert_close(logits_NV, expected_BTV[row_N, -1])

    def test_rows_of_a_memory_equal_the_memory_of_those_rows(self, model):
        (source_BS, keep_BS), row_N = sources(), torch.tensor([1, 1, 2])
        taken = model.encode(source_BS, keep_BS).take(row_N)
        own = model.encode(source_BS[row_N], keep_BS[row_N])
        inputs_NT = targets()
        torch.testing.assert_close(model.decode(taken, inputs_NT), model.decode(own, inputs_NT))

    def test_a_state_can_be_advanced_twice(self, model):
        memory, (first_B, second_B, third_B, *_) = model.encode(*sources()), targets().T
        _, state = model.step(memory, model.begin(memory), first_B)
        once_BV, after = model.step(memory, state, second_B)
        other_BV, _ = model.step(memory, state, third_B)
        again_BV, _ = model.step(memory, state, second_B)
        assert torch.equal(again_BV, once_BV)
        assert not torch.equal(other_BV, once_BV)
        beyond_BTV = stepwise(model, memory, targets())
        torch.testing.assert_close(model.step(memory, after, third_B)[0], beyond_BTV[:, 2])

    def test_a_later_input_does_not_change_an_earlier_logit(self, model):
        memory, changed_BT = model.encode(*sources()), targets()
        changed_BT[:, 3:] = 5
        logits_BTV, changed_BTV = model.decode(memory, targets()), model.decode(memory, changed_BT)
        assert torch.equal(changed_BTV[:, :3], logits_BTV[:, :3])
        assert not torch.equal(changed_BTV[:, 3:], logits_BTV[:, 3:])

    @pytest.mark.parametrize("row", [0, 1, 2])
    def test_padding_of_the_sources_changes_nothing(self, model, row):
        source_BS, keep_BS = sources()
        together_TV = model.decode(model.encode(source_BS, keep_BS), targets())[row]
        own = slice(row, row + 1), keep_BS[row]
        alone = model.encode(source_BS[row : row + 1][:, own[1]], keep_BS[row : row + 1][:, own[1]])
        torch.testing.assert_close(model.decode(alone, targets()[row : row + 1])[0], together_TV)

    def test_tokens_in_the_padding_are_not_read(self, model):
        source_BS, keep_BS = sources()
        scribbled_BS = source_BS.masked_fill(~keep_BS, 10)
        logits_BTV = model.decode(model.encode(source_BS, keep_BS), targets())
        torch.testing.assert_close(model.decode(model.encode(scribbled_BS, keep_BS), targets()), logits_BTV)

    def test_every_source_word_is_read(self, model):
        source_BS, keep_BS = sources()
        for position in range(5):
            other_BS = source_BS.clone()
            other_BS[0, position] = 3
            before = model.decode(model.encode(source_BS, keep_BS), targets())[0]
            assert not torch.allclose(model.decode(model.encode(other_BS, keep_BS), targets())[0], before, atol=1e-6)

    def test_a_gradient_reaches_every_parameter(self, model):
        logits_BTV = model.train().decode(model.encode(*sources()), targets())
        torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), targets().flatten()).backward()
        unreached = [n for n, p in trained(model) if p.grad is None or not p.grad.abs().sum() > 0]
        assert unreached == []

    def test_a_gradient_reaches_every_parameter_through_steps(self, model):
        logits_BTV = stepwise(model, model.encode(*sources()), targets())
        torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), targets().flatten()).backward()
        unreached = [n for n, p in trained(model) if p.grad is None or not p.grad.abs().sum() > 0]
        assert unreached == []

    def test_weights_do_not_depend_on_the_global_generator(self, kind):
        one = build(kind).state_dict()
        torch.manual_seed(20)
        other = build(kind).state_dict()
        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_running_does_not_use_the_global_generator(self, model):
        before = torch.random.get_rng_state()
        model.train()
        model.decode(model.encode(*sources()), targets())
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_dropout_is_redrawn_in_training_and_off_in_evaluation(self, model):
        def logits():
            return model.decode(model.encode(*sources()), targets())

        assert torch.equal(logits(), logits())
        model.train()
        assert not torch.equal(logits(), logits())

    def test_two_models_with_one_seed_have_the_same_dropout(self, kind):
        one, other = build(kind, seed=3).train(), build(kind, seed=3).train()
        logits = [model.decode(model.encode(*sources()), targets()) for model in (one, other)]
        assert torch.equal(*logits)

    def test_weights_can_be_loaded_into_another_model(self, kind, model):
        other = build(kind, seed=9).eval()
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(0.1)
        other.load_state_dict(copy.deepcopy(model.state_dict()))
        memories = [each.encode(*sources()) for each in (model, other)]
        assert torch.equal(model.decode(memories[0], targets()), other.decode(memories[1], targets()))

    def test_the_model_overfits_one_batch(self, kind):
        model = build(kind, seed=2).train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        # without decay, the last step may be a jump
        decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=200)
        inputs_BT = torch.randint(4, NUM_TARGET, (3, 6), generator=seeded(1))
        inputs_BT[:, 0] = SYMBOLS.bos
        for _ in range(200):
            logits_BTV = model.decode(model.encode(*sources()), inputs_BT)
            loss = torch.nn.functional.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), inputs_BT[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            decay.step()
        logits_BTV = model.eval().decode(model.encode(*sources()), inputs_BT)
        assert torch.equal(logits_BTV[:, :-1].argmax(-1), inputs_BT[:, 1:])

    def test_device_is_that_of_the_parameters(self, model):
        assert model.device == torch.device("cpu")


@pytest.mark.parametrize("kind", CONFIGS, indirect=True)
class TestDrawnWeights:
    def test_the_same_generator_gives_the_same_weights(self, kind):
        one, other = build(kind, seed=3).state_dict(), build(kind, seed=3).state_dict()
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_another_generator_gives_other_weights(self, kind):
        one, other = build(kind, seed=3), build(kind, seed=4)
        # biases begin at constants
        drawn = [name for name, parameter in one.named_parameters() if parameter.dim() > 1]
        assert drawn
        assert not any(torch.equal(one.get_parameter(name), other.get_parameter(name)) for name in drawn)

    def test_padding_is_embedded_as_zeros(self, model):
        source_BS, _ = sources()
        embedding = next(module for module in model.modules() if isinstance(module, torch.nn.Embedding))
        assert not embedding(torch.full_like(source_BS, SYMBOLS.pad)).any()

    def test_the_untrained_model_is_nearly_uniform(self, model):
        log_p_BTV = model.decode(model.encode(*sources()), targets()).log_softmax(-1)
        assert log_p_BTV.max() < -0.1

    def test_num_parameters_counts_the_state(self, model):
        assert model.num_parameters == sum(tensor.numel() for tensor in model.state_dict().values())


SETTLING = ("lstm", "transformer")


class TestSettledDropout:
    """Settled dropout, for models that have it; `is_settled` is False for the others."""

    def test_is_settled_tells_whether_masks_are_drawn(self, kind, model):
        memory = model.encode(*sources())
        assert not memory.is_settled
        assert model.train().settle(memory, 3).is_settled is (kind in SETTLING)

    @pytest.mark.parametrize("kind", sorted(SETTLING))
    def test_steps_agree_with_decoding_at_once_while_training(self, kind):
        model = build(kind).train()
        memory = model.settle(model.encode(*sources()), targets().shape[1] + 2)
        logits_BTV = model.decode(memory, targets())
        torch.testing.assert_close(stepwise(model, memory, targets()), logits_BTV)
        assert torch.equal(model.decode(memory, targets()), logits_BTV)

    @pytest.mark.parametrize("kind", sorted(SETTLING))
    def test_settling_again_draws_other_masks(self, kind):
        model = build(kind).train()
        memory = model.encode(*sources())
        one, other = (model.decode(model.settle(memory, targets().shape[1]), targets()) for _ in range(2))
        assert not torch.equal(one, other)

    @pytest.mark.parametrize("kind", sorted(CONFIGS))
    def test_project_is_the_output_layer(self, kind):
        model = build(kind).eval()
        features_BTH = model.features(model.encode(*sources()), targets())
        assert model.output_layer is not None
        projected_BTV = torch.nn.functional.linear(features_BTH, *model.output_layer)
        torch.testing.assert_close(projected_BTV, model.project(features_BTH))
