import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from erpo_explore.space import ALGORITHMS, Path, Point, Reward, algorithm
from erpo_explore.store import ResultsWriter, load_results
from erpo_explore.tasks import TrainingBatches
from erpo_explore.trial import choose_device, evaluate, optimizer_step, training
from erpo_explore.trial.seeding import WEIGHTS, stream

from .tiny import (
    CPU,
    MIXTURE,
    NOISE,
    PATHS,
    SEED,
    TRAINING,
    TRUTH,
    fresh_model,
    measured,
    run_of,
    same,
    stored,
    toy,
    weights,
)


def hand_written(num_steps, settings):
    """Maximum likelihood as a tutorial would write it; returns the model, and loss and number of tokens per step."""
    task = toy()
    model = fresh_model(task, stream(CPU, SEED, WEIGHTS))
    batches = TrainingBatches(task.train, task.symbols, settings.batch_size, SEED)
    adam = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    share_left = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda step: 1.0 - step / settings.steps if settings.decay == "linear" else 1.0
    )
    model.train()
    losses = []
    for step in range(num_steps):
        batch = batches.at(step)
        start_B1 = torch.full_like(batch.target_BT[:, :1], task.symbols.bos)
        memory = model.encode(batch.source_BS, batch.source_keep_BS)
        features_BTH = model.features(memory, torch.cat([start_B1, batch.target_BT[:, :-1]], dim=1))
        keep_BT = batch.target_keep_BT
        loss = torch.nn.functional.cross_entropy(model.project(features_BTH[keep_BT]), batch.target_BT[keep_BT])
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        adam.step()
        share_left.step()
        losses.append((loss.item(), int(keep_BT.sum())))
    return model, losses


class TestMaximumLikelihood:
    @pytest.mark.parametrize(
        "changes", [{}, {"decay": "linear"}, {"clip_norm": 0.05}], ids=["plain", "linear decay", "clipped"]
    )
    def test_it_is_the_hand_written_loop_bit_for_bit(self, changes):
        settings = TRAINING.model_copy(update=changes)
        model, losses = hand_written(6, settings)
        run = run_of(PATHS["mle"], training=settings)
        observed = [run.advance() for _ in range(3)]
        assert same(weights(run), dict(model.state_dict()))
        for place, observation in enumerate(observed):
            interval = losses[2 * place : 2 * place + 2]
            mean = sum(loss * tokens for loss, tokens in interval) / sum(tokens for _, tokens in interval)
            assert observation.train_loss_nats == mean

    def test_it_learns(self):
        run = run_of(PATHS["mle"], training=TRAINING.model_copy(update={"steps": 60, "interval": 30}))
        first, last = run.advance(), run.advance()
        assert last.train_loss_nats < first.train_loss_nats < math.log(len(toy().target_vocabulary))
        assert last.scores.validation_nll_nats < first.scores.validation_nll_nats

    def test_it_draws_no_targets(self):
        run = run_of(PATHS["mle"])
        before = run.state()["draws_generator"]
        observation = run.advance()
        assert same(run.state()["draws_generator"], before)
        assert (observation.entropy_nats, observation.mean_reward) == (None, None)


@pytest.mark.parametrize(("decay", "shares"), [("linear", [7 / 8, 5 / 8, 3 / 8, 1 / 8]), ("none", [1.0] * 4)])
def test_the_learning_rate_falls_linearly_to_0_at_the_end_of_the_budget_or_not_at_all(decay, shares):
    run = run_of(PATHS["mle"], training=TRAINING.model_copy(update={"decay": decay}))
    rates = []
    for _ in shares:
        run.advance()
        rates.append(run.state()["optimizer"]["param_groups"][0]["lr"])
    assert rates == pytest.approx([0.02 * share for share in shares])


@pytest.mark.parametrize("name", PATHS)
def test_the_process_wide_generators_are_neither_read_nor_advanced(name):
    torch.manual_seed(1)
    run = run_of(PATHS[name])
    before = torch.get_rng_state(), repr(np.random.get_state())  # noqa: NPY002 - to check that nothing draws from it
    one = measured(run.advance())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert repr(np.random.get_state()) == before[1]  # noqa: NPY002
    torch.manual_seed(2)
    assert measured(run_of(PATHS[name]).advance()) == one


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_trains_to_its_end_and_its_rows_fit_the_store(name, tmp_path):
    run = run_of(algorithm(name).path("bleu"), training=TRAINING.model_copy(update={"steps": 4}))
    observed = [run.advance(num_samples=2) for _ in range(2)]
    assert [(o.step, o.progress, o.status) for o in observed] == [(2, 0.5, "running"), (4, 1.0, "finished")]
    assert run.finished
    assert all(o.tokens_per_s > 0.0 and math.isfinite(o.train_loss_nats) for o in observed)
    assert 0.0 < observed[0].elapsed_s < observed[1].elapsed_s
    writer = ResultsWriter.create(tmp_path / "tiny", {})
    writer.append("observations", [stored(o.to_row(), place) for place, o in enumerate(observed)])
    frame = load_results(writer.folder)
    assert frame["score"].tolist() == [o.scores.score for o in observed]


class TestDivergence:
    @pytest.fixture(params=["mle", "mixture", "policy_gradient"])
    def run(self, request):
        """A run with non-finite weights, after two good steps."""
        run = run_of(algorithm("policy_gradient").path("bleu") if request.param == "policy_gradient" else PATHS["mle"])
        if request.param == "mixture":
            run = run_of(Path.constant(MIXTURE))
        run.advance()
        state = run.state()
        state["model"]["output_bias"].fill_(math.nan)
        run.load_state(state)
        return run

    def test_it_is_reported_without_scores_and_no_further_step_is_taken(self, run):
        before = run.state()
        observation = run.advance()
        assert (observation.status, observation.step, observation.progress) == ("diverged", 2, 0.25)
        assert (observation.scores, observation.train_loss_nats) == (None, None)
        after = run.state()
        assert same(after["optimizer"], before["optimizer"])
        assert same(
            {name: tensor.nan_to_num() for name, tensor in after["model"].items()},
            {name: tensor.nan_to_num() for name, tensor in before["model"].items()},
        )

    def test_its_row_fits_the_store(self, run, tmp_path):
        writer = ResultsWriter.create(tmp_path / "tiny", {})
        writer.append("observations", [stored(run.advance().to_row())])
        row = load_results(writer.folder).iloc[0]
        assert row["status"] == "diverged"
        assert row[["score", "bleu", "validation_nll_nats", "train_loss_nats"]].isna().all()

    @pytest.mark.parametrize("name", sorted(PATHS.keys() - {"mixture"}))
    def test_an_absurd_learning_rate_ends_in_divergence(self, name, tmp_path):
        run = run_of(PATHS[name], training=TRAINING.model_copy(update={"learning_rate": 1e38}))
        observed = [run.advance()]
        while observed[-1].status == "running":
            observed.append(run.advance())
        assert observed[-1].status == "diverged"
        writer = ResultsWriter.create(tmp_path / "tiny", {})
        writer.append("observations", [stored(o.to_row(), place) for place, o in enumerate(observed)])


class TestState:
    def test_it_is_a_copy_that_training_leaves_unchanged(self):
        run = run_of(PATHS["mixture"])
        run.advance()
        state = run.state()
        kept = copy.deepcopy(state)
        run.advance()
        assert same(state, kept)

    def test_loading_it_leaves_it_unchanged(self):
        run, other = run_of(PATHS["mixture"]), run_of(PATHS["mixture"])
        run.advance()
        state = run.state()
        kept = copy.deepcopy(state)
        other.load_state(state)
        other.advance()
        assert same(state, kept)

    def test_after_a_change_of_device_draws_depend_on_seed_and_step(self):
        donor = run_of(PATHS["mixture"])
        donor.advance()
        # a GPU's generator has a state of 16 bytes
        elsewhere = {name: torch.zeros(16, dtype=torch.uint8) for name in ("weights_generator", "draws_generator")}
        state = donor.state() | elsewhere
        resumed = [run_of(PATHS["mixture"], seed=seed) for seed in (SEED, SEED, SEED + 1)]
        for run in resumed:
            run.load_state(state)
            assert same(weights(run), weights(donor))
        one, again, other = (run.state()["draws_generator"] for run in resumed)
        assert same(one, again)
        assert not same(one, other)
        assert not same(one, donor.state()["draws_generator"])
        resumed[0].advance()

    def test_the_seconds_of_earlier_processes_count(self):
        run = run_of(PATHS["mle"])
        run.advance()
        state = run.state() | {"elapsed_s": 1000.0}
        run.load_state(state)
        assert run.advance().elapsed_s > 1000.0


class TestAttempts:
    """A run that diverged continues from its last state with other draws."""

    def resumed(self, state, attempt):
        run = run_of(PATHS["mixture"], attempt=attempt)
        run.load_state(state)
        return run

    def test_each_attempt_draws_something_else_and_repeats_itself(self):
        run = run_of(PATHS["mixture"])
        run.advance()
        state = run.state()
        losses = [self.resumed(state, attempt).advance().train_loss_nats for attempt in (0, 1, 2, 1)]
        assert losses[0] == run.advance().train_loss_nats
        assert len(set(losses[:3])) == 3
        assert losses[3] == losses[1]

    @pytest.mark.parametrize("generator", ["draws_generator", "weights_generator"])
    def test_attempts_from_the_start_differ_in_draws_but_not_in_initial_weights(self, generator):
        states = [run_of(PATHS["mixture"], attempt=attempt).state() for attempt in (0, 1, 2, 1)]
        assert all(same(state["model"], states[0]["model"]) for state in states)
        drawn = [state[generator].numpy().tobytes() for state in states]
        assert len(set(drawn[:3])) == 3
        assert drawn[3] == drawn[1]

    def test_dropout_depends_on_the_attempt(self):
        losses = [run_of(PATHS["mle"], attempt=attempt).advance().train_loss_nats for attempt in (0, 1, 1)]
        assert losses[0] != losses[1] == losses[2]

    def test_a_saved_attempt_continues_as_if_undisturbed(self):
        run = run_of(PATHS["mixture"], attempt=1)
        run.advance()
        again = self.resumed(run.state(), 1)
        assert measured(again.advance()) == measured(run.advance())


class TestLongestInterval:
    def test_it_is_known_after_the_first_and_part_of_the_state(self):
        run, other = run_of(PATHS["mle"]), run_of(PATHS["mle"])
        assert run.longest_interval_s is None
        run.advance()
        assert 0.0 < run.longest_interval_s <= run.advance().elapsed_s
        other.load_state(run.state() | {"longest_interval_s": 1000.0})
        other.advance()
        assert other.longest_interval_s == 1000.0

    def test_it_is_unknown_on_another_kind_of_device(self):
        run, other = run_of(PATHS["mle"]), run_of(PATHS["mle"])
        run.advance()
        elsewhere = {name: torch.zeros(16, dtype=torch.uint8) for name in ("weights_generator", "draws_generator")}
        other.load_state(run.state() | elsewhere)
        assert other.longest_interval_s is None


@pytest.fixture(scope="module")
def donated():
    """State of a donor after two intervals."""
    donor = run_of(PATHS["mixture"], name="donor")
    donor.advance()
    donor.advance()
    return donor.state()


class TestClones:
    def clone(self, donated, *, name="clone", seed=SEED):
        run = run_of(Path.constant(NOISE), name=name, seed=seed)
        run.load_state(donated)
        return run

    def test_it_has_the_donors_weights_optimizer_schedule_and_steps(self, donated):
        state = self.clone(donated, seed=SEED + 1).state()
        for part in ("model", "optimizer", "schedule", "step", "elapsed_s"):
            assert same(state[part], donated[part])

    def test_it_continues_at_the_donors_point(self, donated):
        observation = self.clone(donated).advance()
        assert observation.path == PATHS["mixture"]
        assert (observation.step, observation.point) == (6, MIXTURE)

    @pytest.mark.parametrize("generator", ["draws_generator", "weights_generator"])
    def test_its_draws_are_its_own_and_depend_only_on_its_seed(self, donated, generator):
        clones = [self.clone(donated, seed=seed).state()[generator] for seed in (SEED, SEED + 1)]
        again = self.clone(donated, name="another").state()[generator]
        assert same(again, clones[0])
        assert not same(clones[0], clones[1])
        assert not any(same(state, donated[generator]) for state in clones)

    def test_on_the_same_batches_it_learns_other_weights_than_its_donor(self, donated):
        donor, clone = run_of(PATHS["mixture"], name="donor"), self.clone(donated)
        donor.load_state(donated)
        assert donor.advance().train_loss_nats != clone.advance().train_loss_nats
        assert not same(weights(donor), weights(clone))

    def test_the_same_clone_at_another_step_draws_something_else(self, donated):
        earlier = self.clone(donated | {"step": 2})
        assert not same(earlier.state()["draws_generator"], self.clone(donated).state()["draws_generator"])

    def test_once_saved_it_continues_with_its_own_draws(self, donated):
        clone = self.clone(donated)
        clone.advance()
        again = self.clone(clone.state())
        assert measured(again.advance()) == measured(clone.advance())


class TestTarget:
    def test_it_is_reached_after_one_interval_and_extends_the_path(self):
        run = run_of(Path(knots=((0.0, TRUTH), (0.25, NOISE))), role="member")
        run.advance()
        run.set_target(MIXTURE, num_intervals=2)
        observation = run.advance()
        assert observation.point == MIXTURE
        assert observation.path == Path(knots=((0.0, TRUTH), (0.25, NOISE), (0.5, MIXTURE)))

    def test_on_the_way_the_run_trains_between_the_knots(self, monkeypatch):
        met = []
        step_loss = optimizer_step.step_loss

        def noted(point, *rest, **others):
            met.append(point)
            return step_loss(point, *rest, **others)

        monkeypatch.setattr(optimizer_step, "step_loss", noted)
        run = run_of(Path(knots=((0.0, TRUTH), (0.25, NOISE))), role="member")
        run.advance()
        run.set_target(MIXTURE, num_intervals=2)
        path = run.advance().path
        assert met == [path.at(step / 8) for step in range(4)]
        assert met[2] == NOISE

    def test_the_last_interval_ends_at_the_end_of_the_budget(self):
        run = run_of(Path.constant(TRUTH), training=TRAINING.model_copy(update={"steps": 2}))
        run.set_target(NOISE, num_intervals=4)
        assert run.advance().path == Path(knots=((0.0, TRUTH), (1.0, NOISE)))

    def test_the_path_so_far_stays_as_it_was(self):
        run = run_of(Path.constant(TRUTH))
        run.advance()
        run.set_target(NOISE, num_intervals=2)
        assert run.advance().path == Path(knots=((0.0, TRUTH), (0.25, TRUTH), (0.5, NOISE)))

    def test_a_distant_target_is_approached_over_several_intervals(self):
        run = run_of(Path.constant(TRUTH))
        run.set_target(NOISE, num_intervals=3)
        far = Path(knots=((0.0, TRUTH), (0.75, NOISE)))
        assert [run.advance().path for _ in range(3)] == [far.until(0.25), far.until(0.5), far]

    def test_setting_the_same_target_again_changes_nothing(self):
        run = run_of(Path.constant(TRUTH))
        run.set_target(NOISE, num_intervals=2)
        run.advance()
        run.set_target(NOISE, num_intervals=2)
        assert run.advance().path == Path(knots=((0.0, TRUTH), (0.5, NOISE)))


class TestPlateau:
    PATH = Path(clock="plateau", knots=((0.0, MIXTURE), (1.0, TRUTH)))

    @pytest.fixture
    def run(self, monkeypatch):
        """A run whose evaluations return 3, 2, 4 and 1."""
        scores = iter([3.0, 2.0, 4.0, 1.0])

        def scripted(*args, **settings):
            score = next(scores)
            return replace(evaluate(*args, **settings), score=score, objective=score)

        monkeypatch.setattr(training, "evaluate", scripted)
        return run_of(self.PATH)

    def test_after_a_drop_the_run_has_the_weights_before_it_and_the_next_knot(self, run):
        run.advance()
        before = run.state()
        assert run.advance().scores.score == 2.0
        after = run.state()
        assert same(after["model"], before["model"])
        assert same(after["optimizer"], before["optimizer"])
        assert after["step"] == before["step"] + 2
        assert not same(after["draws_generator"], before["draws_generator"])

    def test_after_a_rise_it_keeps_its_weights(self, run):
        run.advance()
        run.advance()
        before = run.state()
        run.advance()
        assert not same(weights(run), before["model"])

    def test_each_score_is_reported_with_the_point_that_was_trained(self, run):
        observed = [run.advance() for _ in range(4)]
        assert [o.point for o in observed] == [MIXTURE, MIXTURE, TRUTH, TRUTH]
        start, jump = (0.0, MIXTURE), ((0.5, MIXTURE), (0.5, TRUTH))
        assert [o.path for o in observed] == [Path.constant(MIXTURE)] * 2 + [Path(knots=(start, *jump))] * 2


@pytest.mark.skipif(
    torch.cuda.is_available(), reason="needs a machine without a CUDA GPU; set CUDA_VISIBLE_DEVICES= to hide it"
)
def test_without_a_gpu_the_cpu_trains():
    assert choose_device() == CPU
    assert run_of(PATHS["mle"]).advance().device == "cpu"


def test_another_seed_is_another_run():
    one, other = (run_of(Path.constant(Point(reward=Reward(truth=1.0))), seed=seed) for seed in (1, 2))
    assert not same(weights(one), weights(other))
    assert one.advance().train_loss_nats != other.advance().train_loss_nats
