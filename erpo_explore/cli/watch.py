"""`explore.py watch`."""

from typing import Annotated

import typer

from erpo_explore.cli.app import Results
from erpo_explore.cli.output import say

__all__ = ["watch"]


def watch(
    results: Results,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 for any free one.")] = 8765,
) -> None:
    """Serve the report in a browser while the exploration runs; Ctrl-C ends the server.

    \b
    Example:
      explore.py watch results/multi30k
    """  # noqa: D301
    from erpo_explore.store.manifest import load_manifest

    load_manifest(results)  # before what takes seconds to import
    from erpo_explore.report.watch import LiveReport, ReportServer
    from erpo_explore.store.files import as_location

    with ReportServer(LiveReport(as_location(results)), port) as server:
        say(f"the report of {results} is at {server.url}; Ctrl-C ends this server, not the exploration")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
