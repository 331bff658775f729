"""What a trial does next, as a value and as its Tune config."""

import json

import pytest

from erpo_explore.trial.assignment import Assignment
from tests.trial.tiny import MIXTURE, PATHS, spec_of

SPEC = spec_of(PATHS["mle"], name="member-0", role="member")
ASSIGNMENTS = (
    Assignment(spec=SPEC),
    Assignment(spec=SPEC, until=3, generation=2, parent="member-3", next_knot=MIXTURE, cloned_at=2, num_reseeds=1),
    Assignment(spec=SPEC, num_failures=4, failures_when_judged=3, attempt=2),
)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_it_survives_a_round_trip_through_plain_values(assignment):
    assert Assignment.from_dict(json.loads(json.dumps(assignment.to_dict()))) == assignment


def test_its_plain_form_has_the_ten_keys_of_a_tune_config():
    assert Assignment(spec=SPEC).to_dict() == {
        "spec": SPEC.to_dict(),
        "until": None,
        "generation": 0,
        "parent": None,
        "next_knot": None,
        "cloned_at": 0,
        "num_reseeds": 0,
        "num_failures": 0,
        "failures_when_judged": 0,
        "attempt": 0,
    }


def test_searched_coordinates_beside_it_are_ignored():
    assert Assignment.from_dict(ASSIGNMENTS[1].to_dict() | {"task": 0.3, "metric": "bleu"}) == ASSIGNMENTS[1]


@pytest.mark.parametrize(("diverged", "attempt"), [(False, 2), (True, 3)])
def test_only_divergence_begins_another_attempt(diverged, attempt):
    after = ASSIGNMENTS[2].after_failure(num_failures=5, diverged=diverged)
    assert (after.num_failures, after.attempt) == (5, attempt)
    assert after.failures_when_judged == 3
