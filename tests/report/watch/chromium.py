"""A headless Chromium that a test controls over DevTools' pipe, with the messages of its console."""

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.tools import find

CHROMIUM = find("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
]
_ANSWER_S = 120.0
"""A browser that is slower hangs, or its page has crashed."""


class Page:
    """One page of the browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from, self._number, self._rest = to_browser, from_browser, 0, b""
        self.events: list[dict[str, Any]] = []
        self._session: dict[str, str] = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the browser; what happens meanwhile is kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._from], [], [], _ANSWER_S)[0], "the browser does not answer"
            more = os.read(self._from, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        line, self._rest = self._rest.split(b"\0", 1)
        return json.loads(line)

    def evaluate(self, script: str) -> Any:
        """Value of a JavaScript expression; promises are waited for."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def click(self, x: float, y: float) -> None:
        """A press of the mouse, where a reader would press."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def wait_for(self, script: str, timeout_s: float = 600.0) -> Any:
        """Value of an expression once it is true."""
        end = time.monotonic() + timeout_s
        while not (value := self.evaluate(script)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.1)
        return value

    def complaints(self) -> list[dict[str, Any]]:
        """Errors and warnings of the console, and exceptions.

        Plotly's slider leaves a rejected promise, of the value undefined, where a step overtakes another's animation.
        """
        self.evaluate("1")
        return [
            event
            for event in self.events
            if (event["method"] == "Runtime.exceptionThrown" and not _is_overtaken(event))
            or (event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] in ("error", "warning"))
            or (
                event["method"] == "Runtime.consoleAPICalled"
                and event["params"]["type"] in ("error", "warning", "assert")
            )
        ]

    def num_navigations(self) -> int:
        """How often the page itself, no frame of it, was loaded."""
        self.evaluate("1")
        return sum(e["method"] == "Page.frameNavigated" and "parentId" not in e["params"]["frame"] for e in self.events)


def _is_overtaken(event: dict[str, Any]) -> bool:
    return event["params"]["exceptionDetails"].get("exception", {}).get("type") == "undefined"


@contextlib.contextmanager
def open_page(address: str, profile: Path, width: int = 1000) -> Iterator[Page]:
    """A page in a browser of its own."""
    (browser_in, to_browser), (from_browser, browser_out) = os.pipe(), os.pipe()
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},800"]
    # the browser reads from descriptor 3 and writes to 4
    browser = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{browser_in} 4>&{browser_out}', "bash", *map(str, command)],
        pass_fds=(browser_in, browser_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(profile)},
    )
    os.close(browser_in)
    os.close(browser_out)
    try:
        page = Page(to_browser, from_browser)
        page.call("Page.navigate", url=address)
        page.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'")
        yield page
    finally:
        browser.terminate()
        browser.wait()
        os.close(to_browser)
        os.close(from_browser)
