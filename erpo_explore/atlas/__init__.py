"""The atlas: where in the space which score was seen, which differences are real, and a report that shows it."""

from erpo_explore.atlas.contrasts import algorithm_contrasts, searched_contrasts
from erpo_explore.atlas.curves import learning_curves
from erpo_explore.atlas.figure_files import FORMATS, write_figures
from erpo_explore.atlas.importance import Importances, importances
from erpo_explore.atlas.landscape import simplex_surface, stands, temperature_surface
from erpo_explore.atlas.lineage import forest, walked
from erpo_explore.atlas.pareto import pareto_set
from erpo_explore.atlas.replay_report import ReplayReport, read_replay, write_replay
from erpo_explore.atlas.report import Report, read_report, render_report, save_report, write_report
from erpo_explore.atlas.significance import Difference, Interval, difference, interval
from erpo_explore.atlas.surface import comparison, map_points, point_table
from erpo_explore.atlas.trial_table import trial_table
from erpo_explore.atlas.word_diff import word_diff

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
