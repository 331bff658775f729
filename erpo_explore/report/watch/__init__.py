"""The report in a browser while an exploration runs: a page on this machine alone that keeps itself up to date.

`LiveReport` draws a folder anew when it has changed, `ReportServer` hands that to browsers, and `page.html` with
`page.js` puts one report in the place of the last without losing where the reader was. Nothing is written into the
folder.
"""

from erpo_explore.report.watch.live_report import LiveReport, Status
from erpo_explore.report.watch.server import ReportServer

__all__ = ["LiveReport", "ReportServer", "Status"]
