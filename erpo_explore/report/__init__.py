"""The atlas: where in the space which score was seen, which differences are real, and a report that shows it."""

from erpo_explore.analysis.contrasts import algorithm_contrasts, searched_contrasts
from erpo_explore.analysis.curves import learning_curves
from erpo_explore.analysis.importance import Importances, importances
from erpo_explore.analysis.landscape import simplex_surface, stands, temperature_surface
from erpo_explore.analysis.lineage import forest, walked
from erpo_explore.analysis.pareto import pareto_set
from erpo_explore.analysis.points import comparison, map_points, point_table
from erpo_explore.analysis.trial_table import trial_table
from erpo_explore.report.export import FORMATS, write_figures
from erpo_explore.report.replay_report import ReplayReport, read_replay, write_replay
from erpo_explore.report.report import Report, read_report, render_report, save_report, write_report
from erpo_explore.report.word_diff import word_diff
from erpo_explore.stats.seeds import Difference, Interval, difference, interval

__all__ = [
    "FORMATS",
    "Difference",
    "Importances",
    "Interval",
    "ReplayReport",
    "Report",
    "algorithm_contrasts",
    "comparison",
    "difference",
    "forest",
    "importances",
    "interval",
    "learning_curves",
    "map_points",
    "pareto_set",
    "point_table",
    "read_replay",
    "read_report",
    "render_report",
    "save_report",
    "searched_contrasts",
    "simplex_surface",
    "stands",
    "temperature_surface",
    "trial_table",
    "walked",
    "word_diff",
    "write_figures",
    "write_replay",
    "write_report",
]
