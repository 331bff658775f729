import dataclasses
import math

import numpy as np
import pytest

from erpo_explore.space import Estimator, Path, Point, Reward, algorithm
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import ResultsWriter, load_results
from erpo_explore.trial import Observation, Sample, Scores

from .tiny import MIXTURE, TRUTH, stored

SAMPLE = Sample(index=0, source="a b", reference="c d", hypothesis="c", sentence_score=50.0)
BLEU = Scores(
    validation_nll_nats=2.0, bleu=12.5, score=12.5, objective=12.5, signature="BLEU|version:1", samples=(SAMPLE,)
)
ROUGE = Scores(
    validation_nll_nats=2.0,
    rouge1=30.0,
    rouge2=10.0,
    rougel=20.0,
    score=20.0,
    objective=20.0,
    signature="ROUGE|version:1",
)
OBSERVATION = Observation(
    step=100,
    progress=0.5,
    point=MIXTURE,
    path=Path(knots=((0.0, TRUTH), (0.5, MIXTURE))),
    status="running",
    train_loss_nats=1.5,
    scores=BLEU,
    entropy_nats=0.25,
    mean_reward=None,
    effective_sample_size=3.5,
    tokens_per_s=1000.0,
    elapsed_s=10.0,
    device="cpu",
)
POLICY_GRADIENT = Point(reward=Reward(task=1.0, metric="rouge"), alpha=math.inf, beta=0.0)
OBSERVATIONS = {
    "bleu": OBSERVATION,
    "rouge": dataclasses.replace(OBSERVATION, scores=ROUGE, status="finished"),
    "truth": dataclasses.replace(OBSERVATION, point=TRUTH, path=algorithm("mle").path("bleu")),
    "policy_gradient": dataclasses.replace(OBSERVATION, point=POLICY_GRADIENT, path=Path.constant(POLICY_GRADIENT)),
    "diverged": dataclasses.replace(OBSERVATION, scores=None, train_loss_nats=None, status="diverged"),
}


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_a_row_fits_the_store_and_keeps_its_values(name, tmp_path):
    writer = ResultsWriter.create(tmp_path / "tiny", {})
    row = stored(OBSERVATIONS[name].to_row())
    writer.append("observations", [row])
    kept = load_results(writer.folder).iloc[0]
    present = {column: value for column, value in row.items() if value is not None and column != "reported_at"}
    assert {column: kept[column] for column in present} == present
    assert kept[[column for column, value in row.items() if value is None]].isna().all()


def test_a_row_has_the_point_that_was_measured():
    row = OBSERVATION.to_row()
    weights = {name: row[f"reward_{name}"] for name in ("truth", "noise", "task", "model", "temperature")}
    written = {"reward": weights | {"metric": row["metric"]}, "prefix": row["prefix"], "label": row["label"]}
    assert Point.from_dict(written | {"rho": row["rho"], "tau": row["tau"]}) == MIXTURE
    assert Point.from_dict(written | {"alpha": row["alpha"], "beta": row["beta"]}) == MIXTURE
    assert row["point"] == str(MIXTURE)
    assert Path.from_dict(row["path"]) == OBSERVATION.path


def test_a_row_has_the_estimator_and_the_kind_of_noise():
    point = Point(
        reward=Reward(task=1.0, metric="chrf"), alpha=1.0, beta=0.0, estimator=Estimator(kind="sequence", samples=4)
    )
    row = dataclasses.replace(OBSERVATION, point=point).to_row()
    assert (row["estimator"], row["num_draws"], row["forced"], row["noise_kind"]) == ("sequence", 4, 0.0, None)
    noise = Point(reward=Reward(truth=0.9, noise=0.1, noise_kind="uniform"))
    assert dataclasses.replace(OBSERVATION, point=noise).to_row()["noise_kind"] == "uniform"


def test_a_metric_without_weight_is_left_out():
    row = OBSERVATIONS["truth"].to_row()
    assert (row["metric"], row["reward_temperature"]) == (None, None)


def test_the_limit_of_policy_gradient_has_infinite_tau():
    row = OBSERVATIONS["policy_gradient"].to_row()
    assert (row["alpha"], row["tau"], row["rho"], row["metric"]) == (math.inf, math.inf, 1.0, "rouge")


def test_samples_are_plain_values():
    assert OBSERVATION.to_row()["samples"] == [dataclasses.asdict(SAMPLE)]


def test_the_statistics_of_its_sentences_are_kept_apart_by_split():
    statistics = CorpusStatistics(kind="mean", values_ND=np.ones((2, 3), dtype=np.float32))
    scored = dataclasses.replace(OBSERVATION, scores=dataclasses.replace(ROUGE, statistics=statistics)).to_row()
    assert scored["sentences"] == {"validation": statistics}
    assert OBSERVATION.to_row()["sentences"] == OBSERVATIONS["diverged"].to_row()["sentences"] == {}


def test_a_diverged_run_has_no_scores_and_no_samples():
    row = OBSERVATIONS["diverged"].to_row()
    assert row["samples"] == []
    assert {row[name] for name in ("train_loss_nats", "validation_nll_nats", "bleu", "score", "signature")} == {None}
