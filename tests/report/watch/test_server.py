import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.report.watch import LiveReport, ReportServer
from erpo_explore.report.watch.server import HOST, is_own_name
from tests.report.watch.test_live_report import CountingWriter, settled


def get(server, path, **headers):
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection(HOST, server.server_port)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


@pytest.fixture
def server(exploration, serve):
    live = LiveReport(exploration, CountingWriter())
    settled(live, 1)
    return serve(live)


def test_the_server_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8765", True),
        ("LOCALHOST", True),
        ("127.0.0.1:1", True),
        ("[::1]:8765", True),
        ("[::1]", True),
        ("evil.example:8765", False),
        ("localhost.evil.example", False),
        ("evil.example:8765:localhost", False),
        ("127.0.0.1.evil.example:8765", False),
        ("", False),
        (None, False),
    ],
)
def test_only_local_host_names_are_served(host, expected):
    assert is_own_name(host) is expected


@pytest.mark.parametrize("path", ["/", "/status", "/report", "/page.js"])
def test_a_foreign_host_name_reads_nothing(path, server, exploration):
    status, _, body = get(server, path, Host=f"evil.example:{server.server_port}")
    assert (status, body) == (403, b"only localhost is served\n")


def test_page_parts_and_report_are_served(server):
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        status, headers, body = get(server, path)
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert body
    assert get(server, "/report?version=1")[2] == b"<p>1"


def test_the_status_describes_the_exploration(server, exploration):
    status = json.loads(get(server, "/status")[2])
    assert status["folder"] == str(exploration)
    assert (status["version"], status["ended"], status["error"]) == (1, False, None)
    assert status["age_s"] > 0


@pytest.mark.parametrize("path", ["/nix", "/../pyproject.toml", "/server.py", "//etc/passwd"])
def test_unknown_paths_are_not_found(path, server):
    assert get(server, path)[0] == 404


def test_there_is_no_report_before_the_first_score(exploration, serve):
    assert get(serve(LiveReport(exploration, CountingWriter())), "/report")[0] == 404


def test_a_large_report_is_compressed(exploration, serve):
    def long(results: Path, output: Path) -> Path:
        output.write_text("a" * 200_000)
        return output

    live = LiveReport(exploration, long)
    settled(live, 1)
    _, headers, body = get(serve(live), "/report", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert len(body) < 10_000
    assert gzip.decompress(body) == b"a" * 200_000


def test_a_port_that_is_taken_is_named_with_the_remedy(exploration, server):
    with pytest.raises(ConfigError, match=rf"--port {server.server_port} is taken; .* --port 0"):
        ReportServer(LiveReport(exploration, CountingWriter()), server.server_port)


def test_the_command_serves_until_ctrl_c_and_ends_quietly(exploration):
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    command = [sys.executable, Path(__file__).parents[3] / "explore.py", "watch", exploration, "--port", str(port)]
    watching = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert f"http://127.0.0.1:{port}/".encode() in watching.stdout.readline()
    connection = http.client.HTTPConnection(HOST, port)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()
    watching.send_signal(signal.SIGINT)
    _, output = watching.communicate()
    assert (watching.returncode, output) == (0, b"")
