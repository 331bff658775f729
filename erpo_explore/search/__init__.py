"""Many runs: an exploration on Ray Tune, the population that anneals paths, proposals, decisions, replay."""

from erpo_explore.search.exploration import Outcome, explore, resume

__all__ = ["Outcome", "explore", "resume"]
