"""Search methods: how trials are chosen, one file per method. No Ray.

`erpo_explore.config.methods` lists them by name. A method from outside the package is a `SearchMethod` that the
experiment names as `package.module:object`.
"""

from erpo_explore.plan.methods.method import PricedPhases, SearchMethod, check_installed, find_method
from erpo_explore.plan.methods.searched import searched_trial

__all__ = ["PricedPhases", "SearchMethod", "check_installed", "find_method", "searched_trial"]
