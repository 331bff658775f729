"""Reports of trials and a recorder for them, without Ray."""

import copy
from dataclasses import replace

import numpy as np

from erpo_explore.space import Path, Point, Reward
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import ResultsWriter
from erpo_explore.trial import Observation, Sample, Scores, TrialSpec
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.scoreboard import Scoreboard

TRUTH = Point(reward=Reward(truth=1.0))
NOISE = Point(reward=Reward(truth=0.7, noise=0.3))
KNOTTED = Path(knots=((0.0, TRUTH), (0.25, NOISE)))
ALGORITHM = TrialSpec(name="mle-s1", role="algorithm", algorithm="mle", seed=1, path=Path.constant(TRUTH))
MEMBERS = tuple(
    TrialSpec(name=f"member-{index}", role="member", algorithm=None, seed=1 + index, path=KNOTTED) for index in range(2)
)
MEMBER = MEMBERS[0]


def new_recorder(folder):
    """A recorder with one named algorithm and two members."""
    created = ResultsWriter.create(folder, {"exploration": "tiny"}).folder
    recorder = Recorder(exploration="tiny", task="toy", model="lstm", metric="bleu", scoreboard=Scoreboard(created))
    recorder.begin([ALGORITHM, *MEMBERS])
    return recorder


def statistics_of(score):
    """Statistics of two sentences with this mean, which single precision cannot hold."""
    values_ND = np.array([[score - 0.1, score, score + 0.3], [score, score, score - 0.2]], dtype=np.float32)
    return CorpusStatistics(kind="mean", values_ND=values_ND)


def observe(recorder, spec, result):
    """Record a report as `RecordingCallback` does."""
    recorder.scoreboard.note_report(spec.name, result)
    recorder.observe(spec, result)


def report(iteration, score, *, status="running", **changes):
    """The result of an interval, with Tune's own fields."""
    sample = Sample(index=0, source="a", reference="b", hypothesis=f"c {score}", sentence_score=50.0)
    scores = None
    if score is not None:
        scores = Scores(
            validation_nll_nats=2.0,
            bleu=score,
            score=score,
            objective=score,
            signature="BLEU",
            statistics=statistics_of(score),
            samples=(sample,),
        )
    observation = Observation(
        step=10 * iteration,
        progress=iteration / 4,
        point=NOISE,
        path=KNOTTED,
        status=status,
        train_loss_nats=1.5 if scores else None,
        scores=scores,
        entropy_nats=0.5,
        mean_reward=None,
        effective_sample_size=None,
        tokens_per_s=1000.0,
        elapsed_s=2.0 * iteration,
        device="cpu",
    )
    tunes = {"training_iteration": iteration, "trial_id": "f00d_00000", "time_total_s": 7.0, "hostname": "here"}
    known = {"generation": 2, "parent": "member-1", "node": "here", "done": status != "running"}
    return observation.to_row() | tunes | known | changes


def fresh_copy(recorder):
    """The recorder of a later driver, which has read nothing yet."""
    return replace(copy.copy(recorder), scoreboard=copy.copy(recorder.scoreboard))
