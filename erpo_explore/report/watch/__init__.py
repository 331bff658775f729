"""The report in a browser while an exploration runs: a local page that keeps itself up to date.

`LiveReport` redraws a folder when it has changed, and `ReportServer` serves it to browsers. `page.html` and `page.js`
replace the shown report without losing the reader's position. Nothing is written into the folder.
"""

from erpo_explore.report.watch.live_report import LiveReport, Status
from erpo_explore.report.watch.server import ReportServer

__all__ = ["LiveReport", "ReportServer", "Status"]
