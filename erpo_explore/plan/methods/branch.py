"""Branch, model, race: branches of a tree of checkpoints that a model of all scores proposes, one by one."""

from erpo_explore.advice.choose import raml_temperature
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.search import Search
from erpo_explore.plan.methods.method import PricedPhases, SearchMethod
from erpo_explore.search.turns import REFERENCE, Turns
from erpo_explore.trial import TrialSpec

__all__ = ["METHOD", "turns_of", "with_default_candidates"]


def turns_of(experiment: Experiment, metric: str) -> Turns:
    """The algorithms that take turns in an experiment.

    Args:
        experiment: Its budget is in steps.
        metric: Name of the task's metric.

    Raises:
        ConfigError: A run has fewer reports than phases.
    """
    training = experiment.training
    return Turns.from_search(experiment.search, metric, num_intervals=training.steps // training.interval)


def with_default_candidates(search: Search, vocabulary_size: int) -> Search:
    """The search with named algorithms that suit a vocabulary, where it names none."""
    if search.method != "branch" or search.candidates:
        return search
    return search.model_copy(
        update={
            "candidates": {
                REFERENCE: {},
                "label_smoothing": {"epsilon": 0.1},
                "raml": {"metric": "edit", "temperature": raml_temperature(vocabulary_size)},
                "data_noising": {"gamma": 0.1},
                "grpo": {"samples": 4},
            }
        }
    )


def _plan(experiment: Experiment, metric: str) -> list[TrialSpec]:
    """No trials: each one depends on the scores of earlier ones."""
    turns_of(experiment, metric)
    return []


def _priced(experiment: Experiment, metric: str) -> list[PricedPhases]:
    """As many trainings of maximum likelihood as there are members, since the budget is time in this unit.

    The other algorithms have no share, and are priced nevertheless.
    """
    reference, *others = turns_of(experiment, metric).points
    return [((1.0, reference), *((0.0, other) for other in others))] * experiment.search.members


METHOD = SearchMethod(
    plan=_plan,
    num_suggested=lambda search: search.members * search.phases,
    searcher="erpo_explore.tune.schedulers.branch_searcher:PlannedThenBranches",
    priced=_priced,
    turns=turns_of,
)
