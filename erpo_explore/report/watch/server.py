"""Web server of one live report: reachable from this machine only, and only by its own pages."""

import errno
import gzip
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from erpo_explore.errors import ConfigError
from erpo_explore.report.watch.live_report import LiveReport

__all__ = ["HOST", "ReportServer"]

HOST: Final = "127.0.0.1"
_OWN_NAMES: Final = ("localhost", HOST, "[::1]")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PARTS: Final = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}


class ReportServer(ThreadingHTTPServer):
    """Serves one live report until it is shut down."""

    daemon_threads = True

    def __init__(self, live: LiveReport, port: int) -> None:
        """Open the port.

        Args:
            live: Report to serve.
            port: Port on 127.0.0.1; 0 for any free one.

        Raises:
            ConfigError: The port cannot be opened.
        """
        self.live = live
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
            raise ConfigError(f"--port {port} {why}; choose another one, or --port 0 for any that is free") from error

    @property
    def url(self) -> str:
        """URL of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that the browser closed during a response."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of one browser."""

    server: ReportServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond with a part of the page, the report, or its status."""
        if not is_own_name(self.headers.get("Host")):
            # DNS rebinding: a foreign name that resolves to this machine would let a foreign page read the results
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"only localhost is served\n")
            return
        path = urlsplit(self.path).path
        if path in _PARTS:
            name, kind = _PARTS[path]
            self._answer(HTTPStatus.OK, kind, _part(name), {"Content-Security-Policy": _POLICY})
        elif path == "/status":
            self._answer(HTTPStatus.OK, "application/json", _status(self.server.live))
        elif path == "/report" and (page := self.server.live.page()) is not None:
            self._answer(HTTPStatus.OK, "text/html", page, {"X-Frame-Options": "SAMEORIGIN"})
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there is no such page\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes, more: Mapping[str, str] | None = None) -> None:
        headers = {"Content-Type": f"{kind}; charset=utf-8", **_ALWAYS, **(more or {})}
        # a report has several megabytes, and the browser may be at the other end of a tunnel
        if len(body) > 100_000 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        """Log nothing: a page requests the status every second."""


def is_own_name(host: str | None) -> bool:
    """Whether a `Host` header names this machine, with any port, such as that of a tunnel."""
    name = (host or "").strip().lower()
    ends_with_port = name.rpartition(":")[2].isdigit()
    return (name.rpartition(":")[0] if ends_with_port else name) in _OWN_NAMES


@lru_cache
def _part(name: str) -> bytes:
    """Read a file of this package."""
    return (files("erpo_explore.report.watch") / name).read_bytes()


def _status(live: LiveReport) -> bytes:
    """The status as JSON, with an age in place of a time, since clocks differ."""
    status = live.status()
    age_s = None if status.last_report_s is None else max(0.0, time.time() - status.last_report_s)
    return json.dumps({"folder": str(live.folder), "age_s": age_s, **asdict(status)}).encode()
