"""Reports of a results folder: figures, one HTML page, the table of a replay, and the page that follows a run.

Names are imported when they are first used, since plotly and scikit-learn take seconds.
"""

from typing import TYPE_CHECKING

from erpo_explore.lazy_import import lazy_names

if TYPE_CHECKING:
    from erpo_explore.report.export import write_figures
    from erpo_explore.report.formats import FORMATS, Format
    from erpo_explore.report.replay_report import ReplayReport, read_replay, write_replay
    from erpo_explore.report.report import Report, read_report, render_report, save_report, write_report

__all__ = [
    "FORMATS",
    "Format",
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

__getattr__ = lazy_names(
    __name__,
    {
        "FORMATS": "formats",
        "Format": "formats",
        "ReplayReport": "replay_report",
        "Report": "report",
        "read_replay": "replay_report",
        "read_report": "report",
        "render_report": "report",
        "save_report": "report",
        "write_figures": "export",
        "write_replay": "replay_report",
        "write_report": "report",
    },
)
