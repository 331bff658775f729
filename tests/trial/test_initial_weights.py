"""Trials that branch from initial checkpoints: in fresh processes, with random draws of their own."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from erpo_explore.errors import ResultsError
from erpo_explore.seq2seq import LstmConfig, TransformerConfig
from erpo_explore.tasks import TrainingBatches
from erpo_explore.trial import evaluate
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.checkpoint import save_checkpoint
from erpo_explore.trial.initial_weights import InitialWeights, checkpoint_sha256, load_initial_weights
from erpo_explore.trial.seeding import WEIGHTS, stream
from tests.tune.worker.test_trainable import trainable_of

from .test_checkpoint import Payload
from .tiny import CPU, MODEL, PATHS, SEED, TRAINING, fresh_model, run_of, same, spec_of, toy, weights

OPTIMIZER = [pytest.param(True, id="with moments"), pytest.param(False, id="weights alone")]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Checkpoints of two seeds, after two intervals."""
    folders = []
    for seed in (SEED, SEED + 1):
        run = run_of(PATHS["mle"], name=f"mle-s{seed}", seed=seed)
        run.advance()
        run.advance()
        folders.append(tmp_path_factory.mktemp("initial"))
        save_checkpoint(run.state(), folders[-1])
    return folders


def initial_weights_of(checkpoints, *, optimizer=True, model=MODEL, first_seed=SEED):
    return load_initial_weights(checkpoints, optimizer=optimizer, first_seed=first_seed, task=toy(), model=model)


def continued_by_hand(state, *, optimizer):
    """One step of maximum likelihood from a checkpoint, as a tutorial would write it: loss and new weights."""
    task, generator = toy(), stream(CPU, SEED, WEIGHTS)
    model = fresh_model(task, generator)
    model.load_state_dict(state["model"])
    adam = torch.optim.Adam(model.parameters(), lr=TRAINING.learning_rate, fused=True)
    if optimizer:
        adam.load_state_dict(state["optimizer"])
    batch = TrainingBatches(task.train, task.symbols, TRAINING.batch_size, SEED).at(0)
    start_B1 = torch.full_like(batch.target_BT[:, :1], task.symbols.bos)
    model.train()
    memory = model.encode(batch.source_BS, batch.source_keep_BS)
    features_BTH = model.features(memory, torch.cat([start_B1, batch.target_BT[:, :-1]], dim=1))
    keep_BT = batch.target_keep_BT
    loss = torch.nn.functional.cross_entropy(model.project(features_BTH[keep_BT]), batch.target_BT[keep_BT])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), TRAINING.clip_norm)
    adam.step()
    return loss.item(), model.state_dict()


IN_A_FRESH_PROCESS = """
import sys
from pathlib import Path
import torch
from tests.trial.test_initial_weights import initial_weights_of
from tests.trial.tiny import PATHS, SEED, run_of, weights
torch.set_num_threads(1)
folder = Path(sys.argv[1])
steps = {}
for optimizer in (True, False):
    run = run_of(PATHS["mle"], name="branch")
    run.take_weights(initial_weights_of([folder], optimizer=optimizer).for_seed(SEED))
    steps[optimizer] = run.train_step(PATHS["mle"].end).loss.item(), weights(run)
torch.save(steps, sys.argv[2])
"""


@pytest.fixture(scope="module")
def elsewhere(checkpoints, tmp_path_factory):
    """Loss and weights of a branch's first step, in a fresh process."""
    outcome = tmp_path_factory.mktemp("elsewhere") / "steps.pt"
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS, str(checkpoints[0]), str(outcome)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return torch.load(outcome)


class TestBranch:
    @pytest.mark.parametrize("optimizer", OPTIMIZER)
    def test_its_first_step_is_the_hand_written_continuation(self, checkpoints, elsewhere, optimizer):
        state = torch.load(checkpoints[0] / "state.pt", weights_only=True)
        loss, expected = continued_by_hand(state, optimizer=optimizer)
        assert elsewhere[optimizer][0] == loss
        assert same(elsewhere[optimizer][1], dict(expected))

    def test_adams_moments_change_the_first_step(self, elsewhere):
        assert not same(elsewhere[True][1], elsewhere[False][1])

    @pytest.mark.parametrize("optimizer", OPTIMIZER)
    def test_step_schedule_and_generators_are_its_own(self, checkpoints, optimizer):
        run, anew = (run_of(PATHS["mixture"], name="member-0", seed=7) for _ in range(2))
        run.take_weights(initial_weights_of(checkpoints, optimizer=optimizer).for_seed(7))
        state, fresh = run.state(), anew.state()
        assert state["step"] == 0
        for part in ("schedule", "weights_generator", "draws_generator", "elapsed_s", "trial"):
            assert same(state[part], fresh[part])

    def test_training_leaves_the_initial_weights_unchanged(self, checkpoints):
        initial, untouched = initial_weights_of(checkpoints), initial_weights_of(checkpoints)
        run = run_of(PATHS["mixture"])
        run.take_weights(initial.for_seed(SEED))
        run.advance()
        assert same(dict(initial.for_seed(SEED)), dict(untouched.for_seed(SEED)))

    def test_every_trial_begins_with_the_score_of_the_initial_checkpoint(self, checkpoints):
        initial = initial_weights_of(checkpoints[:1])
        score = {}
        for name, path, seed in (("member-3", PATHS["mixture"], SEED + 3), ("mle-s24", PATHS["mle"], SEED)):
            run = run_of(path, name=name, seed=seed)
            run.take_weights(initial.for_seed(seed))
            score[name] = evaluate(run.model, toy(), toy().validation)
        trained = run_of(PATHS["mle"])
        trained.load_state(torch.load(checkpoints[0] / "state.pt", weights_only=True))
        expected = evaluate(trained.model, toy(), toy().validation)
        assert score["member-3"] == score["mle-s24"] == expected
        assert (
            evaluate(run_of(PATHS["mle"]).model, toy(), toy().validation).validation_nll_nats
            > expected.validation_nll_nats
        )

    def test_the_trainable_branches_in_a_fresh_process_and_in_a_reused_one(self, checkpoints):
        specs = [spec_of(PATHS["mle"], name=f"mle-s{SEED + n}", seed=SEED + n) for n in range(2)]
        configs = [Assignment(spec=spec).to_dict() for spec in specs]
        initial = initial_weights_of(checkpoints)
        trainable = trainable_of(configs[0], initial_weights=initial)
        assert same(weights(trainable._run), initial.states[0]["model"])
        trainable.step()
        trainable.reset_config(configs[1])
        assert same(weights(trainable._run), initial.states[1]["model"])


@pytest.mark.parametrize(("seed", "number"), [(5, 0), (6, 1), (7, 2), (8, 0), (12, 1), (4, 2)])
def test_initial_checkpoints_are_dealt_by_seed(seed, number):
    states = tuple({"model": {"weight": torch.tensor(float(n))}} for n in range(3))
    assert InitialWeights(states=states, first_seed=5).for_seed(seed) is states[number]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            LstmConfig(hidden_size=16),
            r"but bridge\.bias is \(16,\) in the checkpoint and \(32,\) in the experiment; give model and",
        ),
        (
            TransformerConfig(hidden_size=8, heads=2, layers=1),
            r"but bridge\.bias is \(16,\) in the checkpoint and no such weights in the experiment",
        ),
    ],
)
def test_weights_of_another_size_are_an_error_with_both_shapes(checkpoints, model, expected):
    with pytest.raises(ResultsError, match=expected):
        initial_weights_of(checkpoints, model=model)


def test_the_sha256_is_that_of_the_file(checkpoints):
    content = (checkpoints[0] / "state.pt").read_bytes()
    assert checkpoint_sha256(checkpoints[0]) == hashlib.sha256(content).hexdigest()


def test_a_folder_without_weights_is_an_error(tmp_path):
    with pytest.raises(ResultsError, match=r"has no state\.pt; name a folder that a trial has written, in init_from"):
        checkpoint_sha256(tmp_path)
    with pytest.raises(ResultsError, match=r"has no state\.pt"):
        initial_weights_of([tmp_path])


def test_a_crafted_checkpoint_is_refused_and_not_executed(checkpoints, tmp_path):
    mark, state = tmp_path / "executed", torch.load(checkpoints[0] / "state.pt")
    torch.save(state | {"model": Payload(mark)}, tmp_path / "state.pt")
    with pytest.raises(ResultsError, match="cannot be read as a state of tensors"):
        initial_weights_of([tmp_path])
    assert not mark.exists()
    torch.load(tmp_path / "state.pt", weights_only=False)
    assert mark.exists()
