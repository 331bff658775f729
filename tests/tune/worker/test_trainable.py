"""The Trainable without Ray: its hooks are called as Tune would call them."""

import math
import pickle
import socket
from dataclasses import asdict, replace

import pytest
from pyarrow import fs
from ray import tune
from ray.train._internal.session import _TrainingResult

from erpo_explore.config.experiment import FinalTest, Resources
from erpo_explore.errors import DivergedError
from erpo_explore.space import Path, algorithm
from erpo_explore.trial import evaluate
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.training import first_pairs
from erpo_explore.trial.tuned_decoding import PENALTIES, WIDTHS
from erpo_explore.tune.worker.trainable import ErpoTrainable
from tests.trial.tiny import MIXTURE, MODEL, NOISE, TRAINING, TRUTH, run_of, same, spec_of, stored, toy

MEMBER = spec_of(Path(knots=((0.0, TRUTH), (0.25, NOISE))), name="member-0", role="member")
OTHER = spec_of(Path(knots=((0.0, TRUTH), (0.25, MIXTURE))), name="member-1", role="member", seed=9)
ALGORITHM = spec_of(algorithm("scheduled_sampling").path("bleu"), name="algorithm", role="algorithm")

FINAL = Resources(max_failures=0)
"""Settings without retries."""


def trainable_of(config, resources=FINAL, *, task=None, reseeds_members=True, **given):
    """As in a fresh worker; Tune's own constructor would need folders and addresses of Ray."""
    trainable = ErpoTrainable.__new__(ErpoTrainable)
    trainable.config = config
    trainable._storage = trainable._last_result = None
    given |= {"model": MODEL, "training": TRAINING, "resources": resources, "reseeds_members": reseeds_members}
    trainable.setup(config, task=task or toy(), **given)
    return trainable


def numbers(result):
    return {name: value for name, value in result.items() if name not in ("tokens_per_s", "elapsed_s")}


def config_of(spec, **given):
    """A trial's Tune config."""
    return Assignment(spec=spec, **given).to_dict()


def test_a_step_is_an_interval_of_the_run_with_columns_of_the_assignment():
    result = trainable_of(config_of(ALGORITHM, generation=4, parent="algorithm")).step()
    known = {"generation": 4, "parent": "algorithm", "node": socket.gethostname(), "done": False}
    assert numbers(result) == numbers(run_of(ALGORITHM.path, name="algorithm").advance(num_samples=8).to_row()) | known
    assert len(result["samples"]) == 8
    # the store has columns for them
    assert {"generation", "parent", "node"} <= stored(result).keys()


class TestFinalTest:
    TASK = replace(toy(), test=first_pairs(toy().validation, 5))

    def trainable(self, task=TASK, test=FinalTest(beam_width=3, length_penalty=0.5)):  # noqa: B008 - a frozen value
        return trainable_of(config_of(ALGORITHM), task=task, test=test)

    def test_the_test_set_is_decoded_once_at_the_end_with_the_last_weights(self):
        trainable = self.trainable()
        results = [trainable.step() for _ in range(4)]
        assert ["test" in result for result in results] == [False, False, False, True]
        assert [set(result["sentences"]) for result in results] == [{"validation"}] * 3 + [{"validation", "test"}]
        run = run_of(ALGORITHM.path, name="algorithm")
        for _ in range(4):
            run.advance()
        expected = evaluate(run.model, self.TASK, self.TASK.test, beam_width=3, length_penalty=0.5)
        tested = results[-1]["test"]
        assert (tested["score"], tested["nll_nats"]) == (expected.score, expected.validation_nll_nats)
        assert (tested["beam_width"], tested["length_penalty"], tested["num_sentences"]) == (3, 0.5, 5)
        assert results[-1]["sentences"]["test"] == expected.statistics
        assert results[-1]["measures"]["test"] == [asdict(measure) for measure in expected.measures]

    def test_a_tuned_decoder_is_the_best_on_the_validation_set(self):
        trainable = self.trainable(test=FinalTest(tune=True))
        tested = [trainable.step() for _ in range(4)][-1]["test"]
        run = run_of(ALGORITHM.path, name="algorithm")
        for _ in range(4):
            run.advance()
        settings = [
            {"beam_width": width, "length_penalty": penalty}
            for width in WIDTHS
            for penalty in (PENALTIES if width > 1 else (1.0,))
        ]
        scores = [evaluate(run.model, self.TASK, self.TASK.validation, **each).score for each in settings]
        chosen = {name: tested[name] for name in ("beam_width", "length_penalty")}
        assert scores[settings.index(chosen)] == pytest.approx(max(scores))
        assert tested["score"] == evaluate(run.model, self.TASK, self.TASK.test, **chosen).score

    def test_it_changes_no_other_column(self):
        with_test, without = self.trainable(), self.trainable(test=None)
        for _ in range(4):
            result = with_test.step()
            validated = {name: {"validation": result[name]["validation"]} for name in ("sentences", "measures")}
            rest = numbers(result) | validated
            rest.pop("test", None)
            assert rest == numbers(without.step())

    def test_a_task_without_a_test_set_is_not_tested(self):
        trainable = self.trainable(task=toy())
        assert not any("test" in trainable.step() for _ in range(4))


def test_it_is_done_after_its_budget():
    trainable = trainable_of(config_of(ALGORITHM))
    assert [trainable.step()["done"] for _ in range(4)] == [False, False, False, True]


def test_another_process_continues_from_its_checkpoint(tmp_path):
    trainable = trainable_of(config_of(ALGORITHM))
    trainable.step()
    trainable.save_checkpoint(str(tmp_path))
    other = trainable_of(config_of(ALGORITHM))
    other.load_checkpoint(str(tmp_path))
    assert numbers(other.step()) == numbers(trainable.step())


def test_workers_that_clone_the_same_weights_at_once_use_separate_folders(tmp_path, monkeypatch):
    donor, first, second = (trainable_of(config_of(ALGORITHM)) for _ in range(3))
    donor.step()
    (tmp_path / "donor").mkdir()
    donor.save_checkpoint(str(tmp_path / "donor"))
    elsewhere = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())  # nothing is downloaded from the local one
    saved = pickle.dumps(_TrainingResult(tune.Checkpoint("donor", elsewhere), metrics={}))
    first._local_ip = second._local_ip = "here"
    read = first.load_checkpoint

    def is_overtaken(folder):
        second.restore(pickle.loads(saved))  # downloads, reads and cleans up
        read(folder)

    monkeypatch.setattr(first, "load_checkpoint", is_overtaken)
    first.restore(pickle.loads(saved))
    assert numbers(first.step()) == numbers(second.step()) == numbers(donor.step())


def test_a_member_trains_from_its_checkpoint_to_the_knot_of_its_config(tmp_path):
    trainable = trainable_of(config_of(MEMBER))
    trainable.step()
    trainable.save_checkpoint(str(tmp_path))
    trainable.take_config(config_of(MEMBER, until=2, generation=1, next_knot=MIXTURE))
    trainable.load_checkpoint(str(tmp_path))
    result = trainable.step()
    assert Path.from_dict(result["path"]) == MEMBER.path.then(0.5, MIXTURE)
    assert result["generation"] == 1


def test_a_clone_continues_its_donors_path(tmp_path):
    donor = trainable_of(config_of(OTHER))
    donor.step()
    donor.save_checkpoint(str(tmp_path))
    clone = trainable_of(config_of(MEMBER))
    clone.step()
    clone.take_config(config_of(MEMBER, until=2, generation=1, parent="member-1", next_knot=NOISE))
    clone.load_checkpoint(str(tmp_path))
    result = clone.step()
    assert Path.from_dict(result["path"]) == OTHER.path.then(0.5, NOISE)
    assert (result["step"], result["parent"]) == (4, "member-1")


def test_a_config_alone_changes_nothing_in_the_run():
    trainable, other = trainable_of(config_of(MEMBER)), trainable_of(config_of(MEMBER))
    trainable.take_config(config_of(MEMBER, until=1, next_knot=MIXTURE))
    assert same(numbers(trainable.step()), numbers(other.step()))


@pytest.mark.parametrize("steps_before", [0, 1])
def test_a_reused_process_begins_the_next_trial_as_a_fresh_one_would(steps_before):
    reused = trainable_of(config_of(OTHER))
    for _ in range(steps_before):
        reused.step()
    config = config_of(ALGORITHM)
    reused.config = config
    assert reused.reset_config(config)
    assert numbers(reused.step()) == numbers(trainable_of(config).step())


class TestDivergence:
    def broken(self, spec, *, num_failures=0, steps_before=1, reseeds_members=True, **resources):
        """A trial with non-finite weights."""
        config = Assignment(spec=spec).after_failure(num_failures=num_failures, diverged=True)
        trainable = trainable_of(config.to_dict(), Resources(**resources), reseeds_members=reseeds_members)
        for _ in range(steps_before):
            trainable.step()
        trainable._run.model.output_bias.data.fill_(math.nan)
        return trainable

    def test_a_trial_that_may_be_tried_again_fails(self):
        with pytest.raises(DivergedError, match="non-finite loss after step 2"):
            self.broken(ALGORITHM, num_failures=1, max_failures=2).step()

    @pytest.mark.parametrize(("num_failures", "max_failures"), [(0, 0), (2, 2), (3, 2)])
    def test_a_trial_without_retries_left_ends_as_diverged(self, num_failures, max_failures):
        result = self.broken(ALGORITHM, num_failures=num_failures, max_failures=max_failures).step()
        assert (result["status"], result["done"], result["score"], result["sentences"]) == ("diverged", True, None, {})

    def test_a_member_reports_it_and_does_not_end(self):
        result = self.broken(MEMBER).step()
        assert (result["status"], result["done"], result["score"]) == ("diverged", False, None)

    @pytest.mark.parametrize(("num_failures", "fails"), [(0, True), (2, False)])
    def test_a_member_that_is_not_re_seeded_is_treated_as_any_other_trial(self, num_failures, fails):
        member = self.broken(MEMBER, num_failures=num_failures, max_failures=2, reseeds_members=False)
        if fails:
            with pytest.raises(DivergedError):
                member.step()
        else:
            assert member.step()["done"]

    def test_a_member_ends_with_its_budget(self):
        assert self.broken(MEMBER, steps_before=3).step()["done"]

    def test_a_diverged_member_continues_as_a_clone(self, tmp_path):
        donor = trainable_of(config_of(OTHER))
        donor.step()
        donor.step()
        donor.save_checkpoint(str(tmp_path))
        member = self.broken(MEMBER)
        member.step()
        (tmp_path / "custom").mkdir()
        member.save_checkpoint(str(tmp_path / "custom"))
        member.take_config(config_of(MEMBER, until=3, generation=2, parent="member-1", next_knot=NOISE))
        member.load_checkpoint(str(tmp_path))
        result = member.step()
        assert (result["status"], result["step"], result["done"]) == ("running", 6, False)
        assert math.isfinite(result["train_loss_nats"])

    def test_only_an_attempt_after_a_divergence_has_other_draws(self):
        first = Assignment(spec=ALGORITHM)
        retries = [first.after_failure(num_failures=1, diverged=diverged) for diverged in (False, True)]
        plain, crashed, diverged = (
            trainable_of(each.to_dict()).step()["train_loss_nats"] for each in (first, *retries)
        )
        assert plain == crashed != diverged


def test_the_result_beside_a_checkpoint_has_no_sentences(tmp_path):
    trainable = trainable_of(config_of(ALGORITHM))
    trainable._last_result = result = trainable.step()
    assert result["sentences"]["validation"].num_sentences == 8
    trainable.save_checkpoint(str(tmp_path))
    assert trainable._last_result == {name: value for name, value in result.items() if name != "sentences"}
