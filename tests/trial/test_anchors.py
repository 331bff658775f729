"""The anchors of a run: when they begin, how they change, and that they travel with its state."""

import torch

from erpo_explore.space import Path
from erpo_explore.trial.averaging import ema_share

from .tiny import ANCHORED, PATHS, PENALISED, TRUSTED, TRUTH, run_of, same, weights


def anchor(run, name):
    return run.state()["anchors"][name]["weights"]


def take_steps(run, point, num_steps):
    """The weights after each step."""
    found = []
    for _ in range(num_steps):
        run.train_step(point)
        run.step += 1
        found.append(weights(run))
    return found


def test_frozen_weights_are_those_where_the_stretch_of_anchored_points_begins():
    run = run_of(PATHS["mle"])
    [before] = take_steps(run, TRUTH, 1)
    take_steps(run, PENALISED, 2)
    assert same(anchor(run, "frozen"), before)
    assert not same(weights(run), before)


def test_an_anchor_stays_while_any_part_of_a_blend_reads_it_and_ends_there():
    run = run_of(PATHS["mle"])
    initial = weights(run)
    take_steps(run, PENALISED, 1)
    take_steps(run, ANCHORED, 1)
    assert same(anchor(run, "frozen"), initial)
    [without] = take_steps(run, TRUTH, 1)
    assert run.state()["anchors"] == {}
    take_steps(run, PENALISED, 1)
    assert same(anchor(run, "frozen"), without)


def test_the_moving_average_follows_its_equation():
    run = run_of(PATHS["mle"])
    expected = weights(run)
    for step, after in enumerate(take_steps(run, TRUSTED, 3), start=1):
        share = ema_share(step)
        expected = {name: tensor + share * (after[name] - tensor) for name, tensor in expected.items()}
    found = anchor(run, "ema")
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor)


def test_a_clone_goes_on_with_the_anchor_of_its_donor():
    donor, clone = run_of(PATHS["anchored"]), run_of(PATHS["anchored"], name="other", seed=5)
    donor.advance()
    clone.advance()
    clone.load_state(donor.state())
    take_steps(clone, PENALISED, 1)
    assert same(anchor(clone, "frozen"), anchor(donor, "frozen"))


def test_the_reported_divergence_is_that_from_the_anchor():
    run = run_of(Path.constant(PENALISED))
    observation = run.advance()
    origin = run_of(PATHS["mle"]).model.eval()
    assert same(anchor(run, "frozen"), dict(origin.state_dict()))
    assert observation.kl_nats == run._divergence.kl_nats(run.model, origin) > 0.0


def test_a_branch_is_anchored_to_the_weights_that_it_begins_with():
    other = run_of(PATHS["mle"], seed=7)
    other.advance()
    run = run_of(Path.constant(PENALISED))
    run.branch_from(other.state())
    run.advance()
    assert same(anchor(run, "frozen"), weights(other))
