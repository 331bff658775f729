"""The atlas: where in the space which score was seen, which differences are real, and a report that shows it."""

from erpo_explore.atlas.lineage import forest, walked
from erpo_explore.atlas.pareto import pareto_set
from erpo_explore.atlas.replay_report import ReplayReport, read_replay, write_replay
from erpo_explore.atlas.report import write_report
from erpo_explore.atlas.significance import Difference, Interval, difference, interval
from erpo_explore.atlas.surface import comparison, map_points, point_table

__all__ = [
    "Difference",
    "Interval",
    "ReplayReport",
    "comparison",
    "difference",
    "forest",
    "interval",
    "map_points",
    "pareto_set",
    "point_table",
    "read_replay",
    "walked",
    "write_replay",
    "write_report",
]
