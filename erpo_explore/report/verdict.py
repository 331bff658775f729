"""The verdict of an exploration in words. The command line, the report and Python show these sentences.

For a metric of errors, the sentences have the error rate, which is 100 minus the score.
"""

from typing import Final

from erpo_explore.analysis.verdict import Lead, Verdict

__all__ = ["verdict_sentences"]

_ERROR_RATES: Final = {"edit": "token error rate"}
"""Metrics whose score is 100 minus an error rate, with the name of the rate."""


def verdict_sentences(verdict: Verdict) -> tuple[str, ...]:
    """What is better than maximum likelihood, by how much and how sure; then what the search found."""
    sentences = [_outcome(verdict), *_searched(verdict)]
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
        if best.difference > 0.0:
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
    rate = _ERROR_RATES.get(verdict.score_name)
    size = abs(lead.difference)
    if rate is not None:
        less = "less" if lead.difference > 0.0 else "more"
        return f"a {rate} of {100.0 - lead.mean:.2f} % against {100.0 - baseline:.2f} %, {size:.2f} {less}"
    more = "more" if lead.difference > 0.0 else "less"
    return f"{verdict.score_name} {lead.mean:.2f} against {baseline:.2f}, {size:.2f} {more}"


def _searched(verdict: Verdict) -> list[str]:
    """What the search found: one run, whose luck a replay tests."""
    found = verdict.searched
    if found is None or verdict.baseline_mean is None:
        return []
    rate = _ERROR_RATES.get(verdict.score_name)
    amount = f"{found.score:.2f}" if rate is None else f"{100.0 - found.score:.2f} %"
    if not verdict.search_leads:
        return [f"The search found no better path: its best trial has {amount}."]
    return [
        f"The search found a path with {amount}. That is one run, the best of {found.num_trials}, so it may be luck: "
        "replay it with new seeds."
    ]


def _p_value(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _and(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
