"""The verdict of an exploration: what is better than maximum likelihood, by how much, and how sure that is.

Compared are the best validation scores of finished runs, as in `analysis.contrasts`, with the tests of a replay: a
t-test over seeds and a paired bootstrap over sentences, corrected by Holm for the number of algorithms. A searched
trial is one run of the best of many, so it is named here and tested by a replay.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from erpo_explore.analysis.branches import BranchSearch
from erpo_explore.analysis.contrasts import algorithm_runs, best_reports
from erpo_explore.analysis.points import higher_is_better, point_table, scored
from erpo_explore.analysis.replay import replay_table
from erpo_explore.store import load_manifest, load_results
from erpo_explore.store.columns import VALIDATION
from erpo_explore.store.files import Location

__all__ = ["BASELINE", "Handed", "Lead", "Searched", "Verdict", "find_verdict", "load_verdict"]

BASELINE: Final = "mle"
"""Name of maximum likelihood among the algorithms."""

SEED: Final = 0  # of the resampled corpora, so that reading a folder twice gives the same verdict

_COLUMNS: Final = (
    "trial", "role", "algorithm", "seed", "iteration", "step", "score", "objective", "status", "elapsed_s",
    "tokens_per_s", "alpha", "beta", "rho", "tau", "reward_truth", "reward_noise", "reward_task", "reward_model",
    "metric",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Difference between an algorithm and maximum likelihood, in points of the score.

    Attributes:
        algorithm: Name of the algorithm or path.
        num_seeds: Number of its seeds with a score.
        mean: Its mean score over seeds.
        difference: Its mean score minus that of maximum likelihood.
        gain: The difference, negated where less is better.
        low: Lower end of the 95 % interval over seeds; None for too few seeds.
        high: Upper end of that interval.
        p_value: The larger p-value of seeds and of sentences, corrected for the number of algorithms; None for too few
            seeds.
        verdict: `better` or `worse` beyond noise, `unclear` within noise, or `untested` for too few seeds.
    """

    algorithm: str
    num_seeds: int
    mean: float
    difference: float
    gain: float
    low: float | None
    high: float | None
    p_value: float | None
    verdict: Literal["better", "worse", "unclear", "untested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The best trial of the search.

    Attributes:
        trial: Its name.
        score: Its best score, of one run.
        num_trials: Number of searched trials with a score.
    """

    trial: str
    score: float
    num_trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a search by branches hands over: the field `handover` of `exploration.yaml`.

    Attributes:
        name: The path in words: the best algorithm alone where no path is surely better than maximum likelihood.
        seeds: Number of seeds on which it was trained from its beginning to its end.
        is_sure: Whether the most promising path is above maximum likelihood with p < 0.05.
        leader: The most promising path, in words.
        leader_seeds: Number of seeds on which it was trained.
        score: Its expected score.
        gain: Its expected gain over maximum likelihood; more is better.
        low: Lower end of the gain's 95 % interval.
        high: Upper end of it.
        p_value: Probability that it gains nothing.
        point: The best algorithm alone, in words.
        point_gain: Expected gain of the most promising path over it.
        point_p_value: Probability that it gains nothing over it.
        num_runs: Number of whole runs, of the search and of its baselines; 0 where it is not recorded.
        num_paths: Number of different paths among them.
        num_dropped: Number of paths with a chance below 5 % to be better than the most promising one.
    """

    name: str
    seeds: int
    is_sure: bool
    leader: str
    leader_seeds: int
    score: float
    gain: float
    low: float
    high: float
    p_value: float
    point: str
    point_gain: float
    point_p_value: float
    num_runs: int = 0
    num_paths: int = 0
    num_dropped: int = 0

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "Handed | None":
        """Read `exploration.yaml`; None where the search hands nothing over."""
        written = manifest.get("handover")
        if not isinstance(written, Mapping):
            return None
        leader = written["leader"]
        gain, over_point = leader["over_mle"], leader["over_point"]
        search = BranchSearch.from_manifest(manifest)
        return cls(
            name=written["name"],
            seeds=written["seeds"],
            is_sure=written["is_sure"],
            leader=leader["name"],
            leader_seeds=leader["seeds"],
            score=leader["score"],
            gain=gain["mean"],
            low=gain["low"],
            high=gain["high"],
            p_value=gain["p_value"],
            point=over_point["name"],
            point_gain=over_point["mean"],
            point_p_value=over_point["p_value"],
            num_runs=0 if search is None else search.num_ended,
            num_paths=0 if search is None else search.num_tried,
            num_dropped=0 if search is None else search.num_dropped,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is better than maximum likelihood.

    Attributes:
        score_name: Name of the metric.
        higher_is_better: Direction of the metric.
        num_running: Number of trials that are still running; they do not count.
        baseline_mean: Mean score of maximum likelihood; None where no run of it has finished.
        num_seeds: Number of its seeds with a score.
        leads: The other algorithms and paths against maximum likelihood, the best first; empty without a baseline.
        searched: The best trial of the search; None without one.
        handed: What a search by branches hands over; None for another search.
    """

    score_name: str
    higher_is_better: bool
    num_running: int
    baseline_mean: float | None
    num_seeds: int
    leads: tuple[Lead, ...]
    searched: Searched | None
    handed: Handed | None = None

    @property
    def better(self) -> tuple[Lead, ...]:
        """What is better than maximum likelihood beyond noise, the best first."""
        return tuple(lead for lead in self.leads if lead.verdict == "better")

    @property
    def search_leads(self) -> bool:
        """Whether the best trial of the search has a better score than the mean of every algorithm."""
        sign = 1.0 if self.higher_is_better else -1.0
        means = [lead.mean for lead in self.leads]
        means += [self.baseline_mean] if self.baseline_mean is not None else []
        return self.searched is not None and all(sign * (self.searched.score - mean) > 0.0 for mean in means)


def find_verdict(
    observations: pd.DataFrame,
    sentences: pd.DataFrame,
    score_name: str,
    generator: np.random.Generator,
    *,
    handed: Handed | None = None,
) -> Verdict:
    """Compare every algorithm with maximum likelihood.

    Args:
        observations: The observations table.
        sentences: Rows of the table `sentences` of `best_reports` and the validation split; may be empty.
        score_name: Name of the metric.
        generator: Draws the resampled corpora.
        handed: What a search by branches hands over.
    """
    last = observations.sort_values("iteration", kind="stable").groupby("trial").tail(1)
    running = set(last.loc[last["status"] == "running", "trial"])
    ended = observations[~observations["trial"].isin(running)]
    runs = {each.name: each for each in algorithm_runs(ended, sentences)}
    baseline = runs.get(BASELINE)
    more = higher_is_better(observations)
    leads: tuple[Lead, ...] = ()
    if baseline is not None:
        table = replay_table(list(runs.values()), BASELINE, generator)
        leads = tuple(_lead(row, more) for row in table.iloc[1:].to_dict("records"))
    return Verdict(
        score_name=score_name,
        higher_is_better=more,
        num_running=len(running),
        baseline_mean=None if baseline is None else float(np.mean(list(baseline.scores.values()))),
        num_seeds=0 if baseline is None else len(baseline.scores),
        leads=leads,
        searched=_searched(ended),
        handed=handed,
    )


def load_verdict(folder: Location, score_name: str) -> Verdict:
    """The verdict of a results folder.

    Args:
        folder: Results folder, a path or a URI.
        score_name: Name of the metric.

    Raises:
        ResultsError: The folder holds no exploration.
    """
    observations = load_results(folder, columns=_COLUMNS)
    sentences = pd.DataFrame()
    if len(scored(observations)):
        reports = best_reports(observations)
        rows = load_results(folder, "sentences", trials=reports["trial"].tolist())
        sentences = rows[rows["split"] == VALIDATION].merge(reports, on=["trial", "iteration"])
    handed = Handed.from_manifest(load_manifest(folder))
    return find_verdict(observations, sentences, score_name, np.random.default_rng(SEED), handed=handed)


def _lead(row: Mapping[Hashable, Any], more: bool) -> Lead:
    """A row of `replay_table`, which has the baseline's difference to the algorithm, with its sign turned."""
    low, high = _known(row["difference_high"]), _known(row["difference_low"])
    p_value = _known(row["holm_p_value"])
    word: Literal["better", "worse", "unclear", "untested"] = "untested"
    if p_value is not None:
        word = {"beats": "worse", "worse": "better"}.get(row["verdict"], "unclear")  # type: ignore[assignment]
    return Lead(
        algorithm=str(row["algorithm"]),
        num_seeds=int(row["n"]),
        mean=float(row["mean"]),
        difference=0.0 - float(row["difference"]),
        gain=-float(row["difference"]) if more else float(row["difference"]),
        low=None if low is None else -low,
        high=None if high is None else -high,
        p_value=p_value,
        verdict=word,
    )


def _searched(observations: pd.DataFrame) -> Searched | None:
    trials = point_table(observations)
    found = trials[trials["algorithm"].isna() & trials["best_score"].notna()]
    if found.empty:
        return None
    best = found.iloc[0]
    return Searched(trial=str(best["trial"]), score=float(best["best_score"]), num_trials=len(found))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
