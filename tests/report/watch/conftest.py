import threading

import pytest

from erpo_explore.report.watch import LiveReport, ReportServer
from tests.example_exploration import write_example


@pytest.fixture
def folder(tmp_path):
    """The example exploration, to be written to."""
    return write_example(tmp_path / "results" / "toy_space")


@pytest.fixture
def serve():
    """Serves live reports for as long as the test runs: serve(live) -> server."""
    servers = []

    def start(live: LiveReport) -> ReportServer:
        server = ReportServer(live, port=0)
        servers.append((server, threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})))
        servers[-1][1].start()
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
