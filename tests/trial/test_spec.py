import dataclasses
import json
import math

import pytest

from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.trial import TrialSpec

POLICY_GRADIENT = Point(reward=Reward(task=1.0), alpha=math.inf, beta=0.0)
SPECS = (
    TrialSpec(name="mle-s1", role="algorithm", algorithm="mle", seed=1, path=algorithm("mle").path("bleu")),
    TrialSpec(name="paper", role="path", algorithm="paper", seed=2, path=algorithm("interpolation").path("rouge")),
    TrialSpec(name="member-0", role="member", algorithm=None, seed=0, path=Path.constant(POLICY_GRADIENT)),
)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_from_dict_reads_what_to_dict_wrote_even_through_text(spec):
    assert TrialSpec.from_dict(spec.to_dict()) == spec
    assert TrialSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_spec_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPECS[0].seed = 2
