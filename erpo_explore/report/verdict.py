"""The verdict of an exploration in words. The command line, the report and Python show these sentences."""

from erpo_explore.analysis.verdict import Handed, Lead, Verdict
from erpo_explore.search.handover import SURE

__all__ = ["verdict_sentences"]


def verdict_sentences(verdict: Verdict) -> tuple[str, ...]:
    """What is better than maximum likelihood, by how much and how sure; then what the search found.

    What a search by branches hands over comes first.
    """
    handed = _handed(verdict, verdict.handed) if verdict.handed is not None else []
    sentences = [*handed, _outcome(verdict), *([] if handed else _searched(verdict))]
    if verdict.num_running:
        trials = "1 trial is" if verdict.num_running == 1 else f"{verdict.num_running} trials are"
        sentences.append(f"This may change: {trials} still running and not counted.")
    return tuple(sentences)


def _outcome(verdict: Verdict) -> str:
    if verdict.baseline_mean is None:
        return "Maximum likelihood (mle) has no finished run, so nothing can be compared with it."
    if not verdict.leads:
        return "No other algorithm was trained to compare with maximum likelihood (mle)."
    best = verdict.leads[0]
    if all(lead.verdict == "untested" for lead in verdict.leads):
        ahead = "Nothing is ahead of maximum likelihood"
        if best.gain > 0.0:
            ahead = f"{best.algorithm} is ahead of maximum likelihood: {_amounts(verdict, best)}"
        return f"{ahead}. But one seed cannot tell that from luck; num_seeds: 5 can."
    if verdict.better:
        best, *others = verdict.better
        sentence = f"{best.algorithm} is better than maximum likelihood: {_told(verdict, best)}."
        if others:
            sentence += (
                f" {_and([lead.algorithm for lead in others])} {'is' if len(others) == 1 else 'are'} better, too."
            )
        return sentence
    beyond = "" if all(lead.verdict == "worse" for lead in verdict.leads) else ", beyond noise"
    return f"Nothing is better than maximum likelihood{beyond}. The next is {best.algorithm}: {_told(verdict, best)}."


def _told(verdict: Verdict, lead: Lead) -> str:
    """Both scores, their difference, its interval and its p-value."""
    if lead.low is None or lead.high is None or lead.p_value is None:
        return f"{_amounts(verdict, lead)}, with too few seeds to tell"
    low, high = (lead.low, lead.high) if lead.difference >= 0.0 else (-lead.high, -lead.low)
    return (
        f"{_amounts(verdict, lead)} (95 % interval {low:.2f} to {high:.2f} over {lead.num_seeds} seeds, "
        f"{_p_value(lead.p_value)})"
    )


def _amounts(verdict: Verdict, lead: Lead) -> str:
    """Both scores and their difference."""
    baseline = lead.mean - lead.difference
    more = "more" if lead.difference > 0.0 else "less"
    return f"{verdict.score_name} {lead.mean:.2f} against {baseline:.2f}, {abs(lead.difference):.2f} {more}"


def _handed(verdict: Verdict, handed: Handed) -> list[str]:
    """The path that is handed over, how sure its gain is, and whether the best algorithm alone is as good."""
    more = "more" if (handed.gain >= 0.0) == verdict.higher_is_better else "less"
    low, high = (handed.low, handed.high) if handed.gain >= 0.0 else (-handed.high, -handed.low)
    expected = (
        f"an expected {verdict.score_name} of {handed.score:.2f}, {abs(handed.gain):.2f} {more} than maximum "
        f"likelihood (95 % interval {low:.2f} to {high:.2f}, {_p_value(handed.p_value)})"
    )
    tried = _tried(handed)
    if handed.is_sure:
        sentence = f"The search hands over {handed.name}, seen on {_seeds(handed.seeds)}: {expected}."
        return [sentence, *_over_point(handed), *tried]
    sentence = f"The search is not sure of any path, and hands over {handed.name}, seen on {_seeds(handed.seeds)}"
    if handed.leader == handed.name:
        return [f"{sentence}: {expected}.", *tried]
    leader = f"The most promising path is {handed.leader}, seen on {_seeds(handed.leader_seeds)}: {expected}."
    return [f"{sentence}. {leader}", *tried]


def _over_point(handed: Handed) -> list[str]:
    """Whether taking turns is what helps."""
    if handed.point == handed.leader:
        return []
    if handed.point_p_value < SURE:
        return [f"It is better than {handed.point} alone, too ({_p_value(handed.point_p_value)})."]
    return [f"{handed.point} alone may be as good: one cannot tell them apart ({_p_value(handed.point_p_value)})."]


def _tried(handed: Handed) -> list[str]:
    """What was tried, and how much of it was dropped for which reason."""
    if not handed.num_runs:
        return []
    paths = "1 path" if handed.num_paths == 1 else f"{handed.num_paths} paths"
    runs = "1 run" if handed.num_runs == 1 else f"{handed.num_runs} runs"
    sentence = f"It tried {paths} in {runs}"
    if not handed.num_dropped:
        return [f"{sentence}, and dropped none."]
    return [
        f"{sentence}, and dropped {handed.num_dropped}: the chance to be better than the most promising path fell "
        "below 5 %."
    ]


def _seeds(number: int) -> str:
    return "1 seed" if number == 1 else f"{number} seeds"


def _searched(verdict: Verdict) -> list[str]:
    """What the search found: one run, whose luck a replay tests."""
    found = verdict.searched
    if found is None or verdict.baseline_mean is None:
        return []
    if not verdict.search_leads:
        return [f"The search found no better path: its best trial has {found.score:.2f}."]
    return [
        f"The search found a path with {found.score:.2f}. That is one run, the best of {found.num_trials}, so it may "
        "be luck: replay it with new seeds."
    ]


def _p_value(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _and(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
