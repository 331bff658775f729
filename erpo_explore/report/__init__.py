"""Reports of a results folder: figures, one HTML page, the table of a replay, and the page that follows a run."""

from erpo_explore.report.export import FORMATS, write_figures
from erpo_explore.report.replay_report import ReplayReport, read_replay, write_replay
from erpo_explore.report.report import Report, read_report, render_report, save_report, write_report

__all__ = [
    "FORMATS",
    "ReplayReport",
    "Report",
    "read_replay",
    "read_report",
    "render_report",
    "save_report",
    "write_figures",
    "write_replay",
    "write_report",
]
